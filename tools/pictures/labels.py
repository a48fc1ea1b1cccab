"""Names at places of a picture: beside each other above or below it, each with a line to its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .svg import WIDTH, Element, element, line, number, rect, text, text_width

SIZE, HIGH, ROW = 11, 15, 17
"""Pixels of a name's letters, of its frame, and from one row of names to the next."""

FARTHEST = 60
"""How many pixels a name may stand beside its place, while a row more can spare it."""


@dataclass(frozen=True)
class Label:
    """A name and the place that it belongs to."""

    name: str
    class_: str
    """The colour of its frame and its line."""
    x: float
    y: float


def rows(labels: Sequence[Label]) -> list[list[tuple[Label, float]]]:
    """Rows of names with their left ends, so that none overlaps another; the first row is the nearest."""
    found, ends = list[list[tuple[Label, float]]](), list[float]()
    for label in sorted(labels, key=lambda one: (one.x, one.y, one.name)):
        wide = _wide(label.name)
        wish = max(0.0, min(label.x - wide / 2, WIDTH - wide))
        row = next(
            (at for at, end in enumerate(ends) if end <= min(wish + FARTHEST, WIDTH - wide)), len(ends)
        )
        if row == len(ends):
            ends.append(0.0)
            found.append([])
        left = max(wish, ends[row])
        found[row].append((label, left))
        ends[row] = left + wide + 6
    return found


def above(labels: Sequence[Label], bottom: float) -> Iterator[Element]:
    """Names in rows whose nearest one ends at a height, lines first."""
    placed = rows(labels)
    yield from _drawn(placed, [bottom - (row + 1) * ROW for row in range(len(placed))])


def below(labels: Sequence[Label], top: float) -> Iterator[Element]:
    """Names in rows whose nearest one begins at a height, lines first."""
    placed = rows(labels)
    yield from _drawn(placed, [top + row * ROW for row in range(len(placed))])


def pill(name: str, class_: str, x: float, y: float) -> Iterator[Element]:
    """A name around a place."""
    yield from _framed(name, class_, x - _wide(name) / 2, y - 8)


def _drawn(placed: Sequence[Sequence[tuple[Label, float]]], tops: Sequence[float]) -> Iterator[Element]:
    for entries, top in zip(placed, tops, strict=True):
        for label, left in entries:
            start = f"M{number(left + _wide(label.name) / 2)} {number(top + HIGH / 2)}"
            yield line(f"{start}L{number(label.x)} {number(label.y)}", "text")
            yield element("circle", cx=label.x, cy=label.y, r=2.5, class_="text")
    for entries, top in zip(placed, tops, strict=True):
        for label, left in entries:
            yield from _framed(label.name, label.class_, left, top)


def _framed(name: str, class_: str, left: float, top: float) -> Iterator[Element]:
    wide = _wide(name)
    yield rect(left, top, wide, HIGH, "card", rx=4)
    frame = f"M{number(left + 4)} {number(top + 0.5)}h{number(wide - 8)}a4 4 0 0 1 4 4v6a4 4 0 0 1 -4 4"
    yield line(f"{frame}h{number(8 - wide)}a4 4 0 0 1 -4 -4v-6a4 4 0 0 1 4 -4z", class_)
    yield text(left + wide / 2, top + 11, name, "text small middle")


def _wide(name: str) -> float:
    return text_width(name, SIZE) + 8
