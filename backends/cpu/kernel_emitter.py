"""The C of one kernel: its arguments, its operations in order, its loops over layers and decode steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from ...dialects.failing import raise_about
from ...dialects.kernel import FuncOp, ReturnOp
from ...dialects.kernel_loops import LoopOp, StepsOp, YieldOp
from ...dialects.nn import CacheAppendOp
from ...dialects.nn_rope import RopeOp
from ..specs import attributes_of, tensor_spec
from ..tensors import TensorSpec
from . import products
from .body import UNIT, Body, Buffer, Program, UnsupportedError, listed
from .layouts import Layout
from .source import KernelFunction, RopeTable

Emitter = Callable[[Body, str, Sequence[Buffer], Mapping[str, Any], Buffer], None]
"""Writes an operation of a name: its operands, attributes and the buffer of its result."""


def fail(op: Operation, message: str) -> NoReturn:
    """Raises: UnsupportedError about an operation."""
    raise_about(op, UnsupportedError(message))


class KernelEmitter:
    """Writes one kernel."""

    def __init__(
        self,
        program: Program,
        kernel: FuncOp,
        layouts: tuple[Layout, ...],
        operations: Mapping[str, Emitter],
    ):
        self._kernel, self._layouts, self._operations = kernel, layouts, operations
        self._program, self._body = program, Body(program)
        self._tables: dict[tuple[Any, ...], str] = {}
        self._made_tables: list[RopeTable] = []
        self._steps = next((op for op in kernel.body.walk() if isinstance(op, StepsOp)), None)
        self._step = ""
        """The name of the number of the decode step, within a loop over them."""

    def emit(self) -> tuple[KernelFunction, str]:
        """The function, and its text."""
        kernel, body = self._kernel, self._body
        outside = {*self._program.names}
        for argument, layout in zip(kernel.args, self._layouts, strict=True):
            self._declare(argument, layout)
        results = [self._spec(kernel, type_) for type_ in kernel.function_type.outputs]
        last = kernel.body.block.last_op
        assert isinstance(last, ReturnOp), "verified"
        given: list[tuple[SSAValue, Buffer]] = []
        for number, (value, spec) in enumerate(zip(last.arguments, results, strict=True)):
            target = Buffer(self._program.name(f"result_{number}" if number else "result"), spec)
            body.line(f"{target.type} *{target.name} = arguments[{len(kernel.args) + number}];")
            given.append((value, target))
            if not isinstance(value, BlockArgument) and value not in body.buffers:
                body.buffers[value] = target
        self._block(kernel.body.block)
        for value, target in given:
            if body.buffers[value].name != target.name:
                self._copy(body.buffers[value], target)
        name = self._program.name(kernel.sym_name.data)
        self._program.names = outside | {name}
        tables = [
            f"  const double *{table} = arguments[{len(kernel.args) + len(results) + n}];"
            for n, table in enumerate(self._tables.values())
        ]
        lines = [
            f"/* kernel.func @{kernel.sym_name.data} */",
            f"static void {name}_body(kl_thread *thread, void **arguments) {{",
        ]
        text = "\n".join([*lines, *tables, *body.lines, "}"])
        text += f"\n\nvoid {name}(void **arguments) {{ kl_call({name}_body, arguments); }}"
        return KernelFunction(name, self._layouts, tuple(results), tuple(self._made_tables)), text

    def _declare(self, argument: BlockArgument, layout: Layout) -> None:
        spec, number = self._spec(self._kernel, argument.type), argument.index
        name = self._program.name(argument.name_hint or f"argument_{number}")
        buffer = Buffer(name, spec, layout.stacked, layout.transposed)
        stars = "**" if layout.stacked else "*"
        self._body.line(f"{buffer.type} {stars}{name} = arguments[{number}];")
        self._body.buffers[argument] = buffer

    def _spec(self, op: Operation, type_: Any) -> TensorSpec:
        try:
            return tensor_spec(type_)
        except ValueError as error:
            fail(op, str(error))

    def _new(self, value: SSAValue, hint: str = "value") -> Buffer:
        """The buffer of a value: static memory, if nothing else was said of it."""
        if value in self._body.buffers:
            return self._body.buffers[value]
        assert value.owner is not None
        spec = self._spec(self._kernel, value.type)
        buffer = Buffer(self._program.name(value.name_hint or hint), spec)
        self._body.line(
            f"static {buffer.type} {buffer.name}[{max(spec.elements, 1)}] __attribute__((aligned(64)));"
        )
        self._body.buffers[value] = buffer
        return buffer

    def _block(self, block: Block) -> None:
        for op in block.ops:
            match op:
                case LoopOp():
                    self._loop(op)
                case StepsOp():
                    self._steps_loop(op)
                case ReturnOp() | YieldOp():
                    pass
                case _:
                    self._operation(op)

    def _operation(self, op: Operation) -> None:
        body, attributes = self._body, attributes_of(op)
        operands = [body.buffers[value] for value in op.operands]
        if stack := next((one for one in operands if one.stacked), None):
            fail(op, f"{op.name} works on the whole stack {stack.name}; it can only be sliced")
        if isinstance(op, CacheAppendOp):
            body.line(f"/* {op.name} {listed([one.name for one in operands])} */")
            products.append(body, operands, ring=op.ring is not None)
            return
        if op.name not in self._operations and not isinstance(op, RopeOp):
            fail(op, f"{op.name} has no C form: the target cpu knows the operations of nn on one socket")
        (value,) = op.results
        result = self._new(value, op.name.partition(".")[2])
        body.line(f"/* {result.name} = {op.name} {listed([one.name for one in operands])} */")
        try:
            if isinstance(op, RopeOp):
                table, pairs = self._table(op, attributes)
                products.rope(body, operands, attributes, result, table, pairs)
            else:
                self._operations[op.name](body, op.name, operands, attributes, result)
        except UnsupportedError as error:
            fail(op, str(error))

    def _table(self, op: RopeOp, attributes: Mapping[str, Any]) -> tuple[str, int]:
        """The pointer to the factors of a rotation at this step, and how many pairs they rotate."""
        argument, own = op.position, ""
        steps = 1
        if (
            self._steps is not None
            and isinstance(argument, BlockArgument)
            and argument.owner is self._steps.body.block
        ):
            number = argument.index - len(self._steps.carried)
            if number >= 0:
                argument, own, steps = self._steps.counted[number], self._step, self._steps.count.value.data
        if not isinstance(argument, BlockArgument) or argument.owner is not self._kernel.body.block:
            fail(op, "nn.rope at a position that is computed has no C form; positions are inputs of the step")
        key = (tuple(sorted(attributes.items())), argument.index, steps)
        if key not in self._tables:
            self._tables[key] = self._program.name("rotation")
            self._made_tables.append(RopeTable(attributes, argument.index, steps))
        table, pairs = self._tables[key], len(attributes["frequencies"])
        return (f"({table} + {own} * {2 * pairs})" if own else table), pairs

    def _loop(self, op: LoopOp) -> None:
        body = self._body
        carried = self._carried(op.carried, op.res, op.body.block.args)
        turn = self._program.name("i")
        body.barrier()
        with body.loop(turn, 0, op.count.value.data):
            arguments = op.body.block.args[len(op.carried) :]
            walks = zip(op.stacks, arguments, op.slices, op.window_lengths, strict=True)
            for stack, argument, (start, stride), window in walks:
                self._slice(body.buffers[stack], argument, f"{start} + {turn} * {stride}", window)
            self._block(op.body.block)
            self._hand_over(op.body.block, carried)
            body.barrier()

    def _slice(self, stack: Buffer, argument: BlockArgument, index: str, window: int) -> None:
        """Declare a slice of a stack, or a window of it, as the pointer of the body's argument."""
        spec = self._spec(self._kernel, argument.type)
        name = self._program.name(argument.name_hint or "slice")
        index = index.removeprefix("0 + ").removesuffix(" * 1")
        if stack.stacked:
            stars, value = ("**", f"{stack.name} + {index}") if window else ("*", f"{stack.name}[{index}]")
        else:
            own = TensorSpec(stack.spec.shape[1:], stack.spec.dtype).elements
            stars, value = "*", f"{stack.name} + ({index}) * {own}"
        self._body.line(f"{stack.type} {stars}{name} = {value};")
        is_stack = stack.stacked and window > 0
        self._body.buffers[argument] = Buffer(name, spec, is_stack, stack.transposed)

    def _carried(
        self, values: Sequence[SSAValue], results: Sequence[SSAValue], arguments: Sequence[BlockArgument]
    ) -> list[Buffer]:
        """Buffers of what a loop carries: those of its results, which begin as what it is given."""
        buffers = [self._new(result, "carried") for result in results]
        for value, buffer, argument in zip(values, buffers, arguments, strict=False):
            self._copy(self._body.buffers[value], buffer)
            self._body.buffers[argument] = buffer
        return buffers

    def _hand_over(self, block: Block, carried: Sequence[Buffer]) -> None:
        """Copy what the body yields to what it carries; through other buffers where it only swaps them."""
        last, body = block.last_op, self._body
        assert isinstance(last, YieldOp), "verified"
        made = [body.buffers[value] for value in last.arguments]
        names = {one.name for one in carried}
        for number, (one, target) in enumerate(zip(made, carried, strict=True)):
            if one.name in names and one.name != target.name:
                spare = Buffer(self._program.name("swapped"), one.spec)
                body.line(f"static {spare.type} {spare.name}[{max(one.spec.elements, 1)}];")
                self._copy(one, spare)
                made[number] = spare
        body.writes(*carried)
        for one, target in zip(made, carried, strict=True):
            if one.name != target.name:
                self._copy(one, target)

    def _copy(self, source: Buffer, target: Buffer) -> None:
        body = self._body
        body.reads_own(target.columns, [source])
        with body.shared(target.columns), body.loop("m", 0, target.rows):
            body.line("for (long j = from; j < to; j++)")
            at = f"[m * {target.columns} + j]"
            body.line(f"  {target.name}{at} = {source.name}{at};")
        body.made(target, target.columns)

    def _steps_loop(self, op: StepsOp) -> None:
        """Decode steps: turns are this thread's own; a row that has the stop token is done."""
        body, count = self._body, op.count.value.data
        carried = [
            self._new_carried(value, argument)
            for value, argument in zip(op.carried, op.body.block.args, strict=False)
        ]
        results = [self._new(result, "steps") for result in op.res]
        for value, buffer in zip(op.carried, carried, strict=True):
            self._copy(body.buffers[value], buffer)
        body.barrier()
        self._step = self._program.name("step")
        with body.loop(self._step, 0, count):
            for value, argument in zip(op.counted, op.body.block.args[len(carried) :], strict=True):
                spec = self._spec(op, argument.type)
                own = Buffer(self._program.name(argument.name_hint or "turn"), spec)
                body.line(f"{own.type} {own.name}[1] = {{{body.buffers[value].name}[0] + {self._step}}};")
                body.buffers[argument] = own
            if op.stop is not None:
                self._check_done(op.stop.value.data, carried[0], results[0])
            self._block(op.body.block)
            self._keep_steps(op, carried, results)
            body.barrier()
        self._step = ""

    def _new_carried(self, value: SSAValue, argument: BlockArgument) -> Buffer:
        return self._new(argument, value.name_hint or "carried")

    def _check_done(self, stop: int, tokens: Buffer, result: Buffer) -> None:
        """Which rows are done; once all are, no step follows: the rest of the result is the stop token."""
        body, count = self._body, tokens.spec.elements
        body.done = self._program.name("done")
        body.line(f"unsigned char {body.done}[{count}], all_done = 1;")
        body.line(
            f"for (long m = 0; m < {count}; m++) all_done &= {body.done}[m] = {tokens.name}[m] == {stop};"
        )
        with body.block("if (all_done)"):
            with body.alone():
                body.line(f"for (long j = {self._step} * {count}; j < {result.spec.elements}; j++)")
                body.line(f"  {result.name}[j] = {stop};")
            body.line("break;")

    def _keep_steps(self, op: StepsOp, carried: Sequence[Buffer], results: Sequence[Buffer]) -> None:
        """What the step yields goes into the result, and is what the next one begins with."""
        body, last = self._body, op.body.block.last_op
        assert isinstance(last, YieldOp), "verified"
        made = [body.buffers[value] for value in last.arguments]
        body.barrier()
        for one, result in zip(made, results, strict=True):
            count = one.spec.elements
            with body.shared(count, UNIT), body.loop("j", "from", "to"):
                value = f"{one.name}[j]"
                if op.stop is not None:
                    value = f"{body.done}[j] ? {op.stop.value.data} : {value}"
                body.line(f"{result.name}[{self._step} * {count} + j] = {value};")
        body.barrier()
        for one, target, result in zip(made, carried, results, strict=True):
            count = one.spec.elements
            with body.shared(count, UNIT):
                body.line("for (long j = from; j < to; j++)")
                body.line(f"  {target.name}[j] = {result.name}[{self._step} * {count} + j];")
        body.done = None
