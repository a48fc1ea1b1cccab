"""Where the time of a token goes: a bar for each variant, held against its roofline, and its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...backends.tables import share_text, time_text
from .svg import (
    WIDTH,
    Element,
    Picture,
    Value,
    element,
    group,
    line,
    number,
    rect,
    shortened,
    span,
    text,
)

LABEL, TOP, PITCH, BAR = 110, 54, 50, 20
"""Pixels of the names in the table, above the first bar, from bar to bar, and of a bar."""

PARTS = {
    "memory_full_rate": ("memory-full", "memory at full rate", "full rate"),
    "memory_below_full_rate": ("memory-below", "memory below its full rate", "below full"),
    "memory_busy": ("memory-full", "memory busy", "memory busy"),
    "launch": ("launch", "launch", "launch"),
    "fill": ("fill", "fill", "fill"),
    "drain": ("drain", "drain", "drain"),
    "exposed": ("exposed", "exposed compute", "exposed"),
    "collectives": ("collectives", "collectives", "collectives"),
    "router": ("router", "waiting for ids of experts", "router"),
}
"""The class of each part of a ledger, what it is, and the head of its column; others are `other`."""


@dataclass(frozen=True)
class LedgerBar:
    """A variant of a program, and the cycles of a call by what happens in them."""

    label: str
    parts: tuple[tuple[str, int], ...]
    """Names as in the ledger, and cycles of a call, in the order of the bar."""
    roofline_cycles: float
    """The least cycles of a call."""
    clock_hz: int
    tokens: int = 1
    """Of a call: what is shown is the time of one."""
    values: tuple[Value, ...] = ()
    """Texts beside its name."""
    path: str = ""
    """Of its parts in the JSON of a command: `compare.3.ledger_cycles`; empty without one."""

    @property
    def cycles(self) -> int:
        """Of the whole call."""
        return sum(cycles for _, cycles in self.parts)

    def seconds(self, cycles: float) -> float:
        """Of a token, of so many cycles of a call."""
        return cycles / self.tokens / self.clock_hz


def draw(title: str, bars: Sequence[LedgerBar], subtitle: str = "") -> Picture:
    """All bars on the scale of the longest, `data-scale` pixels a second; parts carry `data-cycles`.

    Raises: ValueError without a bar.
    """
    if not bars:
        raise ValueError("a ledger needs a bar")
    scale = (WIDTH - 2) / max(1e-12, *(bar.seconds(max(bar.cycles, bar.roofline_cycles)) for bar in bars))
    rows = [
        group(*_bar(bar, scale), y=TOP + row * PITCH, data_ledger=bar.label, data_scale=repr(scale))
        for row, bar in enumerate(bars)
    ]
    y = TOP + len(bars) * PITCH
    words = subtitle or "Time of a token; the mark is the roofline: all bytes at the memory's full rate."
    head = (text(0, 18, title, "text title"), text(0, 37, words, "soft"))
    table = group(*_table(bars), y=y, data_table="ledger")
    described = f"Ledger bars of {', '.join(bar.label for bar in bars)}, with a mark at the roofline."
    return Picture("ledger", title, described, y + 26 + 18 * len(bars), (*head, *rows, table))


def _bar(bar: LedgerBar, scale: float) -> Iterator[Element]:
    """A name with its values, the parts one behind the other, and the roofline's mark."""
    total = f"  · {time_text(bar.seconds(bar.cycles))} a token"
    values = tuple(part for value in bar.values for part in (span("  · "), span(value)))
    yield element(
        "text", span(bar.label, class_="text strong"), span(total), *values, x=0, y=12, class_="soft"
    )
    at = 0
    for name, cycles in bar.parts:
        if cycles:
            title = f"{_part(name)[1]}: {time_text(bar.seconds(cycles))}, {share_text(cycles / bar.cycles)}"
            x, width = bar.seconds(at) * scale, bar.seconds(cycles) * scale
            yield rect(x, 19, width, BAR, _part(name)[0], title, data_part=name, data_cycles=cycles)
        at += cycles
    mark = number(bar.seconds(bar.roofline_cycles) * scale)
    title = f"roofline: {time_text(bar.seconds(bar.roofline_cycles))}"
    yield line(
        f"M{mark} 15v{BAR + 8}", "text", title, stroke_width=2, data_roofline=repr(bar.roofline_cycles)
    )


def _table(bars: Sequence[LedgerBar]) -> Iterator[Element]:
    """A column for each part, with its colour: numbers, and the legend at once."""
    names = list(dict.fromkeys(name for bar in bars for name, _ in bar.parts))
    pitch = (WIDTH - LABEL) / max(1, len(names))
    for column, name in enumerate(names):
        right = LABEL + (column + 1) * pitch
        class_, words, short = _part(name)
        yield text(right - 14, 14, shortened(short, pitch - 20, 11), "text small end")
        yield rect(right - 10, 5, 10, 10, class_, words)
    yield line(f"M0 20H{WIDTH}", "lines")
    for row, bar in enumerate(bars):
        yield text(0, 35 + 18 * row, shortened(bar.label, LABEL, 11), "text small")
        cycles = dict(bar.parts)
        for column, name in enumerate(names):
            yield text(
                LABEL + (column + 1) * pitch, 35 + 18 * row, _value(bar, name, cycles), "text small end"
            )


def _value(bar: LedgerBar, name: str, cycles: dict[str, int]) -> str | Value:
    if name not in cycles:
        return "–"
    shown = time_text(bar.seconds(cycles[name])) if cycles[name] else "0"
    return Value(shown, f"{bar.path}.{name}" if bar.path else "", cycles[name])


def _part(name: str) -> tuple[str, str, str]:
    return PARTS.get(name, ("other", name, name))
