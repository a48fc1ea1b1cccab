"""The grid of a socket, and how far tiles go on it: formulas that passes plan with and checks hold to.

A tile goes from the units that make it to the PMUs of its channel, and on to those that read it, in parallel
lanes. A channel without PMUs lies in the FIFO of its reader. What comes from memory or links, or goes there,
does so over AGCUs: for each unit the one at the nearer end of its row. Nothing here knows how places are
written down: the IR and a program say it in their own ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .machine import Machine

Place = tuple[int, int]
"""Row and column on the grid of the socket."""
Places = tuple[Place, ...]
Span = tuple[int, int]
"""The first unit and the number of units in a row; (0, 0) are none."""


@dataclass(frozen=True)
class Grid:
    """The dies of a socket side by side as one grid: the place of each number, and the columns of a die."""

    units: Places
    columns: int
    dies: int

    @staticmethod
    @lru_cache(maxsize=16)
    def of(machine: Machine) -> Grid:
        """The grid of a machine; a PCU and the PMU of the same number share a place."""
        places = map(machine.coordinates, range(max(machine.pcus, machine.pmus)))
        width = machine.grid_columns
        return Grid(tuple((row, die * width + column) for die, row, column in places), width, machine.dies)

    def range(self, first: int, count: int) -> Places:
        """The places of units in a row; where they lie outside of the grid, the nearest ones inside."""
        begin = max(0, min(first, len(self.units) - count))
        return self.units[begin : begin + count]

    @property
    def left(self) -> int:
        """How many places are nearer to the left edge; they are the first ones."""
        return sum(column == 0 for _, column in self.agcus(self.units))

    @property
    def rows(self) -> int:
        """Rows, each with a port at either end."""
        return 1 + max(row for row, _ in self.units)

    def agcus(self, units: Places) -> Places:
        """For each unit the AGCU over which it reaches memory and links."""
        last = self.dies * self.columns - 1
        return tuple((row, 0 if 2 * column <= last else last) for row, column in units)

    def far_agcus(self, units: Places) -> Places:
        """For each unit the AGCU at the other end of its row."""
        last = self.dies * self.columns - 1
        return tuple((row, last - column) for row, column in self.agcus(units))


@dataclass(frozen=True)
class Way:
    """Where the tiles of a channel come from, lie and go."""

    sources: Places
    buffer: Places
    targets: Places
    from_edge: bool
    """They come over AGCUs."""
    to_edge: bool
    """They go over AGCUs."""

    @property
    def hops(self) -> int:
        """Hops from producer through buffer to consumer, where no lane makes a detour."""
        return distance(self.sources, self.buffer) + distance(self.buffer, self.targets)


def way(grid: Grid, source: Span, pmus: Span, target: Span, *, in_place: bool = False) -> Way:
    """The way of a channel in these PMUs between the units at its ends, which are none where they are AGCUs.

    A weight that is read in place lies in the channel's own PMUs.
    """
    buffer = grid.range(*pmus)
    sources = buffer if in_place else grid.range(*source)
    targets = grid.range(*target)
    buffer = buffer or targets or sources or grid.range(pmus[0], 1)
    edge = grid.agcus(buffer)
    return Way(sources or edge, buffer, targets or edge, not sources, not targets)


def lanes(sources: Sequence[Place], targets: Sequence[Place]) -> Iterator[tuple[Place, Place]]:
    """The parallel lanes between two sides: one for each unit of the larger one, spread over the smaller."""
    count = max(len(sources), len(targets)) if sources and targets else 0
    return zip(_spread(sources, count), _spread(targets, count), strict=True)


def _spread(places: Sequence[Place], count: int) -> Sequence[Place]:
    """As many places, each as often as any other, but for one."""
    size = len(places)
    return places if size == count else [places[lane * size // count] for lane in range(count)]


def distance(sources: Sequence[Place], targets: Sequence[Place]) -> int:
    """Hops of the longest lane: what a tile needs, as it is there when its last part is."""
    longest = 0
    for (row, column), (to_row, to_column) in lanes(sources, targets):
        length = abs(row - to_row) + abs(column - to_column)
        if length > longest:
            longest = length
    return longest
