"""Memory hazards: accesses that no order can make right, and accesses in the wrong order.

Program order is by iteration of the loops, then by the order of the units in the kernel, then by tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from ...dialects.vocabulary import STEP, Rate
from .address import Walk, overlap
from .errors import HazardError
from .kernel import Kernel
from .memory import MemoryMap


def check_accesses(kernel: Kernel, walks: Sequence[Walk], memory: MemoryMap) -> None:
    """Go through a call's accesses in program order, and mark the values that it writes.

    Raises: HazardError where a tile lies outside all regions, a store hits a weight, or a load reads bytes
        of a value that nothing has written before in this step.
    """
    for walk in walks:
        _check_places(kernel, walk, memory)
    touching = [walk for walk in walks if memory.touches_values(*walk.span)]
    passes = ((walk, index) for walk in touching for index in range(walk.passes))
    for walk, index in sorted(passes, key=lambda one: one[0].placement.number(one[1])):
        _check_pass(kernel, walk, index, memory)


def _check_places(kernel: Kernel, walk: Walk, memory: MemoryMap) -> None:
    whole = walk.whole_layout
    outside = memory.first_outside(walk.start, whole)
    if outside is not None:
        raise _hazard(kernel, walk, f"{_verb(walk)} address {outside}, which is outside every region")
    weight = memory.first_in_weight(walk.start, whole) if walk.writes else None
    if weight is not None:
        raise _hazard(kernel, walk, f"writes {memory.name_at(weight)}, a weight")


def _check_pass(kernel: Kernel, walk: Walk, index: int, memory: MemoryMap) -> None:
    layout, address = walk.pass_layout, walk.address(index * walk.tiles)
    if walk.writes:
        memory.mark_written(address, layout)
        return
    unwritten = memory.first_unwritten(address, layout)
    if unwritten is not None:
        what = f"reads {memory.name_at(unwritten)}{_when(walk, index, ' in')}"
        raise _hazard(kernel, walk, f"{what}; nothing has written it in this step")


def _verb(walk: Walk) -> str:
    return "writes" if walk.writes else "reads"


def _when(walk: Walk, index: int, word: str) -> str:
    """The iterations in which a pass is, in words; nothing of a stream that runs once a call."""
    iterations = zip(walk.levels, walk.placement.iterations(index), strict=True)
    text = ", ".join(f"{level.loop} {number}" for level, number in iterations)
    return f"{word} {text}" if text else ""


def _hazard(kernel: Kernel, walk: Walk, what: str) -> HazardError:
    unit = kernel.units[walk.unit]
    return HazardError(f"hazard: {unit} {what}", unit.location)


def conflicts_of(walks: Sequence[Walk]) -> tuple[tuple[int, int], ...]:
    """Pairs of walks, by their place in the sequence, that may touch the same bytes, one of them writing."""
    spans = [(number, walk.writes, *walk.span) for number, walk in enumerate(walks)]
    return tuple(
        (first, second)
        for (first, writes, start, end), (second, also, begin, stop) in combinations(spans, 2)
        if (writes or also) and start < stop and begin < end
    )


def _touch_alike(walk: Walk, other: Walk, first: int, last: int) -> bool:
    """Whether two streams touch the same tiles of one another in the decode steps from `first` to `last`.

    One must stay where it is from step to step, and both must keep to slices of their own.
    """
    moving, still = (walk, other) if walk.levels[0].stride else (other, walk)
    if still.levels[0].stride or moving.levels[1:] != still.levels[1:]:
        return False
    lows, highs = zip(*(_span_of_pass(one) for one in (moving, still)), strict=True)
    starts = sorted(_starts_in_step(moving))
    if any(b - a < max(highs) - min(lows) for a, b in pairwise(starts)):
        return False
    patterns = (_touched(moving, still, step) for step in range(first, last + 1))
    wanted = next(patterns)
    return all(pattern == wanted for pattern in patterns)


def _span_of_pass(walk: Walk) -> tuple[int, int]:
    """First byte and the byte behind the last one of the first passes of all decode steps."""
    layout = walk.pass_layout.repeated(walk.levels[0].places, walk.levels[0].stride)
    return walk.start + layout.low, walk.start + layout.high


def _starts_in_step(walk: Walk) -> list[int]:
    """Where the passes of the first decode step begin, from the first of them on."""
    starts = [0]
    for level in walk.levels[1:]:
        starts = [start + number * level.stride for start in starts for number in range(level.count)]
    return starts


def _touched(moving: Walk, still: Walk, step: int) -> list[bool]:
    """Which tiles of the first pass in a decode step share bytes with which of the other stream."""
    begin = step * moving.passes // moving.levels[0].count * moving.tiles
    return [
        overlap(moving.layout_of(a), moving.address(begin + a), still.layout_of(b), still.address(b))
        for a in range(moving.tiles)
        for b in range(still.tiles)
    ]


@dataclass(frozen=True)
class _Access:
    """A tile that has been read or written."""

    order: tuple[int, int, int]
    """The number of its pass, its unit and its firing make the program order."""
    address: int
    cycle: int


class OrderCheck:
    """Watches streams that share bytes: no access may come after one that follows it in program order."""

    def __init__(
        self, kernel: Kernel, walks: Sequence[Walk], conflicts: Sequence[tuple[int, int]], memory: MemoryMap
    ):
        self._kernel = kernel
        self._memory = memory
        self._walks = {walk.unit: walk for walk in walks}
        self._rivals: dict[int, list[int]] = {}
        for first, second in conflicts:
            a, b = walks[first].unit, walks[second].unit
            self._rivals.setdefault(a, []).append(b)
            self._rivals.setdefault(b, []).append(a)
        self._cycles: dict[int, list[int]] = {unit: [] for unit in self._rivals}
        """They say when the accesses of each unit were so far; a unit makes them one by one."""

    def record(self, unit: int, firing: int, now: int) -> None:
        """A tile is read or written now.

        Raises: HazardError if an access of the same bytes that follows in program order came earlier.
        """
        if unit not in self._rivals:
            return
        walk = self._walks[unit]
        access = _Access((walk.order(firing), unit, firing), walk.address(firing), now)
        for rival in self._rivals[unit]:
            self._check_against(access, rival)
        assert len(self._cycles[unit]) == firing, "a server takes the first tile of a unit first"
        self._cycles[unit].append(now)

    def counts(self) -> tuple[int, ...]:
        """How many accesses of each unit that it watches there have been."""
        return tuple(map(len, self._cycles.values()))

    def can_repeat(self, loop: Rate, first: int, last: int) -> bool:
        """Whether the iterations of a loop from `first` to `last` pass if one of them does, over and over.

        So it is where streams that share bytes move on together. A stream around the loop that reads comes
        before the iterations to come in program order, one that writes comes behind them and must not have
        begun. A store that moves on alone, to the next position, must keep touching the same tiles of the
        stream that shares its bytes.
        """
        for unit, rivals in self._rivals.items():
            walk = self._walks[unit]
            motion = walk.motion_in(loop)
            if motion is None:
                if walk.writes and self._cycles[unit]:
                    return False
                continue
            for other in (self._walks[rival] for rival in rivals):
                apart = other.motion_in(loop) not in (None, motion)
                if apart and not (loop == STEP and _touch_alike(walk, other, first, last)):
                    return False
        return True

    def repeat(self, since: Sequence[int], times: int, cycles: int) -> None:
        """Let the accesses behind the counts `since` happen again, `times` times, each `cycles` later."""
        for done, first in zip(self._cycles.values(), since, strict=True):
            again = done[first:]
            for number in range(1, times + 1):
                done += [cycle + number * cycles for cycle in again]

    def _check_against(self, access: _Access, rival: int) -> None:
        walk, cycles = self._walks[rival], self._cycles[rival]
        layout = self._walks[access.order[1]].layout_of(access.order[2])
        for firing in range(len(cycles) - 1, -1, -1):
            order, address = (walk.order(firing), rival, firing), walk.address(firing)
            if order < access.order:
                return
            if overlap(layout, access.address, walk.layout_of(firing), address):
                raise self._wrong_order(access, _Access(order, address, cycles[firing]))

    def _wrong_order(self, late: _Access, early: _Access) -> HazardError:
        unit = self._kernel.units[early.order[1]]
        return HazardError(
            f"hazard: {self._describe(early)}, before {self._describe(late)}; program order is the other way "
            "round, so the one must wait for a token of the other",
            unit.location,
        )

    def _describe(self, access: _Access) -> str:
        _, index, firing = access.order
        unit, walk = self._kernel.units[index], self._walks[index]
        return (
            f"{unit}{_when(walk, firing // walk.tiles, ' of')} {_verb(walk)} "
            f"{self._memory.name_at(access.address)} at cycle {access.cycle}"
        )
