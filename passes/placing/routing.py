"""Routes on the grid of a socket and the load of every link: a pure solver.

A flow goes from the units of one side to those of the other in parallel lanes, each lane first along its
row, then along its column: dimension-order routing, which cannot deadlock and needs no tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Place = tuple[int, int]
"""Row and column on the grid of the socket."""

FRACTION = 1 << 40
"""Loads are added up as whole multiples of a byte / FRACTION, so that sums do not depend on their order."""


@dataclass(frozen=True)
class Flow:
    """Bytes per cycle from some places to others, shared out evenly over the lanes between them."""

    name: str
    sources: tuple[Place, ...]
    targets: tuple[Place, ...]
    bytes_per_cycle: float


@dataclass(frozen=True, order=True)
class Link:
    """A link between two neighbouring switches, in one direction."""

    row: int
    column: int
    to_row: int
    to_column: int


@dataclass(frozen=True)
class Routes:
    """Hops of the longest lane of each flow, and what every used link carries in bytes per cycle."""

    hops: tuple[int, ...]
    loads: dict[Link, float] = field(default_factory=dict[Link, float])

    def busiest(self) -> tuple[Link, float] | None:
        """The link with the highest load, the first of equals; None where nothing flows."""
        if not self.loads:
            return None
        return min(self.loads.items(), key=lambda item: (-item[1], item[0]))


def lanes(flow: Flow) -> Iterator[tuple[Place, Place]]:
    """The parallel lanes of a flow: one for each unit of its larger side, spread over the smaller."""
    sources, targets = flow.sources, flow.targets
    count = max(len(sources), len(targets)) if sources and targets else 0
    for lane in range(count):
        yield sources[lane * len(sources) // count], targets[lane * len(targets) // count]


def path(source: Place, target: Place) -> list[Link]:
    """The links of one lane: along the row, then along the column."""
    (row, column), (to_row, to_column) = source, target
    step = 1 if to_column > column else -1
    links = [Link(row, at, row, at + step) for at in range(column, to_column, step)]
    step = 1 if to_row > row else -1
    return links + [Link(at, to_column, at + step, to_column) for at in range(row, to_row, step)]


def hops(flow: Flow) -> int:
    """Hops of the longest lane: what a tile needs, as it is there when its last part is."""
    return max((abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in lanes(flow)), default=0)


def share_on(flow: Flow, link: Link) -> float:
    """Bytes per cycle that a flow puts on a link."""
    paths = [path(*lane) for lane in lanes(flow)]
    return flow.bytes_per_cycle * sum(link in links for links in paths) / max(1, len(paths))


Line = tuple[str, int, int]
"""The links of a "row" or a "column" of a number in a direction, 1 or -1."""


def _spans(flow: Flow) -> Iterator[tuple[Line, int, int]]:
    """What the lanes of a flow cover: a line and the first and last switch, in the line's direction."""
    for (row, column), (to_row, to_column) in lanes(flow):
        if column != to_column:
            yield ("row", row, 1 if to_column > column else -1), column, to_column
        if row != to_row:
            yield ("column", to_column, 1 if to_row > row else -1), row, to_row


def _line_loads(line: Line, changes: dict[int, int]) -> Iterable[tuple[Link, float]]:
    """The loads of a line's links, from how much begins and ends at each of its switches."""
    kind, number, step = line
    switches = sorted(changes, reverse=step < 0)
    load = 0
    for at, end in pairwise(switches):
        load += changes[at]
        for switch in range(at, end, step) if load else ():
            ends = (number, switch, number, switch + step)
            link = Link(*ends) if kind == "row" else Link(switch, number, switch + step, number)
            yield link, load / FRACTION


def route(flows: Sequence[Flow]) -> Routes:
    """Route all flows and add up the loads of the links; links without load are left out."""
    lines: dict[Line, dict[int, int]] = {}
    for flow in flows:
        count = max(1, len(flow.sources), len(flow.targets))
        share = round(flow.bytes_per_cycle * FRACTION / count)
        for line, begin, end in _spans(flow):
            changes = lines.setdefault(line, {})
            changes[begin] = changes.get(begin, 0) + share
            changes[end] = changes.get(end, 0) - share
    loads = {link: load for line, changes in lines.items() for link, load in _line_loads(line, changes)}
    return Routes(tuple(map(hops, flows)), loads)
