"""Where on the grid of a socket stages and channels lie, and which way tiles go: a pure solver for each.

**Places.** PCUs and PMUs are numbered along the same path over the grid, so nearness of numbers is nearness
of places. Every stage takes PCUs in a row, every channel PMUs in a row. Stages keep the order that they are
given in; `edges.py` says in which. A channel wishes to have its middle between its ends; of all legal first
PMUs those are taken that miss the wishes least, in squares weighted by bytes.

**Routes.** A flow goes from the units of one side to those of the other in parallel lanes, each lane first
along its row, then along its column: dimension-order routing, which cannot deadlock and needs no tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from ...dialects import grid
from ...dialects.grid import Place

ROUNDS = 2
"""Turns of channels and stages; measured on whole decoder layers, more bring next to nothing."""


@dataclass(frozen=True)
class Block:
    """A channel: PMUs, bytes an iteration, and the stages that it joins (None: a unit that has none)."""

    count: int
    weight: float
    producer: int | None
    consumer: int | None
    reader: int | None = None
    """The stage that its values reach through a unit that hands them on."""
    ports: float = 0.0
    """Bytes a pass that come from beyond the edges of the grid, or go there."""
    turn: int = 0
    """Blocks of one turn are filled at the same rate."""


@dataclass(frozen=True)
class Placement:
    """The first PCU of each stage and the first PMU of each channel."""

    stages: tuple[int, ...]
    blocks: tuple[int, ...]


def nearest_starts(
    counts: Sequence[int], wishes: Sequence[float], weights: Sequence[float], units: int
) -> list[int]:
    """First units of ranges that follow one another, so that the weighted squared misses are least.

    With the sizes of the ranges before subtracted, starts only have to ascend: isotonic regression, solved
    by pooling neighbours that want to overtake. Rounding keeps ascending numbers ascending.
    """
    before = [sum(counts[:number]) for number in range(len(counts))]
    free = units - sum(counts)
    pools: list[tuple[float, float, int]] = []  # wish, weight, how many ranges
    for wish, weight, taken in zip(wishes, weights, before, strict=True):
        pool = (wish - taken, max(weight, 1.0), 1)
        while pools and pools[-1][0] > pool[0]:
            pool = _pooled(pools.pop(), pool)
        pools.append(pool)
    slacks = [wish for wish, _, members in pools for _ in range(members)]
    return [taken + round(min(max(slack, 0), free)) for taken, slack in zip(before, slacks, strict=True)]


def _pooled(a: tuple[float, float, int], b: tuple[float, float, int]) -> tuple[float, float, int]:
    weight = a[1] + b[1]
    return (a[0] * a[1] + b[0] * b[1]) / weight, weight, a[2] + b[2]


def place(stages: Sequence[int], blocks: Sequence[Block], pcus: int, pmus: int, shift: int = 0) -> Placement:
    """Places for stages of so many PCUs each, in order, and for the channels between them.

    Stages begin at both ends of the grid, near memory, so that what is free lies in the middle, or, by a
    `shift`, in part in front of all, or behind them if it is negative. Then channels go to their stages and
    stages to their channels in turns.
    """
    firsts = _from_both_ends(stages, pcus, shift)
    starts = _place_blocks(blocks, _middles(firsts, stages), pmus)
    for _ in range(ROUNDS):
        firsts = _place_stages(stages, _middles(firsts, stages), blocks, starts, pcus)
        starts = _place_blocks(blocks, _middles(firsts, stages), pmus)
    return Placement(tuple(firsts), tuple(starts))


def _from_both_ends(counts: Sequence[int], units: int, shift: int) -> list[int]:
    """First units of ranges in their order, one half packed to the left and one to the right, then shifted as
    far as there is room."""
    total = sum(counts)
    free = units - total
    firsts = [sum(counts[:number]) for number in range(len(counts))]
    left = [2 * first + count <= total for first, count in zip(firsts, counts, strict=True)]
    return [
        first + min(max((0 if near else free) + shift, 0), free)
        for first, near in zip(firsts, left, strict=True)
    ]


def _middles(firsts: Sequence[int], counts: Sequence[int]) -> list[float]:
    return [first + count / 2 for first, count in zip(firsts, counts, strict=True)]


def _mean(values: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Weighted mean and weight of values with weights."""
    weight = sum(weight for _, weight in values)
    return (sum(value * weight for value, weight in values) / weight if weight else 0.0), weight


def _place_blocks(blocks: Sequence[Block], middles: Sequence[float], pmus: int) -> list[int]:
    """Channels in the order of their readers, each between the middles of its ends."""
    readers = [len(middles) if block.consumer is None else block.consumer for block in blocks]
    order = sorted(range(len(blocks)), key=readers.__getitem__)
    wishes: list[float] = []
    for number in order:
        ends = (blocks[number].producer, blocks[number].consumer)
        middle, _ = _mean([(middles[end], 1.0) for end in ends if end is not None])
        wishes.append(middle - blocks[number].count / 2)
    counts, weights = [blocks[n].count for n in order], [blocks[n].weight for n in order]
    starts = dict(zip(order, nearest_starts(counts, wishes, weights, pmus), strict=True))
    return [starts[number] for number in range(len(blocks))]


def _place_stages(
    stages: Sequence[int], middles: Sequence[float], blocks: Sequence[Block], starts: Sequence[int], pcus: int
) -> list[int]:
    """Stages in their order, each in the middle of its channels; one without bytes stays near its place."""
    joined: list[list[tuple[float, float]]] = [[(middle, 1.0)] for middle in middles]
    for block, start in zip(blocks, starts, strict=True):
        for end in (block.producer, block.consumer):
            if end is not None:
                joined[end].append((start + block.count / 2, block.weight))
    means = [_mean(one) for one in joined]
    wishes = [middle - count / 2 for (middle, _), count in zip(means, stages, strict=True)]
    return nearest_starts(stages, wishes, [weight for _, weight in means], pcus)


FRACTION = 1 << 40
"""Loads are added up as whole multiples of a byte / FRACTION, so that sums do not depend on their order."""


@dataclass(frozen=True)
class Flow:
    """Bytes per cycle from some places to others, shared out evenly over the lanes between them."""

    name: str
    sources: tuple[Place, ...]
    targets: tuple[Place, ...]
    bytes_per_cycle: float
    far_sources: tuple[Place, ...] = ()
    """Other sources of the lanes of a flow that comes from memory: AGCUs at the other ends of the rows."""
    far_targets: tuple[Place, ...] = ()
    """Another target, of a flow that goes there."""


class Link(NamedTuple):
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
    paths: tuple[tuple[tuple[Link, ...], ...], ...] = ()
    """For each flow the links of its lanes, if some go another way than `path`."""

    def busiest(self) -> tuple[Link, float] | None:
        """The link with the highest load, the first of equals; None where nothing flows."""
        if not self.loads:
            return None
        most = max(self.loads.values())
        return min(link for link, load in self.loads.items() if load == most), most


def lanes(flow: Flow) -> Iterator[tuple[Place, Place]]:
    """The parallel lanes of a flow."""
    return grid.lanes(flow.sources, flow.targets)


def path(source: Place, target: Place) -> list[Link]:
    """The links of one lane: along the row, then along the column."""
    (row, column), (to_row, to_column) = source, target
    step = 1 if to_column > column else -1
    links = [Link(row, at, row, at + step) for at in range(column, to_column, step)]
    step = 1 if to_row > row else -1
    return links + [Link(at, to_column, at + step, to_column) for at in range(row, to_row, step)]


def share_on(flow: Flow, link: Link, paths: Sequence[Sequence[Link]] = ()) -> float:
    """Bytes per cycle that a flow puts on a link, by the usual ways or those that are given."""
    crossing = [link in links for links in paths] or [_crosses(*lane, link) for lane in lanes(flow)]
    return flow.bytes_per_cycle * sum(crossing) / max(1, len(crossing))


def _crosses(source: Place, target: Place, link: Link) -> bool:
    """Whether a link is on the path of a lane."""
    (row, column), (to_row, to_column) = source, target
    if link.row == link.to_row:
        step = link.to_column - link.column
        return row == link.row and column * step <= link.column * step < to_column * step
    step = link.to_row - link.row
    return to_column == link.column and row * step <= link.row * step < to_row * step


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
    """Route all flows and add up the loads of the links; links without load are left out.

    Equal flows, those of a kernel that variants or points of a search have in common, are routed once.
    """
    return _routed(tuple(flows))


@lru_cache(maxsize=256)
def _routed(flows: tuple[Flow, ...]) -> Routes:
    lines: dict[Line, dict[int, int]] = {}
    for flow in flows:
        count = max(1, len(flow.sources), len(flow.targets))
        share = round(flow.bytes_per_cycle * FRACTION / count)
        for line, begin, end in _spans(flow) if share else ():
            changes = lines.setdefault(line, {})
            changes[begin] = changes.get(begin, 0) + share
            changes[end] = changes.get(end, 0) - share
    loads = {link: load for line, changes in lines.items() for link, load in _line_loads(line, changes)}
    return Routes(tuple(grid.distance(flow.sources, flow.targets) for flow in flows), loads)
