"""In which order stages follow one another so that both edges of the grid feed them: a pure solver.

What memory and other sockets send comes in at the nearer edge, so half of the bytes of a pass should lie in
either half of the grid. Where that is not so in program order, the stages are cut into a few runs that are
dealt to the halves in turn: within a run they stay in order, between two runs a value goes a longer way. A
few cuts are enough, by the theorem of the necklace: two of a closed one halve its bytes and its memory units,
and each more halves what runs at another rate, too (Alon, "Splitting necklaces", 1987). A loop is closed: its
value goes from the last stage to the first, and a cut elsewhere makes no way longer. Units that are free are
left where it comes out even.

Even edges make nothing faster as long as their links are wide enough, and longer ways cost cycles. So the
order changes where an edge would bring more than its links can take; else only that of a loop, where edges
become even and no way gets longer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import combinations, pairwise
from typing import NamedTuple

from .floorplan import Block, Placement, place

EVEN = 1.05
"""An edge that brings so many times half of the bytes is as good as even."""
MOST_CUTS = 3
MOST_GROUPS = 24
"""Cuts lie between stages; where there are more of them, between so many groups."""
TRIED = 6
"""So many orders with as many cuts are placed: of those that may be even the shortest."""
HALVINGS = 6
"""Of the range in which free units may lie."""
LEAST = 1 / 8
"""What runs at one rate counts if its pass brings this share of the bytes of any."""

Lengths = tuple[int, ...]
"""For each rate the longest way of a value in a pass, from edge to edge or around a loop, in places."""
Order = tuple[int, ...]
"""Stages in the order of their places."""


class _Span(NamedTuple):
    """Units in a row: the first one, and the one behind the last."""

    first: int
    end: int

    def way(self, other: _Span) -> int:
        """Of the longest lane to others."""
        return max(abs(self.first - other.first), abs(self.end - other.end))

    def share_before(self, place: int) -> float:
        """The share of them in front of a place."""
        size = max(1, self.end - self.first)
        return min(max(place - self.first, 0), size) / size


@dataclass(frozen=True)
class Problem:
    """Stages of so many PCUs each, the channels between them, and the units that there are."""

    stages: tuple[int, ...]
    blocks: tuple[Block, ...]
    pcus: int
    pmus: int
    left: int
    """So many places, the first ones, are nearer to the left edge."""
    enough: float = 1.0
    """An edge can bring so many times half of the bytes, however fast they come."""

    @cached_property
    def turns(self) -> dict[int, float]:
        """What passes bring at each of the rates that count."""
        sums: dict[int, float] = {}
        for block in self.blocks:
            sums[block.turn] = sums.get(block.turn, 0.0) + block.ports
        least = LEAST * max(sums.values(), default=0.0)
        return {turn: total for turn, total in sums.items() if total and total >= least}

    @cached_property
    def closed(self) -> frozenset[int]:
        """The rates at which a value goes around a loop."""
        return frozenset(block.turn for block in self.blocks if block.reader is not None)

    @property
    def rates(self) -> int:
        """How many there are."""
        return 1 + max((block.turn for block in self.blocks), default=0)

    def way_to_edge(self, span: _Span) -> int:
        """Of the longest lane, each to the nearer edge."""
        inner = min(max(self.left, span.first), span.end)
        return max(min(inner, 2 * self.left - inner), 0)

    def uneven(self, left: dict[int, float]) -> float:
        """The busier edge's bytes over half of all, at the rate where that is most, from those of the left
        one."""
        shares = (left.get(turn, 0.0) / total for turn, total in self.turns.items())
        return max((2 * max(share, 1 - share) for share in shares), default=1.0)

    def leans_left(self, left: dict[int, float]) -> bool:
        """Whether the left edge brings more at the rate where edges differ most."""
        shares = [left.get(turn, 0.0) / total - 0.5 for turn, total in self.turns.items()]
        return max(shares, key=abs, default=0.0) > 0


@dataclass(frozen=True)
class _Try:
    """A placement, and what there is to say for it."""

    placement: Placement
    uneven: float
    cuts: int
    lengths: Lengths
    leans_left: bool

    @property
    def rank(self) -> tuple[float, int, int]:
        """The best one's is least."""
        return max(self.uneven, EVEN), self.cuts, sum(self.lengths)


@lru_cache(maxsize=64)
def place_for_both_edges(problem: Problem) -> Placement:
    """Places as `place` gives them, or in another order where that is worth it.

    Of the orders that are even the one with the fewest cuts, and of those the shortest; if none is, the most
    even one. The same for equal problems.
    """
    best = plain = _try(problem, tuple(range(len(problem.stages))), 0, 0)
    for cuts in range(MOST_CUTS + 1):
        if best.uneven <= EVEN:
            break
        found = [_shifted(problem, order, cuts) for order in _promising(problem, cuts)]
        worth = [one for one in found if plain.uneven > problem.enough or _is_free(problem, one, plain)]
        best = min([best, *worth], key=lambda one: one.rank)
    return best.placement


def _is_free(problem: Problem, one: _Try, plain: _Try) -> bool:
    """Whether a placement is even and costs nothing: it cuts none but a loop, and no way is longer."""
    pairs = zip(one.lengths, plain.lengths, strict=True)
    cuts_a_loop = len(problem.turns) == 1 and problem.closed >= {*problem.turns}
    return (
        one.uneven <= EVEN and (cuts_a_loop or not one.cuts) and all(ours <= theirs for ours, theirs in pairs)
    )


def _try(problem: Problem, order: Order, cuts: int, shift: int) -> _Try:
    """The placement of an order, with free units elsewhere by a shift."""
    placement = _placed(problem, order, shift)
    stages, blocks = _spans(problem, placement)
    left = dict.fromkeys(problem.turns, 0.0)
    for block, span in zip(problem.blocks, blocks, strict=True):
        if block.turn in left:
            left[block.turn] += block.ports * span.share_before(problem.left)
    uneven, leans = problem.uneven(left), problem.leans_left(left)
    return _Try(placement, uneven, cuts, _lengths(problem, stages, blocks), leans)


def _spans(problem: Problem, placement: Placement) -> tuple[list[_Span], list[_Span]]:
    """Where stages lie, and channels; one without PMUs lies at a stage, if it has one."""
    pairs = zip(placement.stages, problem.stages, strict=True)
    stages = [_Span(first, first + count) for first, count in pairs]
    blocks = list[_Span]()
    for block, first in zip(problem.blocks, placement.blocks, strict=True):
        end = block.producer if block.consumer is None else block.consumer
        blocks.append(_Span(first, first + block.count) if block.count or end is None else stages[end])
    return stages, blocks


def _placed(problem: Problem, order: Order, shift: int) -> Placement:
    numbers: dict[int | None, int | None] = {stage: number for number, stage in enumerate(order)}
    blocks = [
        replace(one, producer=numbers.get(one.producer), consumer=numbers.get(one.consumer))
        for one in problem.blocks
    ]
    counts = [problem.stages[stage] for stage in order]
    found = place(counts, blocks, problem.pcus, problem.pmus, shift)
    firsts = dict(zip(order, found.stages, strict=True))
    return Placement(tuple(firsts[stage] for stage in range(len(order))), found.blocks)


def _lengths(problem: Problem, stages: Sequence[_Span], blocks: Sequence[_Span]) -> Lengths:
    ready = [[0] * len(stages) for _ in range(problem.rates)]
    """For each rate, the longest way to each stage."""
    longest = [0] * problem.rates
    for block, span in sorted(zip(problem.blocks, blocks, strict=True), key=_producer):
        reached, reader = ready[block.turn], block.consumer
        edge = problem.way_to_edge(span) if block.ports else 0
        way = edge if block.producer is None else reached[block.producer] + stages[block.producer].way(span)
        if reader is not None:
            way += span.way(stages[reader])
            reached[reader] = max(reached[reader], way)
        elif block.producer is not None:
            way += edge if block.reader is None else span.way(stages[block.reader])
        longest[block.turn] = max(longest[block.turn], way)
    return tuple(longest)


def _producer(pair: tuple[Block, _Span]) -> int:
    return -1 if pair[0].producer is None else pair[0].producer


def _shifted(problem: Problem, order: Order, cuts: int) -> _Try:
    """The placement of an order with the shift that makes it most even, by bisection."""
    high = problem.pcus - sum(problem.stages)
    low, shift = -high, 0
    best = last = _try(problem, order, cuts, shift)
    for _ in range(HALVINGS):
        low, high = (shift, high) if last.leans_left else (low, shift)
        shift = (low + high) // 2
        last = _try(problem, order, cuts, shift)
        best = min(best, last, key=lambda one: one.rank)
    return best


def _promising(problem: Problem, cuts: int) -> list[Order]:
    """Orders with so many cuts that may be even, the shortest ones; if there are none, the most even ones."""
    groups = _groups(problem)
    found = [(_least_uneven(problem, order, groups), order) for order in _orders(len(groups), cuts)]
    least = max(EVEN, min((uneven for uneven, _ in found), default=EVEN))
    orders = [
        tuple(stage for one in order for stage in groups[one].stages)
        for uneven, order in found
        if uneven <= least
    ]
    return sorted(orders, key=lambda order: (_estimated_length(problem, order), order))[:TRIED]


def _orders(count: int, cuts: int) -> Iterator[Order]:
    """All orders of so many groups: runs between cuts, every other one in the left half."""
    for inner in combinations(range(1, count), cuts):
        runs = [range(*ends) for ends in pairwise((0, *inner, count))]
        for first in (0, 1) if cuts else (0,):
            dealt = (*runs[first::2], *runs[1 - first :: 2])
            yield tuple(one for run in dealt for one in run)


@dataclass
class _Group:
    """Stages that no cut parts."""

    stages: range
    pmus: int
    ports: dict[int, float]


def _groups(problem: Problem) -> list[_Group]:
    count = len(problem.stages)
    size = max(1, -(-count // MOST_GROUPS))
    groups = [_Group(range(at, min(at + size, count)), 0, {}) for at in range(0, count, size)]
    for block in problem.blocks:
        end = block.producer if block.consumer is None else block.consumer
        if end is not None:
            group = groups[end // size]
            group.pmus += block.count
            group.ports[block.turn] = group.ports.get(block.turn, 0.0) + block.ports
    return groups


def _least_uneven(problem: Problem, order: Order, groups: Sequence[_Group]) -> float:
    """How uneven an order is at least, wherever free units lie."""
    free = problem.pmus - sum(group.pmus for group in groups)
    most, least = (_brought(order, groups, end) for end in (problem.left, problem.left - free))
    nearest = {
        turn: min(max(total / 2, least.get(turn, 0.0)), most.get(turn, 0.0))
        for turn, total in problem.turns.items()
    }
    return problem.uneven(nearest)


def _brought(order: Order, groups: Sequence[_Group], end: int) -> dict[int, float]:
    """What the first PMUs up to an end hold of each rate's bytes."""
    sums: dict[int, float] = {}
    at = 0
    for number in order:
        group = groups[number]
        share = min(max(end - at, 0), group.pmus) / group.pmus if group.pmus else float(at < end)
        for turn, ports in group.ports.items():
            sums[turn] = sums.get(turn, 0.0) + share * ports
        at += group.pmus
    return sums


def _estimated_length(problem: Problem, order: Order) -> int:
    """The sum of the lengths if no units were free between stages, and channels lay at them."""
    firsts, at = [0] * len(order), 0
    for stage in order:
        firsts[stage], at = at, at + problem.stages[stage]
    stages = [_Span(first, first + count) for first, count in zip(firsts, problem.stages, strict=True)]
    ends = [one.producer if one.consumer is None else one.consumer for one in problem.blocks]
    return sum(_lengths(problem, stages, [_Span(0, 0) if end is None else stages[end] for end in ends]))
