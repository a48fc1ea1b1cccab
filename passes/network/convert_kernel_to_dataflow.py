"""Kernels become networks: operations become stages, values channels, arguments streams.

Before:

```mlir
kernel.func @square(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.mul %x, %x : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
```

After:

```mlir
dataflow.kernel @square(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %0 = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %1 = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %2 = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %0, %1 : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>
  dataflow.stage "mul.y" firings 1 ins(%0, %1 : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>) periods [1, 1] outs(%2 : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
  ^bb0(%a: tensor<1x8xbf16>, %b: tensor<1x8xbf16>):
    %c = nn.mul %a, %b : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
    dataflow.yield %c : tensor<1x8xbf16>
  }
  dataflow.store %2 result 0 : !dataflow.channel<tensor<1x8xbf16>>
}
```

Everything is whole here, one firing an iteration; `tile-stages` cuts it. Each `kernel.loop` becomes one of
the network's loops, in one another and in a row as they stand: slices of stacks become streams that stride
through them, what does not change in a loop is loaded before it and held, and the carried value runs through
a unit that hands it from iteration to iteration. Slices that ids name are loaded by these ids.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import AnyFloat, FunctionType, ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.transforms.dead_code_elimination import would_be_trivially_dead

from ...dialects import dataflow, kernel
from ...dialects.dataflow import UnitOp
from ...dialects.dataflow_loops import Slices, set_loops
from ...dialects.loop_tree import Loop, LoopTree
from ...dialects.operation import ComputeOp
from ...dialects.tensors import element_type_of, end_of
from ...dialects.vocabulary import CALL, ITERATION, STEP, Rate
from ..diagnostics import fail
from .conversions import convert_special
from .wires import Memory, NetworkBuilder, Wire, add_copy, add_stage


@dataclass(frozen=True)
class ConvertKernelToDataflowPass(ModulePass):
    """Turn every `kernel.func` into a `dataflow.kernel`; the schedule stays as it is."""

    name: ClassVar[str] = "convert-kernel-to-dataflow"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for func in [func for func in op.ops if isinstance(func, kernel.FuncOp)]:
            Rewriter.replace_op(func, build_network(func))


def _label(op: Operation) -> str:
    short = op.name.split(".")[-1]
    hint = op.results[0].name_hint if op.results else None
    return f"{short}.{hint}" if hint else short


def _convert_compute(builder: NetworkBuilder, op: Operation) -> None:
    """One operation, one stage."""
    inputs = [builder.held(operand, op) for operand in op.operands]

    def compute(arguments: Sequence[SSAValue]) -> tuple[list[Operation], SSAValue, list[SSAValue]]:
        clone = op.clone()
        clone.operands = arguments
        return [clone], clone.results[0], []

    types = [operand.type for operand in op.operands]
    builder.sources[op.results[0]] = add_stage(builder, op, _label(op), inputs, types, compute)


def _convert_op(builder: NetworkBuilder, op: Operation) -> None:
    if convert_special(builder, op):
        return
    if not isinstance(op, ComputeOp):
        fail(op, f"{op.name} has no form as a stage")
    _convert_compute(builder, op)


def _convert_block(builder: NetworkBuilder, block: Block) -> None:
    """All operations whose results are read; a unit without readers could not end."""
    for op in _live_ops(block):
        match op:
            case kernel.LoopOp():
                _convert_loop(builder, op)
            case kernel.StepsOp():
                _convert_steps(builder, op)
            case kernel.ReturnOp() | kernel.YieldOp():
                pass
            case _:
                _convert_op(builder, op)


def _live_ops(block: Block) -> list[Operation]:
    dead: set[Operation] = set()
    for op in reversed(list(block.ops)):
        readers = {use.operation for result in op.results for use in result.uses}
        if would_be_trivially_dead(op) and readers <= dead:
            dead.add(op)
    return [op for op in block.ops if op not in dead]


def _convert_steps(builder: NetworkBuilder, steps: kernel.StepsOp) -> None:
    """The step once: its carried values through carries from step to step, its results one behind another.

    With a stop token the carry knows which rows are done, so the results are what it makes of the tokens.
    """
    carried, arguments = len(steps.carried), steps.body.block.args
    inits = [builder.own_load(value, steps, CALL) for value in steps.carried]
    builder.rate = builder.loops[steps]
    currents = [Wire(argument.type, builder.rate) for argument in arguments[:carried]]
    builder.sources |= dict(zip(arguments[:carried], currents, strict=True))
    for argument, first in zip(arguments[carried:], steps.counted, strict=True):
        builder.sources[argument] = Memory(builder.memory(first, steps).argument, counted=True)
    nexts: list[SSAValue] = []
    stopped = Wire(arguments[0].type, builder.rate)
    for number, current in enumerate(currents):
        _carry(builder, steps, (inits, nexts, number), None, current, stopped)
    _convert_block(builder, steps.body.block)
    last = end_of(steps.body.block)
    nexts += [builder.fresh(value, last) for value in last.operands]
    for value, result in zip(last.operands, steps.res, strict=True):
        stops, number = steps.stop is not None, _returned_as(result, steps)
        channel = builder.channel(stopped, last, "tokens") if stops else builder.fresh(value, last)
        builder.unit(
            last,
            lambda channel=channel, number=number: dataflow.StoreOp(
                channel, result=number, slices=Slices(0, 1)
            ),
        )
    builder.rate = CALL


def _returned_as(result: SSAValue, steps: kernel.StepsOp) -> int:
    """The number of the kernel's result that a result of its steps is.

    Raises: PassFailedException where it is not returned just once.
    """
    uses = [use for use in result.uses if isinstance(use.operation, kernel.ReturnOp)]
    if len(uses) != 1 or result.uses.get_length() != 1:
        fail(steps, "a result of the steps is not just returned, once; it is in memory only then")
    return uses[0].index


def _convert_loop(builder: NetworkBuilder, loop: kernel.LoopOp) -> None:
    """The body once, its carried values through carries."""
    carried, arguments = len(loop.carried), loop.body.block.args
    inits, outside, name = _inits(builder, loop), builder.rate, builder.loops[loop]
    currents = [Wire(argument.type, name) for argument in arguments[:carried]]
    builder.sources |= dict(zip(arguments[:carried], currents, strict=True))
    walks = zip(arguments[carried:], loop.stacks, loop.slices, loop.window_lengths, strict=True)
    for argument, stack, slices, window in walks:
        builder.sources[argument] = _walked(builder, stack, loop, slices, is_window=window > 0)
    finals = [Wire(result.type, outside) for result in loop.res]
    builder.sources |= dict(zip(loop.res, finals, strict=True))
    builder.rate = name
    nexts: list[SSAValue] = []
    for number, (final, current) in enumerate(zip(finals, currents, strict=True)):
        _carry(builder, loop, (inits, nexts, number), final, current)
    _convert_block(builder, loop.body.block)
    last = end_of(loop.body.block)
    nexts += [builder.fresh(value, last) for value in last.operands]
    builder.rate = outside
    for result in loop.res:
        if _has_many_readers(result):
            builder.sources[result] = _copied(builder, loop, f"end.{result.name_hint or 'x'}", result)


def _walked(
    builder: NetworkBuilder, stack: SSAValue, loop: kernel.LoopOp, slices: tuple[int, int], *, is_window: bool
) -> Memory:
    """What a loop hands its body of a stack: slices, or windows of some in a row.

    Raises: PassFailedException for a stack of stacks that another loop has taken a slice of.
    """
    memory = builder.memory(stack, loop)
    if memory.start is not None and not memory.is_window:
        fail(loop, "a loop walks along a slice of a stack of stacks; give it a window of one stack")
    return memory.walked(builder.loops[loop], *slices, is_window=is_window)


def _has_many_readers(value: SSAValue) -> bool:
    """Whether more than one unit reads the end of a loop, or it goes on to the next round of another one."""
    readers = [use.operation for use in value.uses]
    return len(readers) > 1 or any(isinstance(reader, kernel.YieldOp) for reader in readers)


def _inits(builder: NetworkBuilder, loop: kernel.LoopOp) -> list[SSAValue]:
    """Channels with the first carried values: from memory, or from stages that cut them as the loop does."""
    inits: list[SSAValue] = []
    for value in loop.carried:
        if isinstance(builder.sources[value], Memory):
            inits.append(builder.own_load(value, loop, builder.rate))
        else:
            begin = _copied(builder, loop, f"begin.{value.name_hint or 'x'}", value)
            inits.append(builder.channel(begin, loop, value.name_hint))
    return inits


def _copied(builder: NetworkBuilder, loop: Operation, label: str, value: SSAValue) -> Wire:
    """A value that a loop begins or ends with, cut as the loop cuts it.

    Raises: PassFailedException where it has no floats.
    """
    if not isinstance(element_type_of(value), AnyFloat):
        fail(loop, f"a loop inside a step carries a {value.type}; it can carry floats alone")
    return add_copy(builder, loop, label, value)


def _carry(
    builder: NetworkBuilder,
    loop: kernel.LoopOp | kernel.StepsOp,
    sources: tuple[list[SSAValue], list[SSAValue], int],
    final: Wire | None,
    current: Wire,
    stopped: Wire | None = None,
) -> None:
    """A carry; `sources` are the first values, the next ones (known when the body is there), its number.

    `stopped` gets what the steps of a loop with a stop token make.
    """

    def make() -> UnitOp:
        inits, nexts, number = sources
        end = final.channels[0] if final is not None and final.channels else None
        made = () if stopped is None else stopped.channels
        stop = loop.stop.value.data if isinstance(loop, kernel.StepsOp) and loop.stop is not None else None
        return dataflow.CarryOp(1, inits[number], nexts[number], end, current.channels, made, stop)

    builder.unit(loop, make)


def _store_results(builder: NetworkBuilder, terminator: Operation) -> None:
    for number, value in enumerate(terminator.operands):
        if isinstance(value.owner, kernel.StepsOp):
            continue  # each step has stored its part
        wire = builder.wire(value, terminator)
        channel = builder.channel(wire, terminator, value.name_hint)
        builder.unit(
            terminator,
            lambda channel=channel, number=number: dataflow.StoreOp(channel, result=number),
            wire.rate,
        )


def _name_loops(block: Block, around: Rate, found: dict[Operation, Loop]) -> None:
    """Give the loops of a block their names, in program order; each stands behind the one around it."""
    for op in block.ops:
        if not isinstance(op, kernel.LoopOp | kernel.StepsOp):
            continue
        number = sum(isinstance(other, kernel.LoopOp) for other in found)
        name = STEP if isinstance(op, kernel.StepsOp) else f"{ITERATION}_{number}" if number else ITERATION
        found[op] = Loop(name, op.count.value.data, around)
        _name_loops(op.body.block, name, found)


def build_network(func: kernel.FuncOp) -> dataflow.KernelOp:
    """The network of a kernel, all tiles whole.

    Raises: PassFailedException where the kernel has no network, as where nothing can order uses of a cache.
    """
    found: dict[Operation, Loop] = {}
    _name_loops(func.body.block, CALL, found)
    signature = FunctionType.from_lists(func.function_type.inputs.data, func.function_type.outputs.data)
    network = dataflow.KernelOp(func.sym_name.data, signature)
    set_loops(network.attributes, LoopTree(tuple(found.values())))
    network.location = func.location
    builder = NetworkBuilder(network, {op: loop.name for op, loop in found.items()})
    for old, new in zip(func.args, network.args, strict=True):
        new.name_hint = old.name_hint
        builder.sources[old] = Memory(new)
    _convert_block(builder, func.body.block)
    _store_results(builder, end_of(func.body.block))
    return builder.finish()
