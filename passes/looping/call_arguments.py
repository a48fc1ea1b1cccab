"""What the operands of repeated calls are over the rounds of a run, and what the calls do to memory.

A run is `period` calls, repeated; a round is one repetition, a phase the place of a call in its round. Where
a loop takes the place of the calls, its operands follow a rule from round to round.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from xdsl.ir import Operation, OpResult, SSAValue

from ...dialects.kernel import CallOp, FuncOp, ReturnOp, Root, root_of
from ...dialects.nn import GetGlobalOp, ObserveOp

Source = TypeVar("Source", covariant=True)
"""What things outside a loop are known as; for a run in a schedule they are its values."""


@dataclass(frozen=True)
class Local:
    """A result of an earlier call of the same round."""

    phase: int
    result: int


@dataclass(frozen=True)
class Carried(Generic[Source]):
    """A result of a call of the round before, in the first round `initial`."""

    phase: int
    result: int
    initial: Source


@dataclass(frozen=True)
class Invariant(Generic[Source]):
    """The same value in every round."""

    value: Source


@dataclass(frozen=True)
class Slices(Generic[Source]):
    """Slice `start + round * stride` of a stack; with a stride of 0 the same slice in every round."""

    stack: Source
    start: int
    stride: int
    length: int = 0
    """Slices of the window from there on that a loop inside walks; 0 for a slice by itself."""


@dataclass(frozen=True)
class Gathered:
    """A weight or state of its own for every round; `kernel.stack` demands them as one stack."""

    parts: tuple[SSAValue, ...]

    @cached_property
    def _hash(self) -> int:
        return hash(self.parts)

    def __hash__(self) -> int:
        """Computed once: there are as many parts as rounds, and searches ask often."""
        return self._hash


Argument = Local | Carried[SSAValue] | Invariant[SSAValue] | Slices[SSAValue] | Gathered


@dataclass(frozen=True)
class Operand:
    """An operand of a call of a run."""

    value: SSAValue
    index: int | None
    """The slice of the value that the call takes."""
    source: tuple[int, int, int] | None
    """Round, phase and result where a call of the run makes the value."""

    @property
    def can_be_stacked(self) -> bool:
        """Whether it is a whole weight or state: something whose place in memory is ours to choose."""
        return self.index is None and isinstance(self.value.owner, GetGlobalOp)


def guess_argument(first: Operand, second: Operand) -> Argument:
    """What an operand may be over a run, from its first two rounds; `misfit` tells whether it is."""
    if first.source is not None:
        return Local(*first.source[1:])
    if second.source is not None and first.index is None:
        return Carried(*second.source[1:], first.value)
    if first.index is not None:
        stride = second.index - first.index if second.index is not None else 0
        return Slices(first.value, first.index, stride)
    if root_of(first.value) != root_of(second.value) and first.can_be_stacked:
        return Gathered((first.value,))
    return Invariant(first.value)


def misfit(argument: Argument, operand: Operand, round: int, seen: set[Root]) -> str | None:
    """Why an operand is not in this round what it has been so far; None if it is.

    `seen` holds the values that a gathered operand had in the rounds before.
    """
    if _fits(argument, operand, round, seen):
        return None
    found = describe(operand.value)
    if operand.index is not None:
        found = f"slice {operand.index} of {found}"
    match argument:
        case Local():
            return f"is {found}, and was made in the same iteration before"
        case Carried():
            return f"is {found}, no result of the iteration before"
        case Slices(stack, start, stride):
            wanted = f"slice {start + round * stride} of {describe(stack)}"
            return f"is {found}, a constant stride of {stride} asks for {wanted}"
        case Gathered() if operand.can_be_stacked:
            return f"is {found} once more, which cannot lie at two places of a stack"
        case Gathered():
            return f"is {found}, and only whole weights and states can be stacked"
        case Invariant(value):
            return f"is {found}, and was {describe(value)}"


def _fits(argument: Argument, operand: Operand, round: int, seen: set[Root]) -> bool:
    match argument:
        case Local(phase, result):
            return operand.index is None and operand.source == (round, phase, result)
        case Carried(phase, result):
            return operand.index is None and operand.source == (round - 1, phase, result)
        case Slices(stack, start, stride):
            same = root_of(stack) == root_of(operand.value)
            return same and operand.index == start + round * stride
        case Gathered():
            return operand.can_be_stacked and root_of(operand.value) not in seen
        case Invariant(value):
            return operand.index is None and root_of(value) == root_of(operand.value)


def describe(value: SSAValue) -> str:
    """A value of a schedule in words."""
    match value.owner:
        case GetGlobalOp(global_name=name):
            return f"@{name.string_value()}"
        case CallOp() as call:
            assert isinstance(value, OpResult), "a call makes results"
            return f"result {value.index} of {call_name(call)}"
        case _:
            return f"%{value.name_hint}" if value.name_hint else "another value"


def all_parts(argument: Argument, operand: int, calls: list[CallOp]) -> Argument:
    """An operand of these calls, one a round; what it gathers is known once they are."""
    if not isinstance(argument, Gathered):
        return argument
    return Gathered(tuple(call.arguments[operand] for call in calls))


def place_name(operand: Operand) -> str:
    """What an operand names, in words."""
    part = f"slice {operand.index} of " if operand.index is not None else ""
    return f"{part}{describe(operand.value)}"


def call_name(call: CallOp) -> str:
    """A call as it stands in the schedule: `@decoder[3]`."""
    index = f"[{call.index.value.data}]" if call.index is not None else ""
    return f"@{call.callee.string_value()}{index}"


def reader_name(op: Operation) -> str:
    """A reader of a value of the schedule in words."""
    match op:
        case CallOp():
            return call_name(op)
        case ObserveOp():
            return f"the host as '{op.label.data}'"
        case ReturnOp():
            return "the caller of the step"
        case _:
            return op.name


@dataclass(frozen=True)
class Taken:
    """What a call takes, wherever a run begins."""

    value: SSAValue
    index: int | None
    """The slice of the value that the call takes."""
    maker: tuple[int, int] | None
    """Position and result of the call that makes it."""


def taken_by(call: CallOp, kernel: FuncOp, positions: dict[CallOp, int]) -> tuple[Taken, ...]:
    """The operands of a call of a kernel; `positions` has those of the calls before it."""
    index = call.index.value.data if call.index is not None else None
    pairs = zip(call.arguments, kernel.function_type.inputs, strict=True)
    return tuple(
        Taken(value, index if value.type != type_ else None, _maker(value, positions))
        for value, type_ in pairs
    )


def _maker(value: SSAValue, positions: dict[CallOp, int]) -> tuple[int, int] | None:
    if not isinstance(value, OpResult) or not isinstance(value.op, CallOp):
        return None
    return positions[value.op], value.index


@dataclass(frozen=True)
class Window:
    """Where a run begins in the list of a schedule's calls, and how many calls make a round."""

    start: int
    period: int
    positions: dict[CallOp, int]
    taken: dict[CallOp, tuple[Taken, ...]]

    def place(self, call: CallOp) -> tuple[int, int]:
        """Round and phase of a call; the round is negative before the run."""
        return divmod(self.positions[call] - self.start, self.period)

    def operands(self, call: CallOp) -> list[Operand]:
        """The operands of a call of the run."""
        return [Operand(taken.value, taken.index, self._source(taken.maker)) for taken in self.taken[call]]

    def _source(self, maker: tuple[int, int] | None) -> tuple[int, int, int] | None:
        if maker is None or maker[0] < self.start:
            return None
        return *divmod(maker[0] - self.start, self.period), maker[1]
