"""What leaves a memory that is too small: enough, nothing in vain, and at most twice the least traffic."""

from __future__ import annotations

from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.passes.memory.layout import Item, Movable, aligned, choose_spilled, plan_addresses


def test_nothing_leaves_where_all_fits() -> None:
    assert choose_spilled([Movable(256, 256)], 0) == frozenset()
    assert choose_spilled([Movable(256, 0)], -1) == frozenset()
    assert choose_spilled([], 0) == frozenset()


def test_none_where_all_are_not_enough() -> None:
    assert choose_spilled([], 1) is None
    assert choose_spilled([Movable(256, 1), Movable(512, 1)], 769) is None
    assert choose_spilled([Movable(256, 1), Movable(512, 1)], 768) == {0, 1}


WEIGHT, TABLE, CACHE = Movable(1024, 1024), Movable(1024, 16), Movable(256, 260)


@pytest.mark.parametrize(
    ("movables", "excess", "spilled"),
    [
        # A table of which a row is read costs least, then what is read once, then what is written as well.
        ([WEIGHT, TABLE, CACHE], 256, {1}),
        ([WEIGHT, TABLE, WEIGHT], 1025, {0, 1}),
        # Of equals, the smallest that is enough; a cache costs less than a weight four times as large.
        ([WEIGHT, CACHE], 256, {1}),
        ([WEIGHT, CACHE], 257, {0}),
        # Per byte the table costs least, but it is far more than is needed.
        ([Movable(1 << 20, 1 << 19), CACHE], 1, {1}),
        # Small ones go first, and come back when a large one has to go anyway.
        ([CACHE, CACHE, Movable(2048, 2048)], 1000, {2}),
        # Layer weights of 405B on 8 sockets, in MiB: a large and a middle one, no small ones beside them.
        ([Movable(s, s) for s in (504, 504, 504, 8064, 8064, 26208, 26208, 26208)], 30986, {4, 5}),
        # What moves nothing is free, what holds nothing frees nothing.
        ([Movable(0, 0), Movable(256, 256), Movable(256, 0)], 200, {2}),
    ],
)
def test_least_traffic_per_byte_leaves_first(movables: list[Movable], excess: int, spilled: set[int]) -> None:
    assert choose_spilled(movables, excess) == spilled


movables = st.lists(st.builds(Movable, st.integers(0, 3000).map(aligned), st.integers(0, 5000)), max_size=8)


@given(movables, st.integers(1, 12000))
def test_enough_leaves_and_nothing_in_vain(some: list[Movable], excess: int) -> None:
    chosen = choose_spilled(some, excess)
    if chosen is None:
        assert sum(one.size_bytes for one in some) < excess
        return
    freed = sum(some[number].size_bytes for number in chosen)
    assert freed >= excess
    assert all(freed - some[number].size_bytes < excess for number in chosen)


@given(movables, st.integers(1, 12000))
def test_the_traffic_is_at_most_twice_the_least(some: list[Movable], excess: int) -> None:
    subsets = chain.from_iterable(combinations(some, count) for count in range(len(some) + 1))
    enough = [subset for subset in subsets if sum(one.size_bytes for one in subset) >= excess]
    chosen = choose_spilled(some, excess)
    assert (chosen is None) == (not enough)
    if chosen is not None:
        least = min(sum(one.traffic_bytes for one in subset) for subset in enough)
        assert sum(some[number].traffic_bytes for number in chosen) <= 2 * least


lifetimes = st.tuples(st.integers(0, 9), st.integers(0, 5)).map(lambda t: (t[0], t[0] + t[1]))
values = st.lists(st.builds(Item, st.just(""), st.integers(0, 3000), lifetimes), max_size=6)


@given(movables, values, st.integers(0, 20000))
def test_what_stays_fits_beside_the_values(some: list[Movable], others: list[Item], capacity: int) -> None:
    """Taking something out makes the plan shorter by just its bytes, so the excess is right."""
    fixed = [Item("", one.size_bytes) for one in some]
    total = plan_addresses([*fixed, *others])[1]
    assert total == sum(one.size_bytes for one in some) + plan_addresses(others)[1]
    chosen = choose_spilled(some, total - capacity)
    if chosen is not None:
        stays = [item for number, item in enumerate(fixed) if number not in chosen]
        assert plan_addresses([*stays, *others])[1] <= capacity
