"""Addresses: alignment, no overlap of what is alive together, and a total that is right."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from kl.passes.memory.layout import ALIGNMENT, Item, plan_addresses


def test_what_is_alive_all_the_time_comes_first_and_in_order() -> None:
    items = [Item("v", 100, (0, 1)), Item("a", 300), Item("b", 1), Item("empty", 0)]
    assert plan_addresses(items) == ((768, 0, 512, 768), 1024)


def test_values_with_disjoint_lifetimes_share() -> None:
    items = [Item("a", 256, (0, 1)), Item("b", 256, (2, 3)), Item("c", 256, (1, 2))]
    assert plan_addresses(items) == ((0, 0, 256), 512)


def test_a_value_takes_the_lowest_gap_that_it_fits() -> None:
    # The largest first: a and b, one behind the other; c takes a's place when it is free, d the rest of it.
    items = [
        Item("a", 1024, (0, 1)),
        Item("b", 1024, (0, 9)),
        Item("c", 512, (2, 9)),
        Item("d", 512, (3, 4)),
        Item("e", 256, (4, 5)),
    ]
    assert plan_addresses(items) == ((0, 1024, 0, 512, 2048), 2304)


def test_a_lifetime_ends_with_its_last_step() -> None:
    # b is written by the step that reads a last: both are alive in it.
    assert plan_addresses([Item("a", 1, (0, 3)), Item("b", 1, (3, 4))]) == ((0, 256), 512)


lifetimes = st.tuples(st.integers(0, 12), st.integers(0, 6)).map(lambda t: (t[0], t[0] + t[1]))
items = st.builds(Item, st.just(""), st.integers(0, 3000), st.one_of(st.none(), lifetimes))


def alive_together(a: Item, b: Item) -> bool:
    if a.lifetime is None or b.lifetime is None:
        return True
    return a.lifetime[0] <= b.lifetime[1] and b.lifetime[0] <= a.lifetime[1]


@given(st.lists(items, max_size=20))
def test_nothing_alive_overlaps(some: list[Item]) -> None:
    addresses, total = plan_addresses(some)
    placed = list(zip(addresses, some, strict=True))
    for address, item in placed:
        assert address >= 0
        assert address % ALIGNMENT == 0
        assert address + item.size_bytes <= total
    for (address, item), (other_address, other) in combinations(placed, 2):
        if item.size_bytes and other.size_bytes and alive_together(item, other):
            end, other_end = address + item.size_bytes, other_address + other.size_bytes
            assert end <= other_address or other_end <= address


@given(st.lists(items, max_size=20))
def test_the_total_ends_behind_the_last_byte_and_shares_help(some: list[Item]) -> None:
    addresses, total = plan_addresses(some)
    ends = [a + item.size_bytes for a, item in zip(addresses, some, strict=True)]
    assert total == -(-max(ends, default=0) // ALIGNMENT) * ALIGNMENT
    assert total <= sum(-(-item.size_bytes // ALIGNMENT) * ALIGNMENT for item in some)
