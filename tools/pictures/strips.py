"""Tracks as rows of a picture, ticks of time below each other, and a legend: what pictures of time share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import floor, log10

from ...backends.intervals import Span
from ...backends.tables import share_text, time_text
from .pieces import Piece, busy, pieces
from .svg import Element, element, group, line, number, rect, text, text_width

SHORT = "short"
"""The sample of what is too short to be seen, in a legend."""

HATCH = "not-recorded"
"""The sample of what is not recorded, in a legend."""


LOWEST, SEEN, POINTED = 1.5, 0.5, 3.0
"""Pixels of height that anything has, and of width from which an eye and a pointer find it."""


@dataclass(frozen=True)
class Scale:
    """Cycles as pixels: one for all that is compared."""

    pixels_per_cycle: float
    clock_hz: int

    def pixels(self, cycles: float) -> float:
        """How wide so many cycles are."""
        return cycles * self.pixels_per_cycle

    def seconds(self, cycles: float) -> float:
        """How long so many cycles take."""
        return cycles / self.clock_hz


def strip(
    spans: Iterable[Span], scale: Scale, class_: str, height: float, most: int, hangs: bool = False
) -> Element:
    """Spans as rectangles of a row, whose busy cycles are on the row and on each of them.

    A rectangle is as high as the share of its time that is busy, so that its area is right; it stands on the
    row's lower edge, or hangs from the upper one.
    """
    given = tuple(spans)
    found = pieces(given, scale.pixels_per_cycle, most)
    parts = (_rectangle(piece, scale, height, hangs) for piece in found)
    return element("g", *parts, class_=class_, data_busy=busy(given))


def short_marks(spans: Iterable[Span], scale: Scale, class_: str, height: float, most: int) -> Element | None:
    """A mark at each piece that is too narrow to be seen; None where all can be."""
    found = pieces(spans, scale.pixels_per_cycle, most)
    narrow = [piece for piece in found if scale.pixels(piece.end - piece.start) < SEEN]
    if not narrow:
        return None
    path = "".join(f"M{number(scale.pixels(piece.start))} {number(height)}v-5" for piece in narrow)
    return line(path, class_, data_marks=len(narrow))


def _rectangle(piece: Piece, scale: Scale, height: float, hangs: bool) -> Element:
    """A piece at its place; what is narrower than a pointer has no title."""
    length = piece.end - piece.start
    high = height if piece.is_solid else max(LOWEST, height * piece.share)
    wide = scale.pixels(length)
    return element(
        "rect",
        *((element("title", _words(piece, scale)),) if wide >= POINTED else ()),
        x=scale.pixels(piece.start),
        y=None if hangs or piece.is_solid else height - high,
        width=wide,
        height=high,
        data_start=piece.start,
        data_cycles=piece.busy,
        data_length=None if piece.is_solid else length,
        data_count=piece.count if piece.count > 1 else None,
        data_period=piece.period or None,
    )


def _words(piece: Piece, scale: Scale) -> str:
    """What the pointer shows: names, how many, since when and how long."""
    names = ", ".join((*piece.names[:3], *(("…",) if len(piece.names) > 3 else ())))
    many = f"{piece.count:,} times, " if piece.count > 1 else ""
    share = "" if piece.is_solid else f", busy {share_text(piece.share)}"
    time = (
        f"at {time_text(scale.seconds(piece.start))} for {time_text(scale.seconds(piece.end - piece.start))}"
    )
    return f"{names}{': ' if names else ''}{many}{time}{share}"


def tick_lines(scale: Scale, cycles: int, top: float, bottom: float) -> Element:
    """Lines at round times, at most eight."""
    marks = (f"M{number(x)} {number(top)}V{number(bottom)}" for _, x in _ticks(scale, cycles))
    return line("".join(marks), "lines")


def tick_texts(scale: Scale, cycles: int, y: float) -> Iterator[Element]:
    """The times of the lines, each to the right of its line, or to the left where the picture ends."""
    for seconds, x in _ticks(scale, cycles):
        words = time_text(seconds) if seconds else "0"
        fits = x + 3 + text_width(words, 11) <= scale.pixels(cycles)
        yield text(x + 3 if fits else x - 3, y, words, "soft small" if fits else "soft small end")


def _ticks(scale: Scale, cycles: int) -> list[tuple[float, float]]:
    """Round times in seconds, and their pixels."""
    whole = scale.seconds(cycles)
    step = round_step(whole / 7)
    marks = range(int(whole / step * (1 + 1e-12)) + 1)
    return [(mark * step, scale.pixels(mark * step * scale.clock_hz)) for mark in marks]


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below a number above 0."""
    power = 10.0 ** floor(log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-12))


def legend(
    entries: Sequence[tuple[str, str]], y: float, x: float = 0, width: float = 800
) -> tuple[Element, float]:
    """Classes and what they mean, in as many lines as they need; the elements, and the height."""
    made, at, row = list[Element](), 0.0, 0
    for class_, words in entries:
        wide = 18 + text_width(words) + 16
        if at and at + wide > width:
            at, row = 0.0, row + 1
        made += _swatch(class_, x + at, y + row * 18)
        made.append(text(x + at + 18, y + row * 18 + 10, words, "soft"))
        at += wide
    return group(*made), (row + 1) * 18.0


def _swatch(class_: str, x: float, y: float) -> Iterator[Element]:
    """A sample: of a colour, of hatching, or of a tick."""
    if class_ == "tick":
        yield line(f"M{number(x + 6)} {number(y)}V{number(y + 12)}", "text")
    elif class_ == SHORT:
        yield line(f"M{number(x + 6)} {number(y + 12)}v-5", "text")
    elif class_ == HATCH:
        yield hatched(x, y, 12, 12)
    else:
        yield rect(x, y, 12, 12, class_)


def hatched(x: float, y: float, width: float, height: float, title: str = "") -> Element:
    """A region of which nothing is known."""
    marks = "".join(_diagonal(x, y, width, height, at) for at in range(6, int(width + height), 6))
    frame = f"M{number(x)} {number(y)}h{number(width)}v{number(height)}h{number(-width)}z"
    return line(frame + marks, "channel", title, data_kind=HATCH)


def _diagonal(x: float, y: float, width: float, height: float, at: float) -> str:
    """A line across a region, that many pixels along its upper edge and then down its right one."""
    right, down = max(0.0, at - height), max(0.0, at - width)
    start = f"M{number(x + at - down)} {number(y + down)}"
    return f"{start}L{number(x + right)} {number(y + at - right)}"
