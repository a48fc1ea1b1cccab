"""A problem with an order and divisors: a tiled matrix product on an array of multipliers, by a simple model.

It has what mapping spaces have: tile sizes that divide extents, an order of loops, lanes that divide a tile,
a buffer that most choices overflow. Objectives are cycles and area. The numbers are of no real machine.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from problems import Columns, Problem, by_formula

from kl.explore.parameters import Categorical, Integer, Ordinal, Permutation
from kl.explore.space import Space

EXTENTS = (192, 240, 256)
"""Rows of the left matrix, columns of the right one, and the axis that both share."""

BYTES_PER_CYCLE = 16
BUFFER_BYTES = 6 * 1024
PORT_WORDS = 40
"""Words that one copy of the buffer gives in a cycle."""

BURST_WORDS = 8
"""The memory moves no fewer words at a time."""

USED_BY = ((0, 2), (2, 1), (0, 1))
"""The loops that move each array: left, right, product."""


def _divisors(extent: int) -> tuple[int, ...]:
    return tuple(size for size in range(1, extent + 1) if extent % size == 0)


def _loads(x: Columns, used: tuple[int, int]) -> np.ndarray:
    """How often the tile of an array is fetched: in each turn of the loops down to the last that moves it."""
    trips = np.stack([extent // x[f"tile{k}"] for k, extent in enumerate(EXTENTS)], axis=1)
    ordered = np.take_along_axis(trips, x["order"], axis=1)
    moves = np.isin(x["order"], used)
    last = 2 - np.argmax(moves[:, ::-1], axis=1)
    upto = np.cumprod(ordered, axis=1)
    return upto[np.arange(len(last)), last]


def _loop_nest(x: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Cycles and area; slacks are of the buffer, its ports and the memory's bursts."""
    rows, columns, depth = (x[f"tile{k}"] for k in range(3))
    sizes = (rows * depth, depth * columns, rows * columns)
    words = sum(size * _loads(x, used) for size, used in zip(sizes, USED_BY, strict=True))
    copies = np.where(x["buffers"] == "double", 2, 1)
    lanes, vector = x["lanes"], x["vector"]
    turns = np.prod([extent // x[f"tile{k}"] for k, extent in enumerate(EXTENTS)], axis=0)
    inside = rows * (columns // lanes) * (depth // vector) + lanes + 2 * vector
    compute, memory = turns * inside, 2 * words / BYTES_PER_CYCLE
    cycles = np.where(copies == 2, np.maximum(compute, memory), compute + memory)
    buffer = 2 * copies * sum(sizes)
    area = lanes * vector * 3.0 + lanes * 8.0 + buffer / 256
    slacks = [
        buffer - BUFFER_BYTES,
        lanes * (vector + 1) - PORT_WORDS * copies,
        BURST_WORDS - np.minimum(columns, depth),
    ]
    return np.stack([cycles, area]), np.stack(slacks)


@cache
def loop_nest() -> Problem:
    """Tiles by divisors, the order of three loops, lanes and vector length, one buffer or two."""
    tiles = tuple(Ordinal(f"tile{k}", _divisors(extent), prior="decay") for k, extent in enumerate(EXTENTS))
    space = Space(
        (
            *tiles,
            Permutation("order", 3),
            Integer("lanes", 1, 16, "pow2"),
            Integer("vector", 1, 16, "pow2"),
            Categorical("buffers", ("single", "double")),
        ),
        ("tile1 % lanes == 0", "tile2 % vector == 0"),
    )
    return by_formula("loop-nest", space, _loop_nest, (3e6, 300.0))
