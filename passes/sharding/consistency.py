"""Whether a split module is split consistently: how weights and states lie, and what is made of them
through bodies of functions and kernels, their calls, stacks and loops, to what a step returns.

Each operation is asked by its rule for the whole model (`wholes.py`), so no rule stands twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue

from ...dialects import kernel, nn
from ...dialects.module_machine import sockets_of
from ...dialects.operation import ComputeOp, SocketExchangeOp
from ...dialects.sharding import (
    PARTIAL,
    REPLICATED,
    CannotSplit,
    Heads,
    Layout,
    Placement,
    Replicated,
    Split,
    shifted,
)
from ...dialects.tensors import SlicedCallOp, shape_of
from ..diagnostics import fail
from .wholes import Contradiction, result_of


@dataclass(frozen=True)
class Lies:
    """What is known of a value."""

    layout: Layout | None = REPLICATED
    """None where that is not known."""
    name: str = ""
    """Of the weight or state that it is, or is made of; empty for what is computed."""
    is_free: bool = False
    """It is a weight, a state, or a view of weights."""

    def moved(self, axes: int) -> Lies:
        """The same so many axes further right, as in a stack, or, where negative, of one of its slices."""
        if not isinstance(self.layout, Split):
            return self
        if self.layout.axis + axes < 0:
            return replace(self, layout=None)
        return replace(self, layout=shifted(self.layout, axes))


UNKNOWN = Lies(None)
_HOST = "put its parts together or add it up before"


def check_split(module: ModuleOp) -> None:
    """Check a module at the level nn or kernel; one that is whole is consistent.

    Raises: PassFailedException where an operation needs an operand otherwise than it lies, where summands
        are not added up, and where the host would read parts. What no rule knows is taken for right.
    """
    if any(_is_part(op) for op in module.ops):
        _Check(module).run()


def _is_part(op: Operation) -> bool:
    return isinstance(op, nn.WeightOp | nn.StateOp) and op.shard_parts is not None


class _Check:
    """The walk through a module."""

    def __init__(self, module: ModuleOp):
        self._module = module
        self._sockets = sockets_of(module)
        self._symbols = {name.data: op for op in module.ops if (name := _symbol(op)) is not None}
        self._zeros: dict[str, list[tuple[int, ...]]] = {}
        """Elements and zeros that the KV heads of a state may have; its uses say which."""
        self._globals = {
            name: self._of_global(op)
            for name, op in self._symbols.items()
            if isinstance(op, nn.WeightOp | nn.StateOp)
        }
        self._called: dict[tuple[str, tuple[Lies, ...]], tuple[Lies, ...]] = {}

    def run(self) -> None:
        """Walk through the steps; what nothing calls says nothing."""
        for op in self._module.ops:
            if isinstance(op, kernel.ScheduleOp) or (isinstance(op, FuncOp) and not nn.is_layer(op)):
                for block in op.body.blocks:
                    self._body(block, [Lies()] * len(block.args), {}, is_step=True)

    # What weights and states say of themselves.

    def _of_global(self, op: nn.WeightOp | nn.StateOp) -> Lies:
        name = op.sym_name.data
        parts = 1 if op.shard_parts is None else op.shard_parts.value.data
        if self._sockets % parts:
            fail(op, f"@{name} has {parts} parts, and there are {self._sockets} sockets")
        if isinstance(op, nn.StateOp):
            return self._of_state(op, name, parts)
        if parts == 1 or op.shard_axis is None:
            return Lies(REPLICATED, name, True)
        if op.stacked is not None and op.shard_axis.value.data == 0:
            fail(op, f"@{name} is split along axis 0, which counts layers", "split what each layer has")
        runs = () if op.shard_runs is None else tuple(map(int, op.shard_runs.get_values()))
        return Lies(Split(op.shard_axis.value.data, parts, runs, repeats=op.repeats), name, True)

    def _of_state(self, op: nn.StateOp, name: str, parts: int) -> Lies:
        if parts == 1:
            return Lies(REPLICATED, name, True)
        shape, axis = op.type.get_shape(), 1 if op.stacked is None else 2
        if len(shape) != axis + 3:
            return Lies(None, name, True)
        padded = shape[axis] * parts
        heads = [kv for kv in range(1, padded + 1) if Heads(kv, kv, self._sockets).padded_kv == padded]
        self._zeros[name] = [() if kv == padded else (kv, padded - kv) for kv in reversed(heads)]
        return Lies(Split(axis, parts), name, True)

    # Bodies.

    def _body(
        self, block: Block, given: Sequence[Lies], around: Mapping[SSAValue, Lies], *, is_step: bool = False
    ) -> tuple[Lies, ...]:
        """Walk through a body; gives how the operands of its end lie."""
        known: dict[SSAValue, Lies] = {**around, **dict(zip(block.args, given, strict=True))}
        for op in block.ops:
            operands = [known.get(value, UNKNOWN) for value in op.operands]
            if isinstance(op, ReturnOp | kernel.ReturnOp | kernel.YieldOp):
                if is_step:
                    self._expect_whole(op, operands, "the step returns")
                return tuple(operands)
            known.update(zip(op.results, self._results(op, operands, known), strict=True))
        return ()

    def _results(
        self, op: Operation, operands: Sequence[Lies], known: Mapping[SSAValue, Lies]
    ) -> Sequence[Lies]:
        match op:
            case nn.GetGlobalOp():
                return (self._globals.get(op.global_name.root_reference.data, UNKNOWN),)
            case SlicedCallOp():
                return self._call(op, operands)
            case kernel.StackOp():
                return (self._stack(op, operands),)
            case kernel.LoopOp():
                return self._loop(op, operands, known)
            case kernel.StepsOp():
                return self._steps(op, operands, known)
            case kernel.GroupOp():
                return self._body(op.body.block, (), known)
            case nn.ObserveOp():
                self._expect_whole(op, operands, "the host reads")
                return ()
            case ComputeOp():
                lies = self._compute(op, operands)
                return [lies] * len(op.results)
            case _:
                return [UNKNOWN] * len(op.results)

    def _expect_whole(self, op: Operation, operands: Sequence[Lies], what: str) -> None:
        for number, one in enumerate(operands):
            if one.layout is not None and not isinstance(one.layout, Replicated):
                fail(op, f"{what} {_called(number, one)}, which lies {one.layout}", _HOST)

    def _call(self, op: SlicedCallOp, operands: Sequence[Lies]) -> Sequence[Lies]:
        name = op.callee.root_reference.data
        callee = self._symbols.get(name)
        if not isinstance(callee, FuncOp | kernel.FuncOp) or len(callee.body.blocks) != 1:
            return [UNKNOWN] * len(op.results)
        pairs = zip(operands, op.arguments, callee.args, strict=True)
        given = tuple(one.moved(_rank(argument) - _rank(value)) for one, value, argument in pairs)
        key = name, given
        if key not in self._called:
            self._called[key] = self._body(callee.body.block, given, {})
        return self._called[key]

    def _stack(self, op: kernel.StackOp, operands: Sequence[Lies]) -> Lies:
        for number, one in enumerate(operands):
            if one.layout != operands[0].layout:
                first = f"{_called(0, operands[0])} {operands[0].layout}"
                fail(op, f"{_called(number, one)} of a stack lies {one.layout}, {first}")
        return operands[0].moved(1)

    def _loop(
        self, op: kernel.LoopOp, operands: Sequence[Lies], known: Mapping[SSAValue, Lies]
    ) -> Sequence[Lies]:
        carried, stacks = operands[: len(op.carried)], operands[len(op.carried) :]
        windows = zip(stacks, op.window_lengths, strict=True)
        slices = [one if length else one.moved(-1) for one, length in windows]
        *_, last = self._iterations(op.body.block, op.count.value.data, carried, slices, known)
        return last

    def _steps(
        self, op: kernel.StepsOp, operands: Sequence[Lies], known: Mapping[SSAValue, Lies]
    ) -> Sequence[Lies]:
        carried, counted = operands[: len(op.carried)], operands[len(op.carried) :]
        made = [*self._iterations(op.body.block, op.count.value.data, carried, counted, known)]
        together = [set(one) for one in zip(*made, strict=True)]
        return [one.pop().moved(1) if len(one) == 1 else UNKNOWN for one in together]

    def _iterations(
        self,
        body: Block,
        count: int,
        carried: Sequence[Lies],
        others: Sequence[Lies],
        known: Mapping[SSAValue, Lies],
    ) -> Iterator[Sequence[Lies]]:
        """How what a loop carries lies after each iteration, until it lies as before."""
        for _ in range(count):
            made = self._body(body, [*carried, *others], known)
            yield made
            if [one.layout for one in made] == [one.layout for one in carried]:
                return
            carried = made

    # Operations.

    def _compute(self, op: ComputeOp, operands: Sequence[Lies]) -> Lies:
        try:
            layout = self._layout(op, operands)
        except Contradiction as error:
            fail(op, error.message, error.way_out)
        except CannotSplit as refusal:
            fail(op, refusal.message, refusal.way_out)
        is_view = bool(op.WEIGHTS) and all(operands[number].is_free for number in op.WEIGHTS)
        return Lies(layout, operands[op.WEIGHTS[0]].name if is_view else "", is_view)

    def _layout(self, op: ComputeOp, operands: Sequence[Lies]) -> Layout | None:
        layouts = [one.layout for one in operands]
        if None in layouts:
            return None
        if isinstance(op, SocketExchangeOp):
            return op.exchanged(layouts[0] or REPLICATED)
        if PARTIAL in layouts:
            return self._of_summands(op, operands)
        if not op.ACROSS_SOCKETS and all(isinstance(one, Replicated) for one in layouts):
            return REPLICATED
        return self._by_rule(op, operands)

    def _of_summands(self, op: ComputeOp, operands: Sequence[Lies]) -> Layout:
        if op.KEEPS_SUMS and all(one.layout is PARTIAL for one in operands):
            return PARTIAL
        number = next(number for number, one in enumerate(operands) if one.layout is PARTIAL)
        message = f"{op.name} reads {_called(number, operands[number])} {PARTIAL}"
        raise Contradiction(message, "add it up over the sockets before")

    def _by_rule(self, op: ComputeOp, operands: Sequence[Lies]) -> Layout | None:
        """As its rule says, for one of the ways in which states among its operands may have zeros."""
        free = frozenset(number for number, one in enumerate(operands) if one.is_free)
        names = [_called(number, one) for number, one in enumerate(operands)]
        found: list[tuple[Mapping[str, tuple[int, ...]], Layout | None]] = []
        first: Contradiction | None = None
        for zeros in self._ways(operands):
            try:
                made = result_of(op, [_placed(one, zeros) for one in operands], free, names, self._sockets)
                found.append((zeros, made))
            except Contradiction as error:
                first = first or error
        if not found and first is not None:
            raise first
        for name in found[0][0]:
            self._zeros[name] = [*dict.fromkeys(zeros[name] for zeros, _ in found)]
        results = {made for _, made in found}
        return results.pop() if len(results) == 1 else None

    def _ways(self, operands: Sequence[Lies]) -> Iterator[Mapping[str, tuple[int, ...]]]:
        names = [*dict.fromkeys(one.name for one in operands if one.name in self._zeros)]
        for runs in product(*(self._zeros[name] for name in names)):
            yield dict(zip(names, runs, strict=True))


def _placed(lies: Lies, zeros: Mapping[str, tuple[int, ...]]) -> Placement:
    assert isinstance(lies.layout, Split | Replicated)
    if isinstance(lies.layout, Split) and lies.name in zeros:
        return replace(lies.layout, runs=zeros[lies.name])
    return lies.layout


def _called(number: int, lies: Lies) -> str:
    """An operand in a message."""
    return f"operand {number}, @{lies.name}," if lies.name else f"operand {number}"


def _rank(value: SSAValue) -> int:
    return len(shape_of(value))


def _symbol(op: Operation) -> StringAttr | None:
    name = op.properties.get("sym_name")
    return name if isinstance(name, StringAttr) else None
