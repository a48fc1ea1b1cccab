"""Long texts in short: of many lines in a row that differ in their numbers alone most are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST_PERIOD = 12
"""Lines that come again together, at most: the calls of a step, of layers of several kinds."""
FEWEST_TIMES = 6
"""So often lines come, at least, before some are left out."""
KEPT = 2
"""So often they are shown before that, and once behind it."""
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Line:
    """A line of IR."""

    text: str
    place: str = ""
    """Where its operation comes from, `file:line`; empty where nothing is known."""


def folded(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines, with `… 28 lines like these` where there are many alike."""
    shapes = [_NUMBER.sub("0", line.text) for line in lines]
    return tuple(_folded(lines, shapes))


def _folded(lines: Sequence[Line], shapes: Sequence[str]) -> Iterator[Line]:
    at = 0
    while at < len(lines):
        period, times = _repeated(shapes, at)
        if times < FEWEST_TIMES:
            yield lines[at]
            at += 1
            continue
        left = (times - KEPT - 1) * period
        yield from lines[at : at + KEPT * period]
        indent = lines[at].text[: len(lines[at].text) - len(lines[at].text.lstrip())]
        these = (
            f"{period} lines {times - KEPT - 1} times more" if period > 1 else f"{left} lines like this one"
        )
        yield Line(f"{indent}… {these}, but for their numbers", lines[at].place)
        yield from lines[at + KEPT * period + left : at + times * period]
        at += times * period


def _repeated(shapes: Sequence[str], at: int) -> tuple[int, int]:
    """The period with which lines come again from here on, and how often; the one that covers most lines."""
    best = (1, 1)
    for period in range(1, LONGEST_PERIOD + 1):
        end = at + period
        while end < len(shapes) and shapes[end] == shapes[end - period]:
            end += 1
        times = (end - at) // period
        if times > 1 and times * period > best[0] * best[1]:
            best = (period, times)
    return best
