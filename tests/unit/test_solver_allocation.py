"""Units per task: minima, the sum, and that no unit would do more elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.passes.units.solvers import Shortage, Task, share_units


def length(tasks: Sequence[Task], shares: Sequence[int]) -> float:
    """How long a chain of tasks takes: what the shares make small."""
    pairs = zip(tasks, shares, strict=True)
    return sum(task.work / share if share else inf for task, share in pairs if task.work > 0)


def all_shares(tasks: Sequence[Task], units: int) -> Iterator[tuple[int, ...]]:
    """Every way to share out at most so many units that respects the minima."""
    if not tasks:
        yield ()
        return
    rest = sum(task.minimum for task in tasks[1:])
    for share in range(tasks[0].minimum, units - rest + 1):
        for others in all_shares(tasks[1:], units - share):
            yield (share, *others)


def test_shares_go_with_the_square_root_of_the_work() -> None:
    tasks = [Task("a", 1, 900.0), Task("b", 1, 100.0), Task("c", 0, 0.0)]
    assert share_units(tasks, available=100, target=40) == (30, 10, 0)


def test_a_task_below_its_minimum_is_fixed_there_and_the_others_share_the_rest() -> None:
    # The square roots 1 : 2 : 2 give 8 : 16 : 16 of 40; with 10 fixed it is 15 each.
    tasks = [Task("a", 10, 1.0), Task("b", 1, 4.0), Task("c", 1, 4.0)]
    assert share_units(tasks, available=40, target=40) == (10, 15, 15)


def test_minima_may_take_more_than_the_target() -> None:
    tasks = [Task("a", 6, 1.0), Task("b", 3, 1.0)]
    assert share_units(tasks, available=10, target=5) == (6, 3)


def test_without_work_only_the_minima_are_taken() -> None:
    assert share_units([Task("a", 2, 0.0), Task("b", 0, 0.0)], available=10, target=10) == (2, 0)
    assert share_units([], available=10, target=10) == ()


def test_work_without_a_minimum_gets_a_unit_before_others_get_more() -> None:
    tasks = [Task("a", 0, 1.0), Task("b", 0, 1.0), Task("c", 0, 16.0)]
    assert share_units(tasks, available=3, target=3) == (1, 1, 1)


def test_too_many_minima_are_a_shortage_with_both_numbers() -> None:
    with pytest.raises(Shortage) as caught:
        share_units([Task("a", 6, 1.0), Task("b", 5, 1.0)], available=10, target=9)
    assert (caught.value.needed, caught.value.available) == (11, 10)


def tasks(largest: int, minimum: int, count: int) -> st.SearchStrategy[list[Task]]:
    work = st.one_of(st.just(0.0), st.floats(0.1, largest))
    task = st.builds(Task, st.just(""), st.integers(0, minimum), work)
    return st.lists(task, max_size=count)


@given(tasks(1e9, 20, 12), st.integers(0, 1000), st.integers(0, 1000))
def test_sums_and_minima_hold(some: list[Task], available: int, target: int) -> None:
    needed = sum(task.minimum for task in some)
    if needed > available:
        with pytest.raises(Shortage):
            share_units(some, available, target)
        return
    shares = share_units(some, available, target)
    assert all(share >= task.minimum for task, share in zip(some, shares, strict=True))
    assert sum(shares) <= min(available, max(target, needed))
    if any(task.work > 0 for task in some):
        assert sum(shares) == min(available, max(target, needed))


@given(tasks(100, 4, 5), st.integers(0, 60))
def test_no_single_unit_does_more_elsewhere(some: list[Task], units: int) -> None:
    if sum(task.minimum for task in some) > units:
        return
    shares = list(share_units(some, units, units))
    best = length(some, shares)
    for giver, task in enumerate(some):
        for taker in range(len(some)):
            if giver != taker and shares[giver] > task.minimum:
                moved = list(shares)
                moved[giver] -= 1
                moved[taker] += 1
                assert length(some, moved) >= best * (1 - 1e-9)


@given(tasks(100, 2, 4), st.integers(0, 14))
def test_no_other_way_is_shorter(some: list[Task], units: int) -> None:
    if sum(task.minimum for task in some) > units:
        return
    shortest = min(length(some, shares) for shares in all_shares(some, units))
    found = length(some, share_units(some, units, units))
    assert found == shortest or found <= shortest * (1 + 1e-9)
