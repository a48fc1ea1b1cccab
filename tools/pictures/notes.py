"""Sentences below a picture, as long as they are: in lines, nothing cut off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from .svg import WIDTH, Element, text

SIZE, LINE, GAP = 11, 15, 4
"""Pixels of the letters, from line to line, and between two notes."""


def notes(sentences: Sequence[str], top: float) -> tuple[tuple[Element, ...], float]:
    """The sentences from a height down, and the height behind the last one."""
    drawn, y = list[Element](), top
    for sentence in sentences:
        lines = tuple(_lines(sentence))
        drawn += [
            text(12 if at else 0, y + LINE * (at + 1) - 3, line, "soft small")
            for at, line in enumerate(lines)
        ]
        y += LINE * len(lines) + GAP
    return tuple(drawn), y


def _lines(sentence: str) -> Iterator[str]:
    yield from wrap(sentence, int((WIDTH - 12) / (SIZE * 0.56)), break_on_hyphens=False)
