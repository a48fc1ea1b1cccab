"""Which iterations of loops touch the same memory: a pure solver.

An access is a walk through a memory: it stands in loops and moves by a stride with each iteration of each of
them. Two accesses meet where they touch the same slice in some iteration of the one and some iteration of the
other. That is a system of linear inequalities in whole numbers, one unknown an iteration. It is solved by
narrowing the range of each unknown and trying what is left, so the answer is exact as long as the trials
last; where they do not, the accesses count as meeting.

What a walk counts in, slices or elements, is the caller's choice, the same for all accesses of a memory.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import gcd

MOST_TRIALS = 20_000
"""Assumed: more than one level of loops of models needs, and some hundredths of a second."""


@dataclass(frozen=True)
class Loop:
    """A loop around an access, and how far the access moves with each of its iterations."""

    name: Hashable
    """Accesses with one name of a loop stand in the same loop."""
    count: int
    """Iterations in which there is an access."""
    stride: int = 0
    positions: int = 0
    """By so much the position grows with each iteration."""
    first: int = 0
    """The first iteration in which there is an access."""


@dataclass(frozen=True)
class Access:
    """A read or a write of a memory, in all iterations of the loops around it."""

    writes: bool
    loops: tuple[Loop, ...] = ()
    """Outermost first."""
    start: int = 0
    """Where it begins in iteration 0 of all loops."""
    extent: int = 1
    """It touches so much from there on."""
    position: Hashable | None = None
    """An unknown number: it touches this position alone, of an axis inside. None: all positions."""
    waits: Hashable | None = None
    """A read whose data at this position wait for a write of it in the same iteration."""
    ring: int | None = None
    """Positions that are so far apart, or a multiple of it, are one; None: none are."""

    def place(self, iterations: Sequence[int]) -> int:
        """Where it begins in these iterations of its loops."""
        pairs = zip(self.loops, iterations, strict=True)
        return self.start + sum(loop.stride * iteration for loop, iteration in pairs)


@dataclass(frozen=True)
class Place:
    """Where something lies in memory."""

    root: Hashable
    """What it is part of."""
    start: int = 0
    """So much of the root is before it."""


@dataclass(frozen=True)
class Meeting:
    """Two accesses touch the same."""

    level: int | None
    """The outermost of the loops around both in which the iterations differ; None: it is one iteration."""
    one_first: bool
    """Whether the iteration of the first access comes first; without meaning within one iteration."""
    one: tuple[int, ...] = ()
    """The iterations of the first access, per loop; empty where the solver does not know."""
    other: tuple[int, ...] = ()


def common_loops(one: Access, other: Access) -> int:
    """How many loops stand around both accesses."""
    pairs = zip(one.loops, other.loops, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0].name == pair[1].name, pairs))


def meetings(one: Access, other: Access) -> Iterator[Meeting]:
    """One meeting of each kind, of those that there are: within an iteration, then by level and by order.

    Of accesses that both only read there is none.
    """
    if not (one.writes or other.writes):
        return
    common = common_loops(one, other)
    kinds = [(None, True), *((level, first) for level in range(common) for first in (True, False))]
    for level, one_first in kinds:
        try:
            found = _meeting(one, other, level, one_first)
        except _TooManyTrials:
            yield Meeting(level, one_first)
        else:
            if found is not None:
                yield found


def may_meet(one: Access, other: Access) -> bool:
    """Whether two accesses, one of them a write, can touch the same in any two iterations."""
    return next(meetings(one, other), None) is not None


def is_orderable(earlier: Access, later: Access) -> bool:
    """Whether a network can let an access wait for one before it, in program order, of its own iteration.

    A write can wait for data that a read in the same loops has brought. A read can wait for the token of a
    write where both walk alike and the write touches the position at which the read waits, no other one.
    """
    if not earlier.writes:
        return later.writes and common_loops(earlier, later) == len(earlier.loops) == len(later.loops)
    alike = (later.loops, later.start, later.extent) == (earlier.loops, earlier.start, earlier.extent)
    return not later.writes and alike and waits_for(later, earlier)


def waits_for(read: Access, write: Access) -> bool:
    """Whether what a read waits for, at its position, is what a write of its iteration touches."""
    return write.position is not None and (read.waits, read.ring) == (write.position, write.ring)


def conflicts(earlier: Access, later: Access) -> Iterator[Meeting]:
    """The meetings of two accesses, in program order, that a network cannot order.

    What waits in its own iteration runs behind the iterations before as well.
    """
    for meeting in meetings(earlier, later):
        if not (is_orderable(earlier, later) and (meeting.level is None or meeting.one_first)):
            yield meeting


@dataclass(frozen=True)
class _Sum:
    """`low <= factors[0] * x[0] + … <= high`."""

    factors: tuple[int, ...]
    low: int
    high: int

    def without(self, number: int, value: int) -> _Sum:
        """The sum of the other unknowns, where one is known."""
        done = self.factors[number] * value
        rest = self.factors[:number] + self.factors[number + 1 :]
        return _Sum(rest, self.low - done, self.high - done)

    def range_of(self, number: int, ranges: Sequence[range]) -> tuple[int, int] | None:
        """Least and largest value of an unknown, whatever the others are; None where it may have any."""
        factor = self.factors[number]
        if factor == 0:
            return None
        low, high = self.low, self.high
        for other, (weight, values) in enumerate(zip(self.factors, ranges, strict=True)):
            if other != number:
                ends = weight * values[0], weight * values[-1]
                low, high = low - max(ends), high - min(ends)
        if factor < 0:
            factor, low, high = -factor, -high, -low
        return -(-low // factor), high // factor

    @property
    def has_no_multiple(self) -> bool:
        """Whether no multiple of what divides all factors lies between the bounds."""
        divisor = gcd(*self.factors)
        return self.high // divisor * divisor < self.low if divisor else not self.low <= 0 <= self.high


class _TooManyTrials(Exception):
    """The solver gives up."""


@dataclass
class _Solver:
    """Looks for whole numbers in ranges that fulfil all sums."""

    trials: int

    def solve(self, ranges: Sequence[range], sums: Sequence[_Sum]) -> tuple[int, ...] | None:
        """The unknowns, or None where there are none.

        Raises: _TooManyTrials.
        """
        self.trials -= 1
        if self.trials < 0:
            raise _TooManyTrials
        if any(one.has_no_multiple for one in sums) or not all(ranges):
            return None
        narrow = [_narrowed(number, ranges, sums) for number in range(len(ranges))]
        if not all(narrow):
            return None
        if not narrow:
            return ()
        number = min(range(len(narrow)), key=lambda n: len(narrow[n]))  # the fewest trials
        rest = narrow[:number] + narrow[number + 1 :]
        for value in narrow[number]:
            found = self.solve(rest, [one.without(number, value) for one in sums])
            if found is not None:
                return *found[:number], value, *found[number:]
        return None


def _narrowed(number: int, ranges: Sequence[range], sums: Sequence[_Sum]) -> range:
    """The values of an unknown that no sum alone forbids."""
    low, high = ranges[number][0], ranges[number][-1]
    for bounds in (one.range_of(number, ranges) for one in sums):
        if bounds is not None:
            low, high = max(low, bounds[0]), min(high, bounds[1])
    return range(low, high + 1)


@dataclass(frozen=True)
class _Unknown:
    """A whole number: the iteration of a loop, how far it is ahead of the other access's, turns of a ring."""

    values: range
    one: int | None = None
    """The loop of the first access whose iteration it counts."""
    other: int | None = None
    """The loop of the other access whose iteration it counts."""


def _unknowns(one: Access, other: Access, level: int | None, one_first: bool) -> Iterator[_Unknown]:
    """What is to be found: in common loops outside the level, one iteration; there, one and how far it is
    to the later one; inside, all iterations.
    """
    common = common_loops(one, other) if level is None else level + 1
    for number in range(common):
        mine, theirs = _iterations(one.loops[number]), _iterations(other.loops[number])
        if number != level:
            both = range(max(mine[0], theirs[0]), min(mine[-1], theirs[-1]) + 1)
            yield _Unknown(both, number, number)
        elif one_first:
            yield _Unknown(mine, number, number)
            yield _Unknown(range(1, theirs[-1] - mine[0] + 1), None, number)
        else:
            yield _Unknown(theirs, number, number)
            yield _Unknown(range(1, mine[-1] - theirs[0] + 1), number, None)
    for number in range(common, len(one.loops)):
        yield _Unknown(_iterations(one.loops[number]), number, None)
    for number in range(common, len(other.loops)):
        yield _Unknown(_iterations(other.loops[number]), None, number)
    if one.ring is not None:
        loops = (*one.loops, *other.loops)
        most = sum(abs(loop.positions) * _iterations(loop)[-1] for loop in loops) // one.ring
        yield _Unknown(range(-most, most + 1))


def _iterations(loop: Loop) -> range:
    return range(loop.first, loop.first + loop.count)


def _meeting(one: Access, other: Access, level: int | None, one_first: bool) -> Meeting | None:
    """A meeting where the iterations differ first in the loop of a level; None where there is none."""
    if not all(loop.count > 0 for loop in (*one.loops, *other.loops)):
        return None
    unknowns = list(_unknowns(one, other, level, one_first))
    apart = other.start - one.start
    strides = [loop.stride for loop in one.loops], [loop.stride for loop in other.loops]
    sums = [_Sum(_factors(unknowns, *strides), apart - one.extent + 1, apart + other.extent - 1)]
    if one.position is not None and (one.position, one.ring) == (other.position, other.ring):
        counted = [loop.positions for loop in one.loops], [loop.positions for loop in other.loops]
        sums.append(_Sum(_factors(unknowns, *counted, one.ring or 0), 0, 0))
    if level is not None:
        later = _iterations((other if one_first else one).loops[level])
        counts = tuple(int((u.other if one_first else u.one) == level) for u in unknowns)
        sums.append(_Sum(counts, later[0], later[-1]))
    found = _Solver(MOST_TRIALS).solve([unknown.values for unknown in unknowns], sums)
    if found is None:
        return None
    sides = [[0] * len(one.loops), [0] * len(other.loops)]
    for unknown, value in zip(unknowns, found, strict=True):
        for side, number in zip(sides, (unknown.one, unknown.other), strict=True):
            if number is not None:
                side[number] += value
    return Meeting(level, one_first, tuple(sides[0]), tuple(sides[1]))


def _factors(
    unknowns: Sequence[_Unknown], one: Sequence[int], other: Sequence[int], turn: int = 0
) -> tuple[int, ...]:
    """What each unknown adds to the difference of two walks with these strides; `turn` is one of a ring."""
    mine = (0 if u.one is None else one[u.one] for u in unknowns)
    theirs = (0 if u.other is None else other[u.other] for u in unknowns)
    turns = (turn if u.one is None and u.other is None else 0 for u in unknowns)
    return tuple(a - b + c for a, b, c in zip(mine, theirs, turns, strict=True))
