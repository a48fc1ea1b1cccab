"""Spans of a track as few pieces of a picture: what lies too near together is one that keeps the sum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ...backends.intervals import Span

NEAREST_PIXELS = 0.5
"""Gaps below it cannot be seen."""

LENGTH = 6
"""Such gaps are a piece in which busy and idle time are mixed, before it is held against its neighbours."""

EQUAL = 0.1
"""Shares of time whose difference is smaller look alike."""

MOST_NAMES = 4
"""That a piece keeps."""


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
    """Of its spans, each once, in their order; the first `MOST_NAMES` of them."""

    @property
    def is_solid(self) -> bool:
        """Whether it is busy all the time."""
        return self.busy == self.end - self.start

    @property
    def share(self) -> float:
        """Of its time in which it is busy."""
        return self.busy / max(1, self.end - self.start)


def pieces(spans: Iterable[Span], scale: float, most: int) -> tuple[Piece, ...]:
    """At most so many pieces at a scale of pixels a cycle; their busy cycles are those of the spans.

    A span that touches the next one goes on in it where both have one name. What is too near together for the
    eye is one piece as long as it is about equally busy.
    """
    given = tuple(spans)
    gap = max(1, round(NEAREST_PIXELS / scale))
    found = _coarser(_ordered(given, gap), gap)
    while len(found) > most:
        gap *= 2
        found = _coarser(found, gap)
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


def _coarser(ordered: Sequence[Piece], gap: int) -> tuple[Piece, ...]:
    """Pieces of some gaps' length, then those of them that are about equally busy as one."""
    return tuple(_alike(tuple(_joined(ordered, gap, LENGTH * gap)), gap))


def _joined(ordered: Sequence[Piece], gap: int, longest: int) -> Iterator[Piece]:
    """Pieces with less than a gap between them as one; those that can be seen alone only where they touch and
    have the same names.
    """

    def belong(first: Piece, second: Piece) -> bool:
        if second.start < first.end or _go_on(first, second):
            return True
        small = min(first.end - first.start, second.end - second.start) < gap
        return second.start - first.end < gap and small and second.end - first.start <= longest

    return _together(ordered, belong)


def _alike(ordered: Sequence[Piece], gap: int) -> Iterator[Piece]:
    """Neighbours that are about equally busy; of two that are busy all the time, those of one name."""

    def belong(first: Piece, second: Piece) -> bool:
        near = second.start - first.end < gap
        bands = not (first.is_solid and second.is_solid) or first.names == second.names
        return near and bands and abs(first.share - second.share) < EQUAL

    return _together(ordered, belong)


def _go_on(first: Piece, second: Piece) -> bool:
    """Whether both are solid, touch, and are of the same things."""
    return second.start == first.end and first.names == second.names and first.is_solid and second.is_solid


def _together(ordered: Sequence[Piece], belong: Callable[[Piece, Piece], bool]) -> Iterator[Piece]:
    """Each piece with those behind it that belong to it."""
    current: Piece | None = None
    for piece in ordered:
        if current is not None and belong(current, piece):
            current = _both(current, piece)
            continue
        if current is not None:
            yield current
        current = piece
    if current is not None:
        yield current


def _both(first: Piece, second: Piece) -> Piece:
    end = max(first.end, second.end)
    names = tuple(dict.fromkeys((*first.names, *second.names)))[:MOST_NAMES]
    return Piece(first.start, end, first.busy + second.busy, first.count + second.count, 0, names)
