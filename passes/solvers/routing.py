"""Routes on the grid of a socket and the load of every link: a pure solver.

The dies stand side by side. A flow goes from the units of one side to those of the other in parallel lanes,
each lane first along its row, then along its column (dimension-order, as the machine's network does).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Place = tuple[int, int]
"""Row and column on the grid of the socket."""


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

    def __str__(self) -> str:
        return f"({self.row}, {self.column}) -> ({self.to_row}, {self.to_column})"


@dataclass(frozen=True)
class Routes:
    """Hops of the longest lane of each flow, and what every used link carries in bytes per cycle."""

    hops: tuple[int, ...]
    loads: dict[Link, float] = field(default_factory=dict[Link, float])

    def busiest(self) -> tuple[Link, float] | None:
        """The link with the highest load, the first of equals; None where nothing flows."""
        if not self.loads:
            return None
        return max(self.loads.items(), key=lambda item: (item[1], item[0]))


def lanes(flow: Flow) -> list[tuple[Place, Place]]:
    """The parallel lanes of a flow: as many as its smaller side has units, spread over the larger."""
    count = min(len(flow.sources), len(flow.targets))
    return [
        (
            flow.sources[lane * len(flow.sources) // count],
            flow.targets[lane * len(flow.targets) // count],
        )
        for lane in range(count)
    ]


def path(source: Place, target: Place) -> list[Link]:
    """The links of one lane: along the row, then along the column."""
    (row, column), (to_row, to_column) = source, target
    links: list[Link] = []
    step = 1 if to_column > column else -1
    for at in range(column, to_column, step):
        links.append(Link(row, at, row, at + step))
    step = 1 if to_row > row else -1
    for at in range(row, to_row, step):
        links.append(Link(at, to_column, at + step, to_column))
    return links


def route(flows: Sequence[Flow]) -> Routes:
    """Route all flows and add up the loads of the links."""
    hops: list[int] = []
    loads: dict[Link, float] = {}
    for flow in flows:
        between = lanes(flow)
        share = flow.bytes_per_cycle / len(between) if between else 0.0
        longest = 0
        for source, target in between:
            links = path(source, target)
            longest = max(longest, len(links))
            for link in links:
                loads[link] = loads.get(link, 0.0) + share
        hops.append(longest)
    return Routes(tuple(hops), loads)
