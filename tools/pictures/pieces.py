"""Spans of a track as few pieces of a picture: what lies too near together is one that keeps the sum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ...backends.intervals import Span

NEAREST_PIXELS = 0.25
"""Gaps below it cannot be seen."""


@dataclass(frozen=True)
class Piece:
    """A part of a track that is drawn as one rectangle."""

    start: int
    end: int
    """The cycle behind its last one."""
    busy: int
    """The busy cycles in it: all of them, or as many as the spans in it have."""
    count: int = 1
    """How many spans it stands for."""
    period: int = 0
    """Cycles from start to start of these, where they are equally far apart."""
    names: tuple[str, ...] = ()
    """Of its spans, each once."""

    @property
    def is_solid(self) -> bool:
        """Whether it is busy all the time."""
        return self.busy == self.end - self.start


def pieces(spans: Iterable[Span], scale: float, most: int) -> tuple[Piece, ...]:
    """At most so many pieces at a scale of pixels a cycle; their busy cycles are those of the spans.

    A span that touches the next one goes on in it where both have one name.
    """
    given = tuple(spans)
    gap = max(1, round(NEAREST_PIXELS / scale))
    exact = tuple(_joined(_ordered(given, 1), 1)) if sum(span.count for span in given) <= most else ()
    found = exact or tuple(_joined(_ordered(given, gap), gap))
    while len(found) > most:
        gap *= 2
        found = tuple(_joined(found, gap))
    return found


def clipped(spans: Iterable[Span], begin: int, end: int) -> Iterator[Span]:
    """What of spans lies between two cycles, counted from the first one."""
    for one in spans:
        for number in _between(one, begin, end):
            start = one.start + number * one.period
            first, last = max(start, begin), min(start + one.cycles, end)
            yield Span(first - begin, last - first, one.name)


def busy(spans: Iterable[Span]) -> int:
    """The busy cycles of all spans."""
    return sum(span.busy_cycles for span in spans)


def _between(span: Span, begin: int, end: int) -> range:
    """Which of the repetitions of a span lie between two cycles, in part at least."""
    if span.count == 1 or span.period == 0:
        return range(int(span.start < end and span.start + span.cycles > begin))
    first = max(0, (begin - span.start - span.cycles) // span.period + 1)
    return range(first, min(span.count, -((span.start - end) // span.period)))


def _ordered(spans: Sequence[Span], gap: int) -> list[Piece]:
    """Each span by itself, but those that repeat without a gap to be seen as one."""
    return sorted((piece for span in spans for piece in _of_span(span, gap)), key=lambda piece: piece.start)


def _of_span(span: Span, gap: int) -> Iterator[Piece]:
    names = (span.name,) if span.name else ()
    alone = Piece(span.start, span.start + span.cycles, span.cycles, names=names)
    if span.count > 1 and span.period - span.cycles < gap:
        end = alone.end + (span.count - 1) * span.period
        yield replace(alone, end=end, busy=span.busy_cycles, count=span.count, period=span.period)
        return
    for number in range(span.count):
        moved = number * span.period
        yield replace(alone, start=alone.start + moved, end=alone.end + moved)


def _joined(ordered: Sequence[Piece], gap: int) -> Iterator[Piece]:
    """Pieces with less than a gap between them as one; those that touch only where they have the same names,
    or are too small to be seen.
    """
    current: Piece | None = None
    for piece in ordered:
        if current is None:
            current = piece
        elif _belong(current, piece, gap):
            current = _both(current, piece)
        else:
            yield current
            current = piece
    if current is not None:
        yield current


def _belong(first: Piece, second: Piece, gap: int) -> bool:
    near = second.start - first.end < gap
    small = min(first.end - first.start, second.end - second.start) < gap
    return near and (first.names == second.names or small or second.start < first.end)


def _both(first: Piece, second: Piece) -> Piece:
    end = max(first.end, second.end)
    names = tuple(sorted({*first.names, *second.names}))
    return Piece(first.start, end, first.busy + second.busy, first.count + second.count, 0, names)
