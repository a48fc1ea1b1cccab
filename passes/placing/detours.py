"""Which other ways lanes take where links would carry more than their width: a pure solver.

A lane goes first along its row. Where that overloads a link, some of its lanes go first along their column,
or reach memory at the other end of their row. Each is moved to a way whose links all stay within the width,
the shortest one, so every move takes from an overloaded link and overloads no other, and the moves come to
an end.

Both orders are dimension-order routing. Alone neither can deadlock; together they cannot where each has
virtual channels of its own (O1TURN; Seo et al., ISCA 2005).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .floorplan import FRACTION, Flow, Link, Place, Routes, lanes, path, route

Path = tuple[Link, ...]


def _column_first(source: Place, target: Place) -> Path:
    """The links of a lane along the column, then along the row: those of the way back, turned around."""
    back = path(target, source)
    return tuple(Link(one.to_row, one.to_column, one.row, one.column) for one in reversed(back))


def _ways(flow: Flow) -> Iterator[list[Path]]:
    """For each lane of a flow all the ways that it may take, the usual one first."""
    for number, (source, target) in enumerate(lanes(flow)):
        ends = [(source, target)]
        if flow.far_sources:
            ends.append((flow.far_sources[number], target))
        if flow.far_targets:
            ends.append((source, flow.far_targets[number]))
        found = (way(*pair) for pair in ends for way in (lambda *pair: tuple(path(*pair)), _column_first))
        yield [*dict.fromkeys(found)]


@dataclass
class _Lane:
    flow: int
    share: int
    ways: list[Path]
    now: int = 0

    @property
    def links(self) -> Path:
        return self.ways[self.now]


@dataclass
class _Network:
    lanes: list[_Lane]
    limit: int
    """What a link may carry."""
    loads: dict[Link, int] = field(default_factory=dict[Link, int])

    def add(self, lane: _Lane, sign: int) -> None:
        """Add a lane to the loads of its links, or take it away."""
        for link in lane.links:
            self.loads[link] = self.loads.get(link, 0) + sign * lane.share

    def relieve(self, link: Link) -> bool:
        """Move a lane away from a link; whether there was one that may be moved."""
        best: tuple[tuple[int, int, int], _Lane, int] | None = None
        for number, lane in enumerate(self.lanes):
            if not lane.share or link not in lane.links:
                continue
            taken = {*lane.links}
            for way, links in enumerate(lane.ways):
                new = [self.loads.get(one, 0) + lane.share for one in links if one not in taken]
                if link in links or max(new, default=0) > self.limit:
                    continue
                rank = len(links), max(new, default=0), number
                if best is None or rank < best[0]:
                    best = rank, lane, way
        if best is None:
            return False
        _, lane, way = best
        self.add(lane, -1)
        lane.now = way
        self.add(lane, 1)
        return True


def route_within(flows: Sequence[Flow], width: float) -> Routes:
    """Route all flows so that no link carries more than its width, as far as other ways can help.

    The same as `route` where the usual ways are enough.
    """
    usual = route(flows)
    busiest = usual.busiest()
    if busiest is None or busiest[1] <= width:
        return usual
    network = _Network(_lanes(flows), int(width * FRACTION))
    for lane in network.lanes:
        network.add(lane, 1)
    stuck = set[Link]()
    while over := [
        (-load, one) for one, load in network.loads.items() if load > network.limit and one not in stuck
    ]:
        _, link = min(over)
        if not network.relieve(link):
            stuck.add(link)
    return _routes(network, len(flows))


def _lanes(flows: Sequence[Flow]) -> list[_Lane]:
    found = list[_Lane]()
    for number, flow in enumerate(flows):
        count = max(1, len(flow.sources), len(flow.targets))
        share = round(flow.bytes_per_cycle * FRACTION / count)
        found += [_Lane(number, share, ways) for ways in _ways(flow)]
    return found


def _routes(network: _Network, flows: int) -> Routes:
    hops, paths = [0] * flows, [list[Path]() for _ in range(flows)]
    for lane in network.lanes:
        hops[lane.flow] = max(hops[lane.flow], len(lane.links))
        paths[lane.flow].append(lane.links)
    loads = {link: load / FRACTION for link, load in network.loads.items() if load}
    return Routes(tuple(hops), loads, tuple(map(tuple, paths)))
