"""Spans: cutting, repeating and telling them in few words changes none of the time that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from span_pieces import expanded

from kl.backends.intervals import Span
from kl.backends.sn40l.fast_forward.busy import BusyTime
from kl.backends.spans import Block, blocks, clipped, compressed, end_of, moved, tiled


def cycles_of(spans: Sequence[Span]) -> list[int]:
    """All cycles in which something is busy, each as often as it is said."""
    return sorted(
        span.start + number * span.period + cycle
        for span in spans
        for number in range(span.count)
        for cycle in range(span.cycles)
    )


@st.composite
def span(draw: st.DrawFn) -> Span:
    start, cycles, count = draw(st.integers(0, 20)), draw(st.integers(1, 5)), draw(st.integers(1, 6))
    period = cycles + draw(st.integers(0, 4)) if count > 1 else 0
    return Span(start, cycles, "", period, count)


SINGLE = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3)), max_size=40).map(
    lambda pairs: [
        Span(end - cycles, cycles)
        for (_, cycles), end in zip(pairs, accumulate(gap + one for gap, one in pairs), strict=True)
    ]
)
"""One behind the other."""


@given(span(), st.integers(0, 60), st.integers(0, 60))
def test_what_is_cut_out_is_what_lies_inside(one: Span, begin: int, end: int) -> None:
    cut = clipped(one, begin, end)
    assert cycles_of(cut) == [cycle for cycle in cycles_of([one]) if begin <= cycle < end]
    assert len(cut) <= 3


@given(span(), st.integers(0, 9), st.integers(1, 9))
def test_what_is_repeated_comes_again_after_each_period(one: Span, rest: int, times: int) -> None:
    period = end_of(one) - one.start + rest
    again = tiled(one, period, times)
    assert cycles_of(again) == sorted(
        cycle for number in range(times) for cycle in cycles_of([moved(one, number * period)])
    )
    assert len(again) <= min(times, one.count)


@given(SINGLE)
def test_fewer_words_are_the_same_time(spans: list[Span]) -> None:
    told = compressed(spans)
    assert cycles_of(told) == cycles_of(spans)
    assert expanded(told) == expanded(spans)
    assert [one.start for one in told] == sorted(one.start for one in told)
    assert len(told) <= len(spans)


def test_what_repeats_is_told_once() -> None:
    layers = [Span(1000 + 100 * layer + at, 5) for layer in range(1000) for at in (0, 7, 30)]
    told = compressed([Span(0, 3), *layers, Span(200_000, 1)])
    assert len(told) <= 8
    assert cycles_of(told)[-1] == 200_000


def test_pieces_that_touch_are_one_and_names_are_kept_apart() -> None:
    assert expanded([Span(0, 2), Span(2, 3, "", 3, 3), Span(20, 1)]) == [Span(0, 11), Span(20, 1)]
    assert expanded([Span(0, 2, "a"), Span(2, 3, "b")]) == [Span(0, 2, "a"), Span(2, 3, "b")]


@given(st.text("abc", max_size=30))
def test_blocks_are_all_things_in_order(things: str) -> None:
    found = list(blocks(things))
    assert "".join(things[one.first : one.first + one.length] * one.times for one in found) == things


def test_a_block_is_what_covers_most() -> None:
    assert list(blocks("x" + "abb" * 5 + "y")) == [Block(0, 1, 1), Block(1, 3, 5), Block(16, 1, 1)]
    assert list(blocks("abab")) == [Block(0, 2, 2)]


@pytest.mark.parametrize("begin", range(6))
@given(
    pattern=st.text("# ", min_size=6, max_size=6), periods=st.integers(2, 5), behind=st.text("# ", max_size=6)
)
def test_a_period_that_is_repeated_is_what_it_did(
    begin: int, pattern: str, periods: int, behind: str
) -> None:
    """A run does what a `pattern` says again and again, and passes over all but the first and the last."""
    whole = pattern * (periods + 1) + behind
    busy, end = BusyTime(), begin + 6
    times = (6 * periods - end) // 6
    # A transfer that is under way at the end has been told already, as far as it goes.
    under_way = next(number for number, what in enumerate(whole[end:] + " ") if what == " " or number == 2)
    for cycle in range(end + under_way):
        if whole[cycle] == "#":
            busy.add(cycle, 1)
    if times:
        busy.repeat(begin, end, times)
    end += times * 6 + under_way
    for cycle in range(end, len(whole)):
        if whole[cycle] == "#":
            busy.add(cycle, 1)
    assert cycles_of(busy.spans()) == [cycle for cycle, what in enumerate(whole) if what == "#"]
