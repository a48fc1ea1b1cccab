"""Where on the grid the stages and channels of a kernel lie: a pure solver.

PCUs and PMUs are numbered along the same path over the grid, so nearness of numbers is nearness of places.
Every stage takes PCUs in a row, every channel PMUs in a row. Stages keep their order. A channel wishes to
have its middle between its ends; of all legal first PMUs those are taken that miss the wishes least, in
squares weighted by bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ROUNDS = 2
"""Turns of channels and stages; measured on whole decoder layers, more bring next to nothing."""


@dataclass(frozen=True)
class Block:
    """A channel: PMUs, bytes an iteration, and the stages that it joins (None: a unit that has none)."""

    count: int
    weight: float
    producer: int | None
    consumer: int | None


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


def place(stages: Sequence[int], blocks: Sequence[Block], pcus: int, pmus: int) -> Placement:
    """Places for stages of so many PCUs each, in order, and for the channels between them.

    Stages begin at both ends of the grid, near memory, so that what is free lies in the middle. Then channels
    go to their stages and stages to their channels in turns.
    """
    firsts = _from_both_ends(stages, pcus)
    starts = _place_blocks(blocks, _middles(firsts, stages), pmus)
    for _ in range(ROUNDS):
        firsts = _place_stages(stages, _middles(firsts, stages), blocks, starts, pcus)
        starts = _place_blocks(blocks, _middles(firsts, stages), pmus)
    return Placement(tuple(firsts), tuple(starts))


def _from_both_ends(counts: Sequence[int], units: int) -> list[int]:
    """First units of ranges in their order, one half packed to the left and one to the right."""
    total = sum(counts)
    firsts = [sum(counts[:number]) for number in range(len(counts))]
    left = [2 * first + count <= total for first, count in zip(firsts, counts, strict=True)]
    return [first if near else first + units - total for first, near in zip(firsts, left, strict=True)]


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
