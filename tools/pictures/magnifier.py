"""What happens in a part of a call, stage by stage: the windows of several variants, on one scale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...backends.intervals import Intervals, Span, Window
from ...backends.tables import time_text
from ...explore.pages.palette import stage_classes
from .pieces import clipped
from .strips import HATCH, SHORT, Scale, hatched, legend, short_marks, strip, tick_lines, tick_texts
from .svg import WIDTH, Element, Picture, element, group, rect, shortened, span, text, told_apart
from .timelines import SERVERS, Timeline, spans_of

LEFT, TOP, ROW, BAR = 124, 66, 14, 11
"""Pixels beside the rows and above them, from row to row, and of a bar."""

MOST_ELEMENTS = 900
"""For all rows together."""


@dataclass(frozen=True)
class _Row:
    """A track of a window, with cycles from the window's first one on."""

    name: str
    class_: str
    spans: tuple[Span, ...]
    kind: str
    over: tuple[Span, ...] = ()
    """Drawn over it: launches, over the kernels that they start."""


def draw(
    title: str, timelines: Sequence[Timeline], colors: Mapping[str, str] | None = None, subtitle: str = ""
) -> Picture:
    """The windows below each other; `data-start` counts from the window's `data-begin`.

    `colors` are classes of stages. What a window leaves out is hatched.

    Raises: ValueError where no variant has a window, or their clocks differ.
    """
    windows = [(one, one.intervals.window) for one in timelines if one.intervals.window is not None]
    scale, longest = _scale([(one.intervals, window) for one, window in windows])
    classes = colors or stage_classes(track.name for _, window in windows for track in window.stages)
    panels = [(one, window, _rows(one.intervals, window, classes)) for one, window in windows]
    most = MOST_ELEMENTS // sum(len(rows) + 1 for _, _, rows in panels)
    y, made = float(TOP), list[Element]()
    for one, window, rows in panels:
        facts = {"data_magnifier": one.label, "data_scale": repr(scale.pixels_per_cycle)}
        body = _panel(one, window, rows, scale, longest, most)
        made.append(group(*body, x=LEFT, y=y, **facts, data_begin=window.begin, data_end=window.end))
        y += 20 + len(rows) * ROW + 18
    shown, height = legend(_legend(panels, longest), y)
    ticks = group(*tick_texts(scale, longest, TOP - 8), x=LEFT)
    most = "Up to " if len({window.end - window.begin for _, window in windows}) > 1 else ""
    part = f"{most}{time_text(scale.seconds(longest))} of each call, on one scale"
    words = subtitle or f"{part}; a bar is as high as the share of its time that is busy."
    head = (text(0, 18, title, "text title"), text(0, 37, words, "soft"))
    described = f"Stages of {', '.join(one.label for one, _ in windows)} in a part of the call."
    return Picture("magnifier", title, described, y + height, (*head, ticks, *made, shown))


def _scale(windows: Sequence[tuple[Intervals, Window]]) -> tuple[Scale, int]:
    clocks = {intervals.clock_hz for intervals, _ in windows}
    if len(clocks) != 1:
        raise ValueError(f"one scale needs windows of one clock, not of {len(clocks)}")
    longest = max(1, *(window.end - window.begin for _, window in windows))
    return Scale((WIDTH - LEFT - 2) / longest, clocks.pop()), longest


def _rows(intervals: Intervals, window: Window, classes: Mapping[str, str]) -> list[_Row]:
    """Calls, servers that are used in the window, and the stages that fire in it."""

    def within(spans: Sequence[Span]) -> tuple[Span, ...]:
        return tuple(clipped(spans, window.begin, window.end))

    kernels, launches = (within(spans_of(intervals.tracks, kind)) for kind in ("kernel", "launch"))
    rows = [_Row("calls", "kernel", kernels, "calls", launches)]
    for kind, (class_, name) in SERVERS.items():
        spans = within(spans_of(intervals.tracks, kind))
        if spans or kind == "hbm":
            rows.append(_Row(name, class_, spans, kind))
    for track in window.stages:
        if spans := within(track.spans):
            rows.append(_Row(track.name, classes.get(track.name, "other"), spans, "stage"))
    return rows


def _panel(
    one: Timeline, window: Window, rows: Sequence[_Row], scale: Scale, longest: int, most: int
) -> Iterator[Element]:
    """A label, and each row on its ground; what lies behind the window is hatched if the call goes on."""
    length, height = window.end - window.begin, len(rows) * ROW
    yield tick_lines(scale, longest, 17, 20 + height)
    begin, end, taken = (time_text(scale.seconds(cycle)) for cycle in (window.begin, window.end, length))
    label = span(one.label, class_="text strong")
    yield element("text", label, span(f"  · {taken}, from {begin} to {end}"), x=-LEFT, y=12, class_="soft")
    for number, row in enumerate(rows):
        yield from _row(row, 20 + number * ROW, scale, length, most)
    if _goes_on(one.intervals, window, longest):
        x = scale.pixels(length)
        yield hatched(x, 20, scale.pixels(longest) - x, height - 3, "not recorded")


def _row(row: _Row, y: float, scale: Scale, length: int, most: int) -> Iterator[Element]:
    yield text(-LEFT, y + 10, shortened(row.name, LEFT - 10, 11, told_apart(row.name)), "soft small")
    ground = rect(0, 0, scale.pixels(length), BAR, "idle")
    over = (strip(row.over, scale, "launch", BAR, most, hangs=True),) if row.over else ()
    busy = strip(row.spans, scale, row.class_, BAR, most)
    marks = short_marks(row.spans, scale, row.class_, BAR, most) if row.kind == "stage" else None
    parts = (ground, busy, *over, *((marks,) if marks is not None else ()))
    yield group(*parts, y=y, data_row=row.kind, data_name=row.name)


def _goes_on(intervals: Intervals, window: Window, longest: int) -> bool:
    return window.end < intervals.cycles and window.end - window.begin < longest


def _legend(panels: Sequence[tuple[Timeline, Window, Sequence[_Row]]], longest: int) -> list[tuple[str, str]]:
    kinds = {row.kind for _, _, rows in panels for row in rows}
    servers = [(class_, f"{name} busy") for kind, (class_, name) in SERVERS.items() if kind in kinds]
    unknown = any(_goes_on(one.intervals, window, longest) for one, window, _ in panels)
    hatch = [(HATCH, "not recorded")] if unknown else []
    start = [("launch", "launch"), ("kernel", "kernel runs"), *servers, ("idle", "idle")]
    return [*start, (SHORT, "works too shortly to be seen"), *hatch]
