"""Which weights stay: never more than fits, and the best of all ways in small cases."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from kl.passes.units.solvers import Candidate, choose_weights


def pmus(candidates: Sequence[Candidate], numbers: Sequence[int]) -> int:
    return sum(candidates[number].pmus for number in numbers)


def read(candidates: Sequence[Candidate], numbers: Sequence[int]) -> int:
    return sum(candidates[number].read_bytes for number in numbers)


def candidates(size: int) -> st.SearchStrategy[list[Candidate]]:
    one = st.builds(Candidate, st.just(""), st.integers(1, 20), st.integers(0, 50))
    return st.lists(one, max_size=size)


def test_two_that_fill_the_room_beat_the_one_that_brings_most_for_its_size() -> None:
    some = [Candidate("a", 6, 66), Candidate("b", 5, 50), Candidate("c", 5, 50)]
    assert choose_weights(some, 10) == (1, 2)
    assert choose_weights(some, 9) == (0,)


def test_nothing_fits_and_nothing_is_there() -> None:
    assert choose_weights([Candidate("a", 6, 60)], 5) == ()
    assert choose_weights([], 5) == ()
    assert choose_weights([Candidate("a", 1, 60)], 0) == ()


def test_what_is_not_read_does_not_stay() -> None:
    assert choose_weights([Candidate("a", 1, 0), Candidate("b", 1, 1)], 5) == (1,)


def test_of_equal_gains_the_fewest_pmus_are_taken() -> None:
    assert choose_weights([Candidate("a", 4, 10), Candidate("b", 3, 10)], 5) == (1,)


@given(candidates(30), st.integers(0, 200))
def test_what_stays_fits_and_stands_in_order(some: list[Candidate], capacity: int) -> None:
    chosen = choose_weights(some, capacity)
    assert pmus(some, chosen) <= capacity
    assert list(chosen) == sorted({*chosen})


@given(candidates(8), st.integers(0, 60))
def test_no_other_way_brings_more(some: list[Candidate], capacity: int) -> None:
    ways = [way for count in range(len(some) + 1) for way in combinations(range(len(some)), count)]
    best = max(read(some, way) for way in ways if pmus(some, way) <= capacity)
    chosen = choose_weights(some, capacity)
    assert read(some, chosen) == best
    smallest = min(pmus(some, way) for way in ways if read(some, way) == best)
    assert pmus(some, chosen) == smallest
