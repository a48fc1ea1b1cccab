"""What looping removes: the timelines of a call's variants below each other, on one scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...backends.intervals import Intervals, Span, Track
from .pieces import pieces
from .strips import Scale, legend, strip, tick_lines, tick_texts
from .svg import WIDTH, Element, Picture, Value, element, group, line, number, rect, span, text

LEFT, RIGHT, TOP = 56, 4, 66
"""Pixels beside the rows, and above the first of them."""

CALL, SERVER, PITCH = 22, 14, 18
"""Pixels of the row of calls, of a server's row, and from one of those to the next."""

MOST_ELEMENTS = 1000
"""For all rows together."""

SERVERS = {"hbm": ("memory-full", "HBM"), "ddr": ("ddr", "DDR"), "links": ("links", "links")}


@dataclass(frozen=True)
class Timeline:
    """A variant of a program, and what it does in a call."""

    label: str
    intervals: Intervals
    values: tuple[Value, ...] = ()
    """Texts beside its name: time, tokens per second, calls."""
    layers: tuple[Span, ...] = ()
    """Where layers begin: each start of these, a period apart, is a tick."""


def draw(title: str, timelines: Sequence[Timeline], subtitle: str = "") -> Picture:
    """All timelines on the scale of the longest, `data-scale` pixels a cycle, with a strip for each memory.

    Each `rect[data-start]` lies at its cycle times the scale in its timeline's group, and `data-cycles` says
    how long it is busy: of a strip these add up to what the ledger has.

    Raises: ValueError without a timeline, or where their clocks differ.
    """
    scale, longest = common_scale([one.intervals for one in timelines], WIDTH - LEFT - RIGHT)
    most = MOST_ELEMENTS // sum(len(_servers(one)) + 3 for one in timelines)
    y, groups = float(TOP), list[Element]()
    for one in timelines:
        groups.append(group(*_timeline(one, scale, longest, most), x=LEFT, y=y, **_facts(one, scale)))
        y += 20 + CALL + 6 + len(_servers(one)) * PITCH + 14
    shown, height = legend(_legend(timelines), y)
    ticks = group(*tick_texts(scale, longest, TOP - 8), x=LEFT)
    head = (text(0, 18, title, "text title"), text(0, 37, subtitle or _one_scale(timelines), "soft"))
    words = f"Timelines of {', '.join(one.label for one in timelines)} on one scale."
    return Picture("timelines", title, words, y + height, (*head, ticks, *groups, shown))


def common_scale(intervals: Sequence[Intervals], width: float) -> tuple[Scale, int]:
    """The scale at which the longest of some calls has a width, and its cycles.

    Raises: ValueError without a call, or where their clocks differ.
    """
    clocks = {one.clock_hz for one in intervals}
    if len(clocks) != 1:
        raise ValueError(f"one scale needs one clock, not {len(clocks)}")
    longest = max(1, *(one.cycles for one in intervals))
    return Scale(width / longest, clocks.pop()), longest


def spans_of(tracks: Sequence[Track], kind: str) -> tuple[Span, ...]:
    """The spans of all tracks of a kind."""
    return tuple(span_ for track in tracks if track.kind == kind for span_ in track.spans)


def _servers(one: Timeline) -> list[str]:
    """The kinds of servers that get a row: memory always, others where they are used."""
    return [kind for kind in SERVERS if kind == "hbm" or spans_of(one.intervals.tracks, kind)]


def _facts(one: Timeline, scale: Scale) -> dict[str, str | int]:
    return {
        "data_timeline": one.label,
        "data_scale": repr(scale.pixels_per_cycle),
        "data_total": one.intervals.cycles,
    }


def _one_scale(timelines: Sequence[Timeline]) -> str:
    scale = "All timelines have one scale; a" if len(timelines) > 1 else "A"
    return f"{scale} bar is as high as the share of its time that is busy."


def _timeline(one: Timeline, scale: Scale, longest: int, most: int) -> Iterator[Element]:
    """A label, calls with their launches, ticks at layers, and strips."""
    tracks, width = one.intervals.tracks, scale.pixels(one.intervals.cycles)
    yield tick_lines(scale, longest, 17, 30 + CALL + len(_servers(one)) * PITCH)
    values = tuple(part for value in one.values for part in (span("  · "), span(value)))
    yield element("text", span(one.label, class_="text strong"), *values, x=-LEFT, y=12, class_="soft")
    yield group(*_calls(one, scale, most), y=20, data_row="calls")
    for row, kind in enumerate(_servers(one)):
        class_, name = SERVERS[kind]
        y = 20 + CALL + 6 + row * PITCH
        yield text(-LEFT, y + 11, name, "soft small")
        idle = rect(0, 0, width, SERVER, "idle")
        busy = strip(spans_of(tracks, kind), scale, class_, SERVER, most)
        yield group(idle, busy, y=y, data_row=kind)


def _calls(one: Timeline, scale: Scale, most: int) -> Iterator[Element]:
    """Kernels on the lower edge, launches on the upper one: together they fill the row."""
    tracks, ends = one.intervals.tracks, scale.pixels(one.intervals.cycles)
    yield rect(0, 0, ends, CALL, "idle")
    yield strip(spans_of(tracks, "kernel"), scale, "kernel", CALL, most)
    yield strip(spans_of(tracks, "launch"), scale, "launch", CALL, most, hangs=True)
    layers = (Span(each.start, 0, "", each.period, each.count) for each in one.layers)
    if begins := pieces(layers, scale.pixels_per_cycle, most):
        marks = "".join(f"M{number(scale.pixels(each.start))} {CALL - 7}v7" for each in begins)
        yield line(marks, "text", "layers begin", data_layers=sum(each.count for each in one.layers))


def _legend(timelines: Sequence[Timeline]) -> list[tuple[str, str]]:
    """Only what is there."""
    used = {kind for one in timelines for kind in _servers(one)}
    servers = [(SERVERS[kind][0], f"{SERVERS[kind][1]} busy") for kind in SERVERS if kind in used]
    layers = [("tick", "a layer begins")] if any(one.layers for one in timelines) else []
    return [("launch", "launch"), ("kernel", "kernel runs"), *servers, ("idle", "idle"), *layers]
