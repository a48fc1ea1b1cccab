"""Repeats in call lists: the solver against an exhaustive search, and its speed."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kl.passes.looping.call_patterns import Repeat, find_repeats


def fewest_entries(items: str, max_period: int) -> int:
    """The fewest entries of any cover, by trying every repeat of every period and length."""

    @cache
    def cover(at: int) -> int:
        if at == len(items):
            return 0
        best = 1 + cover(at + 1)
        for period in range(1, max_period + 1):
            for end in range(at + 2 * period, len(items) + 1):
                if items[at + period : end] == items[at : end - period]:
                    best = min(best, 1 + cover(end))
        return best

    return cover(0)


def entries_left(items: str, repeats: tuple[Repeat, ...]) -> int:
    return len(items) - sum(repeat.end - repeat.start - 1 for repeat in repeats)


calls = st.text(alphabet="abc", max_size=24)
repetitive = st.lists(st.tuples(st.text("abcd", min_size=1, max_size=4), st.integers(1, 4)), max_size=4)


@given(calls, st.integers(1, 8))
def test_leaves_the_fewest_entries(items: str, max_period: int):
    repeats = find_repeats(items, max_period)
    assert entries_left(items, repeats) == fewest_entries(items, max_period)


@given(repetitive, st.integers(1, 8))
def test_leaves_the_fewest_entries_of_repetitive_lists(parts: list[tuple[str, int]], max_period: int):
    items = "".join(part * count for part, count in parts)
    repeats = find_repeats(items, max_period)
    assert entries_left(items, repeats) == fewest_entries(items, max_period)


@given(repetitive, st.integers(1, 8))
def test_repeats_are_true_disjoint_and_in_order(parts: list[tuple[str, int]], max_period: int):
    items = "".join(part * count for part, count in parts)
    repeats = find_repeats(items, max_period)
    for repeat in repeats:
        pattern = items[repeat.start : repeat.start + repeat.period]
        assert repeat.count >= 2
        assert repeat.tail < repeat.period <= max_period
        assert items[repeat.start : repeat.end] == pattern * repeat.count + pattern[: repeat.tail]
    assert all(a.end <= b.start for a, b in pairwise(repeats))


def test_prefers_the_smallest_period_and_the_longest_repeat():
    assert find_repeats("aaaaaa", 3) == (Repeat(0, 1, 6),)
    assert find_repeats("xababab", 4) == (Repeat(1, 2, 3),)


def test_a_longer_period_wins_where_it_leaves_fewer_calls():
    assert find_repeats("aabaab", 3) == (Repeat(0, 3, 2),)
    assert find_repeats("aabaab", 2) == (Repeat(0, 1, 2), Repeat(3, 1, 2))


def test_a_shorter_repeat_wins_where_the_next_one_needs_its_end():
    assert find_repeats("ababababc" + "ababc", 5) == (Repeat(0, 2, 2), Repeat(4, 5, 2))


def test_a_repeat_may_end_within_a_round():
    assert find_repeats("ababa", 4) == (Repeat(0, 2, 2, 1),)
    assert find_repeats("x" + "lllllg" * 4 + "ll" + "y", 8) == (Repeat(1, 6, 4, 2),)


def test_of_equal_covers_the_one_of_whole_rounds_is_taken():
    assert find_repeats("xabababa", 4) == (Repeat(1, 2, 3, 1),)
    assert find_repeats("aaaaa", 4) == (Repeat(0, 1, 5),)
    assert find_repeats("aabab" + "c", 4) == (Repeat(1, 2, 2),)
    assert find_repeats("ababa" + "aaa", 4) == (Repeat(0, 2, 2), Repeat(4, 1, 4))


def test_listed_ends_may_lie_within_a_round():
    ends = {2: [[4, 5], [], [], [], []]}
    assert find_repeats("ababa", 2, ends) == (Repeat(0, 2, 2, 1),)
    assert find_repeats("ababa", 2, {2: [[4], [], [], [], []]}) == (Repeat(0, 2, 2),)


def test_nothing_repeats():
    assert find_repeats("", 4) == ()
    assert find_repeats("abcd", 4) == ()


def test_ten_thousand_calls():
    layer = [f"kernel {number}" for number in range(10)]
    repeats = find_repeats(["embedding", *layer * 1000, "head", "argmax"], 64)
    assert repeats == (Repeat(1, 10, 1000),)
