"""What a loop takes from outside, described from its own level.

Levels stand one inside another, so descriptions do too: slices of a window that are slices of a stack; a
carried value that begins with an invariant one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TypeAlias

from xdsl.ir import SSAValue

from .call_arguments import Carried, Gathered, Invariant, Local, Slices


@dataclass(frozen=True)
class Handed:
    """What the loop before takes from outside too, or, where it is carried, what it hands on at its end."""

    argument: LevelArgument


Source: TypeAlias = "SSAValue | Gathered | Handed | LevelArgument"
"""Where what a loop takes comes from: the schedule, the loop before, or the round of the loop around."""

LevelArgument: TypeAlias = "Local | Carried[Source] | Invariant[Source] | Slices[Source]"
"""What an operand of a call is over the rounds of the loop that it stands in."""

Row: TypeAlias = tuple[LevelArgument, ...]


def source_of(argument: LevelArgument) -> Source:
    """What a loop's argument is outside it."""
    match argument:
        case Carried(initial=source) | Invariant(source) | Slices(stack=source):
            return source
        case Local():
            raise AssertionError("it is made inside the loop")


def outside(argument: LevelArgument) -> LevelArgument:
    """What an argument of an inner loop is in the round around it."""
    source = source_of(argument)
    assert isinstance(source, Local | Carried | Invariant | Slices), "an inner loop takes from a round"
    return source


def over_rounds(column: Sequence[LevelArgument], start: int, period: int) -> LevelArgument | None:
    """What an operand is over the rounds of a loop, from what it is in each of them one level up.

    The rounds begin with call `start` of the level above, `period` calls each; None if there is no rule.
    """
    first, second = column[:2]
    if isinstance(first, Local) and first.phase >= start:
        moved = {_moved_back(argument, period * round) for round, argument in enumerate(column)}
        return Local(first.phase - start, first.result) if moved == {first} else None
    if all(argument == first for argument in column):
        return Invariant(first)
    if isinstance(second, Local):
        moved = {_moved_back(argument, period * round) for round, argument in enumerate(column[1:])}
        is_before = start <= second.phase < start + period
        return (
            Carried(second.phase - start, second.result, first) if moved == {second} and is_before else None
        )
    return _walked(column)


def _moved_back(argument: LevelArgument, calls: int) -> LevelArgument:
    return replace(argument, phase=argument.phase - calls) if isinstance(argument, Local) else argument


def _walked(column: Sequence[LevelArgument]) -> Slices[Source] | None:
    """The slices that a loop walks through: of a window of the stack, or of a stack made of several."""
    slices = [argument for argument in column if isinstance(argument, Slices)]
    if len(slices) < len(column):
        return None
    first, last = slices[0], len(slices) - 1
    distance = _outermost(slices[1]).start - _outermost(first).start
    if slices == [_shifted(first, number * distance, 0) for number in range(len(slices))]:
        lowest = min(0, last * distance)
        return Slices(_shifted(first, lowest, last * abs(distance)), -lowest, distance)
    stacks = [stack for one in slices if (stack := gathered_by(one)) is not None]
    alike = [_restacked(one, stacks[0], 1) for one in slices] if len(stacks) == len(slices) else []
    if len(set(alike)) != 1 or len(set(stacks)) < len(stacks):
        return None
    rows = zip_longest(*(stack.parts for stack in stacks))
    merged = Gathered(tuple(part for row in rows for part in row if part is not None))
    return Slices(_restacked(first, merged, len(stacks)), 0, 1)


def _outermost(slices: Slices[Source]) -> Slices[Source]:
    """The window, or slices, of the stack itself."""
    while isinstance(slices.stack, Slices):
        slices = slices.stack
    return slices


def _shifted(slices: Slices[Source], distance: int, more: int) -> Slices[Source]:
    """The same slices some slices further on in the stack, and as windows of so many more than they are."""
    length = (slices.length or 1) + more if more else slices.length
    if isinstance(slices.stack, Slices):
        return replace(slices, stack=_shifted(slices.stack, distance, more), length=length)
    return replace(slices, start=slices.start + distance, length=length)


def gathered_by(source: Source) -> Gathered | None:
    """The stack that is yet to be made, of which something is a slice or window."""
    while isinstance(source, Slices):
        source = source.stack
    return source if isinstance(source, Gathered) else None


def _restacked(slices: Slices[Source], stack: Gathered, factor: int) -> Slices[Source]:
    """The same slices of a stack in which each has become a window of `factor`; with 1 they stay slices."""
    below = slices.stack
    outer = _restacked(below, stack, factor) if isinstance(below, Slices) else stack
    length = slices.length * factor if slices.length else (factor if factor > 1 else 0)
    return Slices(outer, slices.start * factor, slices.stride * factor, length)
