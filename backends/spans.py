"""Pieces of time: repeated, cut out, and told in few words. Pure functions on `Span`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise

from .intervals import Span

MOST_CANDIDATES = 16
"""Of the places where what begins a block comes again, the nearest; others are not looked at."""


def end_of(span: Span) -> int:
    """The cycle behind the last of them."""
    return span.start + (span.count - 1) * span.period + span.cycles


def moved(span: Span, cycles: int) -> Span:
    """The same, later by so many cycles."""
    return replace(span, start=span.start + cycles)


def tiled(span: Span, period: int, times: int) -> list[Span]:
    """What happens `times` times in all, a period apart, in as few words as can be."""
    if times == 1:
        return [span]
    if span.count == 1:
        return [replace(span, period=period, count=times)]
    if span.count * span.period == period:
        return [replace(span, count=span.count * times)]
    if span.count <= times:
        one = replace(span, period=period, count=times)
        return [moved(one, number * span.period) for number in range(span.count)]
    return [moved(span, number * period) for number in range(times)]


def clipped(span: Span, begin: int, end: int) -> list[Span]:
    """What of it lies from one cycle to before another."""
    if span.count == 1:
        start, stop = max(span.start, begin), min(end_of(span), end)
        return [replace(span, start=start, cycles=stop - start)] if start < stop else []
    first = max(0, -((span.start - begin) // span.period))
    last = min(span.count - 1, (end - span.cycles - span.start) // span.period)
    whole = [_some(span, first, last - first + 1)] if first <= last else []
    edges = {(begin - span.cycles - span.start) // span.period + 1, (end - 1 - span.start) // span.period}
    cut = [number for number in edges if 0 <= number < span.count and not first <= number <= last]
    parts = [part for number in cut for part in clipped(_some(span, number, 1), begin, end)]
    return sorted(whole + parts, key=lambda one: one.start)


def _some(span: Span, first: int, count: int) -> Span:
    start = span.start + first * span.period
    return replace(span, start=start, count=count, period=span.period if count > 1 else 0)


@dataclass(frozen=True)
class Block:
    """Things in a row that come several times, one time behind the other."""

    first: int
    """The place of the first one."""
    length: int
    times: int


def blocks(things: Sequence[Hashable]) -> Iterator[Block]:
    """All things in order, as blocks; of those that begin somewhere, the one that covers most."""
    following = _following(things)
    place = 0
    while place < len(things):
        lengths = islice(_distances(following, place), MOST_CANDIDATES)
        found = [Block(place, length, _times(things, place, length)) for length in lengths]
        best = max(found, key=lambda one: (one.length * (one.times - 1), -one.length), default=None)
        block = best if best is not None and best.times > 1 else Block(place, 1, 1)
        yield block
        place += block.length * block.times


def _following(things: Sequence[Hashable]) -> list[int | None]:
    """Where each thing comes next."""
    seen: dict[Hashable, int] = {}
    following: list[int | None] = [None] * len(things)
    for place in reversed(range(len(things))):
        following[place] = seen.get(things[place])
        seen[things[place]] = place
    return following


def _distances(following: Sequence[int | None], place: int) -> Iterator[int]:
    """How far away the thing at a place comes again."""
    again = following[place]
    while again is not None:
        yield again - place
        again = following[again]


def _times(things: Sequence[Hashable], place: int, length: int) -> int:
    """How often what is so long comes one behind the other."""
    end = place
    while end + length < len(things) and things[end] == things[end + length]:
        end += 1
    return (end - place) // length + 1


def compressed(spans: Sequence[Span]) -> tuple[Span, ...]:
    """The same time in fewer words, in the order of starts: what repeats is told once."""
    ordered = sorted(spans, key=lambda span: span.start)
    gaps = [b.start - a.start for a, b in pairwise([*ordered[:1], *ordered])]
    things = [
        (gap, one.cycles, one.name, one.period, one.count) for gap, one in zip(gaps, ordered, strict=True)
    ]
    told: list[Span] = []
    for block in blocks(things):
        again = block.first + block.length
        period = ordered[again].start - ordered[block.first].start if block.times > 1 else 0
        for span in ordered[block.first : again]:
            told += tiled(span, period, block.times)
    return tuple(sorted(told, key=lambda span: span.start))
