"""Spans piece by piece, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kl.backends.intervals import Span


def expanded(spans: Sequence[Span]) -> list[Span]:
    """One by one, in the order of time; pieces of one name that touch are one."""
    single = sorted(one for span in spans for one in _each(span))
    joined: list[tuple[int, int, str]] = []
    for start, end, name in single:
        if joined and joined[-1][1] == start and joined[-1][2] == name:
            joined[-1] = joined[-1][0], end, name
        else:
            joined.append((start, end, name))
    return [Span(start, end - start, name) for start, end, name in joined]


def _each(span: Span) -> Iterator[tuple[int, int, str]]:
    for number in range(span.count):
        start = span.start + number * span.period
        yield start, start + span.cycles, span.name
