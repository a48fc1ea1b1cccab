"""Placements are legal whatever the wishes, and wishes that are legal come true."""

from __future__ import annotations

from itertools import pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from kl.passes.placing.floorplan import Block, Placement, nearest_starts, place

counts = st.lists(st.integers(0, 5), min_size=1, max_size=6)


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[int], list[Block], int, int]:
    stages = draw(st.lists(st.integers(1, 9), max_size=6))
    end = st.none() | st.integers(0, len(stages) - 1) if stages else st.none()
    blocks = draw(st.lists(st.builds(Block, st.integers(0, 9), st.integers(0, 1000), end, end), max_size=9))
    free = st.integers(0, 20)
    pmus = sum(block.count for block in blocks)
    return stages, blocks, sum(stages) + draw(free), pmus + draw(free)


def assert_legal(starts: list[int] | tuple[int, ...], sizes: list[int], units: int):
    taken = sorted((start, start + size) for start, size in zip(starts, sizes, strict=True) if size)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(taken))
    assert all(start >= 0 and start + size <= units for start, size in zip(starts, sizes, strict=True))


@given(problems())
def test_no_unit_is_used_twice(problem: tuple[list[int], list[Block], int, int]):
    stages, blocks, pcus, pmus = problem
    placement = place(stages, blocks, pcus, pmus)
    assert_legal(placement.stages, stages, pcus)
    assert_legal(placement.blocks, [block.count for block in blocks], pmus)
    assert list(placement.stages) == sorted(placement.stages)
    assert placement == place(stages, blocks, pcus, pmus)


@given(counts, st.data())
def test_legal_wishes_come_true(sizes: list[int], data: st.DataObject):
    gaps = data.draw(st.lists(st.integers(0, 4), min_size=len(sizes), max_size=len(sizes)))
    wishes = [sum(gaps[: n + 1]) + sum(sizes[:n]) for n in range(len(sizes))]
    units = sum(gaps) + sum(sizes)
    assert nearest_starts(sizes, list(map(float, wishes)), [1.0] * len(sizes), units) == wishes


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(-3, 9), st.integers(1, 9)), min_size=1, max_size=4),
    st.integers(0, 3),
)
def test_no_other_starts_miss_the_wishes_less(ranges: list[tuple[int, int, int]], free: int):
    """Whole numbers can only be a rounding away: half a unit for each range."""
    sizes = [size for size, _, _ in ranges]
    units = sum(sizes) + free

    def miss(starts: list[int] | tuple[int, ...]) -> float:
        return sum(w * (start - wish) ** 2 for start, (_, wish, w) in zip(starts, ranges, strict=True))

    found = nearest_starts(
        sizes, [float(wish) for _, wish, _ in ranges], [float(w) for *_, w in ranges], units
    )
    slacks = [start - sum(sizes[:n]) for n, start in enumerate(found)]
    assert slacks == sorted(slacks)
    assert 0 <= slacks[0] <= slacks[-1] <= free
    best = min(
        miss([slack + sum(sizes[:n]) for n, slack in enumerate(others)])
        for others in product(range(free + 1), repeat=len(sizes))
        if list(others) == sorted(others)
    )
    assert miss(found) <= best + sum(w for *_, w in ranges) / 4


def test_a_stream_lies_where_its_reader_is():
    """Two stages of 10 of 20 PCUs: the PMUs of each stream have their reader's middle, 5 and 15."""
    blocks = [Block(4, 100, None, 1), Block(6, 100, None, 0)]
    assert place([10, 10], blocks, 20, 20) == Placement((0, 10), (13, 2))


def test_what_is_free_lies_in_the_middle():
    assert place([3, 3], [], 10, 10).stages == (0, 7)
