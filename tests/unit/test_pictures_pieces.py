"""Few pieces for many spans: sums are exact, places are, and their number is bounded."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from kl.backends.intervals import Span
from kl.tools.pictures.pieces import busy, clipped, pieces


@st.composite
def tracks(draw: st.DrawFn) -> list[Span]:
    """Spans behind each other, some of which repeat."""
    at, found = 0, list[Span]()
    for _ in range(draw(st.integers(1, 30))):
        start = at + draw(st.integers(0, 5000))
        cycles = draw(st.integers(1, 3000))
        count = draw(st.sampled_from((1, 1, 2, 7, 100)))
        period = cycles + draw(st.integers(0, 900)) if count > 1 else 0
        found.append(Span(start, cycles, draw(st.sampled_from(("", "a", "b"))), period, count))
        at = start + (count - 1) * period + cycles
    return found


def alone(spans: list[Span]) -> list[tuple[int, int]]:
    """Each span's first cycle and the one behind its last, with repetitions written out."""
    return [
        (start, start + span.cycles)
        for span in spans
        for start in (span.start + number * span.period for number in range(span.count))
    ]


@settings(max_examples=40, deadline=None)
@given(tracks(), st.sampled_from((0.0001, 0.01, 1.0)), st.sampled_from((1, 20, 400)))
def test_pieces_keep_sums_and_are_few(spans: list[Span], scale: float, most: int):
    found = pieces(spans, scale, most)
    assert len(found) <= most
    assert sum(piece.busy for piece in found) == busy(spans)
    assert sum(piece.count for piece in found) == sum(span.count for span in spans)
    assert all(first.end <= second.start for first, second in pairwise(found))
    assert found[0].start == spans[0].start
    assert found[-1].end == max(end for _, end in alone(spans))
    held = Counter[int]()
    for start, end in alone(spans):
        held[bisect_right(found, start, key=lambda piece: piece.start) - 1] += end - start
    assert [held[at] for at in range(len(found))] == [piece.busy for piece in found]


@settings(max_examples=40, deadline=None)
@given(tracks(), st.integers(0, 20_000), st.integers(1, 20_000))
def test_a_window_has_exactly_what_lies_in_it(spans: list[Span], begin: int, length: int):
    inside = [
        (max(start, begin) - begin, min(end, begin + length) - begin)
        for start, end in alone(spans)
        if start < begin + length and end > begin
    ]
    assert [
        (span.start, span.start + span.cycles) for span in clipped(spans, begin, begin + length)
    ] == inside


def test_touching_spans_of_one_name_are_one_piece_and_others_are_not():
    assert len(pieces([Span(0, 500, "a"), Span(500, 500, "a")], 0.1, 100)) == 1
    assert len(pieces([Span(0, 500, "a"), Span(500, 500, "b")], 0.1, 100)) == 2


def test_a_repetition_too_fine_to_be_seen_says_how_often_it_is_and_how_far_apart():
    (found,) = pieces([Span(10, 3, "", 5, 1000)], 0.01, 100)
    assert (found.start, found.end, found.busy, found.count, found.period) == (10, 5008, 3000, 1000, 5)
    assert not found.is_solid


def test_kernels_that_do_not_fit_are_joined_with_their_first_names():
    (found,) = pieces([Span(at * 100, 90, f"k{at}") for at in range(50)], 1.0, 1)
    assert (found.busy, found.count, found.names) == (4500, 50, ("k0", "k1", "k2", "k3"))


def test_where_a_track_is_busier_than_elsewhere_can_be_seen():
    often, seldom = Span(0, 9, "", 10, 5000), Span(50_000, 1, "", 10, 5000)
    alone = [Span(at, 9 if at < 50_000 else 1) for at in range(0, 100_000, 10)]
    for spans in ([often, seldom], alone):
        found = pieces(spans, 0.005, 100)
        assert len(found) <= 3, "one that is busy, one that is not, and one at most of both"
        assert (found[0].share > 0.85, found[-1].share < 0.15) == (True, True)
