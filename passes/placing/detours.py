"""Which other ways lanes take where links would carry more than their width: a pure solver.

A lane goes first along its row. Where that overloads a link, some of its lanes go first along their column,
or reach memory at the other end of their row. Each is moved to a way whose links all stay within the width,
the shortest one, so every move takes from an overloaded link and overloads no other, and the moves come to
an end: also where a link is left with too much by lanes that no move takes away.

Both orders are dimension-order routing. Alone neither can deadlock; together they cannot where each has
virtual channels of its own (O1TURN; Seo et al., ISCA 2005).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ...dialects.grid import Place
from .floorplan import FRACTION, Flow, Link, Routes, lanes, path, route

Path = tuple[Link, ...]


def _row_first(source: Place, target: Place) -> Path:
    return tuple(path(source, target))


def _column_first(source: Place, target: Place) -> Path:
    """The links of a lane along the column, then along the row: those of the way back, turned around."""
    back = path(target, source)
    return tuple(Link(one.to_row, one.to_column, one.row, one.column) for one in reversed(back))


def _ends(flow: Flow) -> Iterator[list[tuple[Place, Place]]]:
    """For each lane of a flow all the ends that it may have, the usual ones first."""
    for number, (source, target) in enumerate(lanes(flow)):
        ends = [(source, target)]
        if flow.far_sources:
            ends.append((flow.far_sources[number], target))
        if flow.far_targets:
            ends.append((source, flow.far_targets[number]))
        yield ends


@dataclass
class _Lane:
    flow: int
    share: int
    ends: list[tuple[Place, Place]]
    links: Path

    @cached_property
    def ways(self) -> list[Path]:
        """All ways that it may take, the usual one first; most lanes are never asked for others."""
        found = (way(*pair) for pair in self.ends for way in (_row_first, _column_first))
        return [*dict.fromkeys(found)]


class _Network:
    """Lanes on the ways that they have now."""

    def __init__(self, lanes: Sequence[_Lane], limit: int) -> None:
        self.lanes, self.limit = lanes, limit
        """`limit` is what a link may carry."""
        self.loads, self.on = dict[Link, int](), dict[Link, set[int]]()
        """What each link carries, and the numbers of the lanes that cross it."""
        for number, lane in enumerate(lanes):
            if lane.share:
                self._add(number)
        self.over = {link for link, load in self.loads.items() if load > limit}
        """Links that carry too much, but for those that no lane may leave; moves make none."""

    def _add(self, number: int) -> None:
        lane = self.lanes[number]
        for link in lane.links:
            self.loads[link] = self.loads.get(link, 0) + lane.share
            self.on.setdefault(link, set()).add(number)

    def _move(self, number: int, way: int) -> None:
        """Let a lane go another way."""
        lane = self.lanes[number]
        for link in lane.links:
            self.loads[link] -= lane.share
            self.on[link].remove(number)
        left, lane.links = lane.links, lane.ways[way]
        self._add(number)
        self.over -= {link for link in left if self.loads[link] <= self.limit}

    def relieve(self, link: Link) -> bool:
        """Move a lane away from a link; whether there was one that may be moved."""
        best: tuple[int, int, int, int] | None = None
        for number in self.on[link]:
            lane = self.lanes[number]
            for way, links in enumerate(lane.ways):
                if link in links or (best is not None and len(links) > best[0]):
                    continue
                load = self._most(lane, links)
                rank = len(links), load, number, way
                if load <= self.limit and (best is None or rank < best):
                    best = rank
        if best is not None:
            self._move(*best[2:])
        return best is not None

    def _most(self, lane: _Lane, links: Path) -> int:
        """The most that a link carries that a lane takes new, if it goes along these."""
        loads = self.loads
        return max((loads.get(one, 0) + lane.share for one in links if one not in lane.links), default=0)

    def is_hopeless(self, link: Link) -> bool:
        """Whether a link keeps too much even without all lanes that other links want moved."""
        stay = sum(self.lanes[n].share for n in self.on[link] if self.over.isdisjoint(self.lanes[n].links))
        return stay > self.limit

    def relieve_all(self) -> None:
        """Relieve links, the busiest first, until none carries too much or one is known to stay so."""
        while self.over:
            link = min(self.over, key=lambda one: (-self.loads[one], one))
            if not self.relieve(link):
                self.over.remove(link)
                if self.is_hopeless(link):
                    return


def route_within(flows: Sequence[Flow], width: float) -> Routes:
    """Route all flows so that no link carries more than its width, as far as other ways can help.

    The same as `route` where the usual ways are enough. Where no ways are, some link carries more still.
    """
    usual = route(flows)
    busiest = usual.busiest()
    return usual if busiest is None or busiest[1] <= width else _detoured(tuple(flows), width)


@lru_cache(maxsize=64)
def _detoured(flows: tuple[Flow, ...], width: float) -> Routes:
    network = _Network(_lanes(flows), int(width * FRACTION))
    network.relieve_all()
    return _routes(network, len(flows))


def _lanes(flows: Sequence[Flow]) -> list[_Lane]:
    found = list[_Lane]()
    for number, flow in enumerate(flows):
        count = max(1, len(flow.sources), len(flow.targets))
        share = round(flow.bytes_per_cycle * FRACTION / count)
        found += [_Lane(number, share, ends, _row_first(*ends[0])) for ends in _ends(flow)]
    return found


def _routes(network: _Network, flows: int) -> Routes:
    hops, paths = [0] * flows, [list[Path]() for _ in range(flows)]
    for lane in network.lanes:
        hops[lane.flow] = max(hops[lane.flow], len(lane.links))
        paths[lane.flow].append(lane.links)
    loads = {link: load / FRACTION for link, load in network.loads.items() if load}
    return Routes(tuple(hops), loads, tuple(map(tuple, paths)))
