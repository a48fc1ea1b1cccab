"""Looped kernels for the tests of jumps over iterations: what there is to choose, drawn or by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

WIDTH = 16
"""Elements of a row."""


@dataclass(frozen=True)
class Block:
    """A stage of a loop's chain and the streams at its side."""

    width: int
    """Of the tiles that it makes; what comes in is cut or gathered to it. The last tile may hang over."""
    ii: int
    latency: int
    weights: str | None
    """The memory of weights that it multiplies by: a row per iteration."""
    depth: int
    """Of the weights' channel; beyond one row they run ahead of the loop."""
    held: int
    """Iterations for which it holds a tile that is loaded once; 0 for none."""
    stored: str | None
    """The memory in which its results are put away, in each iteration."""
    reduced: bool
    """Whether its results go through a collective."""


@dataclass(frozen=True)
class Loop:
    """A looped kernel: a chain of blocks that is carried from iteration to iteration, and more."""

    blocks: tuple[Block, ...]
    iterations: int
    """In a decode step."""
    depth: int
    """Of the channels of the chain, beyond the least."""
    cache: bool
    """Whether a cache is appended to and read, where the position says."""
    position: int
    aside: int
    """II of a chain of its own, which no carry holds back; 0 for none."""
    aside_reduced: bool
    """Whether that has a collective."""
    bandwidth: int
    """Of the memories, in bytes per cycle."""
    latency: int
    """Of the memories."""
    steps: int = 1
    """Decode steps; with several, there are stages and weights around the loop, once a step."""
    head: tuple[int, int] = (5, 4)
    """Of the weights of such a stage: its II, and the tiles that their channel holds."""
    rows: int = 1
    """Of the cache in a tile."""


blocks = st.builds(
    Block,
    st.sampled_from([3, 4, 5, 8, 8, 16]),
    st.integers(1, 30),
    st.integers(0, 40),
    st.sampled_from(["hbm", "hbm", "ddr", "sram", None]),
    st.integers(1, 40),
    st.sampled_from([0, 0, 0, 1, 2, -1]),
    st.sampled_from([None, None, "hbm", "ddr"]),
    st.booleans(),
)
loops = st.builds(
    Loop,
    st.lists(blocks, min_size=1, max_size=3).map(tuple),
    st.integers(1, 40),
    st.integers(0, 20),
    st.booleans(),
    st.integers(0, 7),
    st.sampled_from([0, 0, 1, 7, 30]),
    st.booleans(),
    st.sampled_from([2, 8, 64]),
    st.integers(0, 200),
)
step_loops = st.builds(
    lambda loop, **fields: replace(loop, **fields),
    loops,
    iterations=st.integers(1, 16),
    steps=st.integers(2, 8),
    head=st.tuples(st.integers(1, 40), st.integers(1, 12)),
    rows=st.sampled_from([1, 4, 8]),
)


def machine_of(loop: Loop) -> dict[str, int]:
    bandwidth = loop.bandwidth * 1_000_000_000
    return {
        "clock_hz": 1_000_000_000,
        "hbm_bandwidth": bandwidth,
        "ddr_bandwidth": bandwidth // 2,
        "p2p_bandwidth": bandwidth,
        "p2p_latency_ns": loop.latency,
        "hbm_latency_cycles": loop.latency,
        "sockets": 2,
    }


def block(**changes: Any) -> Block:
    plain = Block(WIDTH, 5, 20, "hbm", depth=2, held=0, stored=None, reduced=False)
    return replace(plain, **changes)


def loop_of(*blocks: Block, **changes: Any) -> Loop:
    plain = Loop(
        blocks, 100, 0, cache=False, position=0, aside=0, aside_reduced=False, bandwidth=64, latency=100
    )
    return replace(plain, **changes)
