"""Which regions are alive at each command: only one of those that share addresses is."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import pairwise

from .errors import ProgramError
from .program import Command, Program, Region

FOREVER = (-1, 1 << 62)


def life_of(region: Region) -> tuple[int, int]:
    """The first and the last command that need a region."""
    return FOREVER if region.live is None else region.live


def sweep(program: Program) -> Iterator[tuple[int, Command, Alive]]:
    """Each command with its number and the regions that are alive.

    Raises: ProgramError where two regions that are alive overlap.
    """
    births = sorted(program.regions, key=lambda region: life_of(region)[0], reverse=True)
    alive = Alive()
    for number, command in enumerate(program.commands):
        while births and life_of(births[-1])[0] <= number:
            alive.add(births.pop())
        alive.expire(number)
        yield number, command, alive
    while births:
        alive.add(births.pop())


Place = tuple[int, int, str]
"""First address of a region, the one behind its last, its name."""


class Alive:
    """The regions that are alive, which share no address: only neighbours could."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        """They are sorted."""
        self._regions: dict[str, Region] = {}
        self._ends: list[tuple[int, Place]] = []
        """A heap has the last command of each."""

    def add(self, region: Region) -> None:
        """Raises: ProgramError if the region overlaps one that is alive."""
        first, last = life_of(region)
        self.expire(first)
        place = (region.address, region.end, region.name)
        index = bisect_left(self._places, place)
        near = (*self._places[max(0, index - 1) : index], place, *self._places[index : index + 1])
        for (_, end, name), (start, _, other) in pairwise(near):
            if start < end:
                what = f"region '{name}' ends at address {end}, region '{other}' begins at {start}"
                raise ProgramError(f"{what}; both are alive")
        self._places.insert(index, place)
        self._regions[region.name] = region
        heappush(self._ends, (last, place))

    def expire(self, now: int) -> None:
        """Forget regions whose last command is before this one."""
        while self._ends and self._ends[0][0] < now:
            del self._places[bisect_left(self._places, heappop(self._ends)[1])]

    def at(self, address: int) -> Region | None:
        """The region that holds an address."""
        index = self._before(address)
        return None if index < 0 or self._places[index][1] <= address else self._region(index)

    def row_from(self, address: int) -> Iterator[Region]:
        """The region that begins at an address, and those that follow it without a gap."""
        index = self._before(address)
        if index < 0 or self._places[index][0] != address:
            return
        yield self._region(index)
        for number in range(index + 1, len(self._places)):
            if self._places[number][0] != self._places[number - 1][1]:
                return
            yield self._region(number)

    def holds(self, start: int, end: int) -> bool:
        """Whether living regions hold all these addresses; neighbours do together, as parts of a stack."""
        index = self._before(start)
        if index < 0:
            return False
        reached = self._places[index][1]
        while reached < end and index + 1 < len(self._places) and self._places[index + 1][0] == reached:
            index += 1
            reached = self._places[index][1]
        return end <= reached

    def _before(self, address: int) -> int:
        """The number of the last region that begins at an address or before it; -1 if none does."""
        return bisect_right(self._places, (address, 1 << 64, "")) - 1

    def _region(self, index: int) -> Region:
        return self._regions[self._places[index][2]]
