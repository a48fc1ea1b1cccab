"""Tokens per second over sockets, batch and context, below the roof that memory and compute set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor, log2, log10

from ...backends.tables import share_text
from ..whatif.answers import Answer, Curve, Refused, Time, WhatIf
from .notes import notes
from .svg import WIDTH, Element, Picture, element, group, line, number, rect, text

GAP, TOP, HIGH = 24, 104, 200
"""Pixels between two curves, above their plots, and of a plot."""
LEFT, RIGHT = 44, 16
"""Pixels for the numbers of the vertical axis, and to the right of the last value."""
LOGARITHMIC = 4
"""From this ratio of the largest to the least number on, the vertical axis is logarithmic."""
WORDS = {"sockets": "sockets", "batch": "batch (rows)", "context": "context (positions)"}


@dataclass(frozen=True)
class _Plot:
    """The plot of a curve: values in equal steps of their logarithm, and a vertical axis for its numbers."""

    curve: Curve
    width: float

    @property
    def times(self) -> list[tuple[int, Time]]:
        """The values that are not refused."""
        return [(value, one) for value, one in self.curve.points if isinstance(one, Time)]

    @property
    def numbers(self) -> list[float]:
        """All tokens per second that are drawn."""
        found = [(one.tokens_per_second, one.roof, one.attainable) for _, one in self.times]
        return [each for one in found for each in one if each is not None]

    @property
    def is_logarithmic(self) -> bool:
        """Whether equal steps up are equal factors."""
        return bool(self.numbers) and max(self.numbers) >= LOGARITHMIC * min(self.numbers)

    def x(self, value: int) -> float:
        """Where a value stands."""
        low, high = (log2(self.curve.points[at][0]) for at in (0, -1))
        share = (log2(value) - low) / (high - low) if high > low else 0.5
        return LEFT + share * (self.width - LEFT - RIGHT)

    def y(self, tokens: float) -> float:
        """Where so many tokens per second stand."""
        low, high = self.ends()
        if self.is_logarithmic:
            return HIGH * (1 - log10(tokens / low) / log10(high / low))
        return HIGH * (1 - tokens / high)

    def ends(self) -> tuple[float, float]:
        """The least and the largest number of the vertical axis."""
        low, high = min(self.numbers), max(self.numbers) * 1.1
        return (low / 1.6, high * 1.1) if self.is_logarithmic else (0.0, high)

    def ticks(self) -> list[float]:
        """Round numbers for the vertical axis."""
        low, high = self.ends()
        if not self.is_logarithmic:
            step = _round(high / 4)
            return [step * count for count in range(int(high / step) + 1)]
        decades = range(floor(log10(low)), floor(log10(high)) + 1)
        steps = (1, 2, 5) if high / low < 300 else (1,)
        found = [step * 10.0**decade for decade in decades for step in steps]
        return [one for one in found if low <= one <= high]


def draw(asked: WhatIf) -> Picture:
    """A plot for each curve, whose points are `circle[data-value]` with `data-seconds` of a step."""
    width = (WIDTH - GAP * (len(asked.curves) - 1)) / max(1, len(asked.curves))
    plots = [
        group(*_plot(_Plot(curve, width), asked), x=at * (width + GAP), y=TOP, data_curve=curve.axis)
        for at, curve in enumerate(asked.curves)
    ]
    below, end = notes([*_changed(asked), *_refused(asked.curves)], TOP + HIGH + 56)
    title = f"What if there were more? {asked.model}, {asked.variant}"
    axes = ", ".join(curve.axis for curve in asked.curves)
    return Picture(
        "curves",
        title,
        f"Tokens per second of {asked.model} over {axes}, with the roofline above.",
        end + 4,
        (*_head(title, asked), *plots, *below),
    )


def _head(title: str, asked: WhatIf) -> Iterator[Element]:
    yield text(0, 18, title, "text title")
    given = f"One thing changes, all else is as given: {asked.conditions}." if asked.conditions else ""
    yield text(0, 37, f"Tokens per second. {given}".strip(), "soft")
    keys = (
        (0, "reached", None, "reached"),
        (92, "roof", None, "roofline (full bandwidth)"),
        (266, "roof", "5 4", "attainable (what memory streams reach)"),
    )
    for x, class_, dashes, words in keys:
        yield line(f"M{x} 57h22", class_, stroke_width=2, stroke_dasharray=dashes)
        yield text(x + 28, 61, words, "text small")
    yield element("circle", cx=558, cy=57, r=6, class_="line text")
    yield text(570, 61, "as given", "text small")
    yield text(650, 61, "✕ refused", "text small")


def _plot(plot: _Plot, asked: WhatIf) -> Iterator[Element]:
    curve = plot.curve
    yield text(0, -12, f"over {WORDS.get(curve.axis, curve.axis)}", "text strong")
    if not plot.times:
        yield from _empty(plot)
        return
    yield from _axes(plot)
    for class_, dashes, of in (
        ("roof", None, "roof"),
        ("roof", "5 4", "attainable"),
        ("reached", None, "reached"),
    ):
        yield from _line(plot, class_, dashes, of)
    for value, answer in curve.points:
        yield from _point(plot, value, answer, asked)


def _empty(plot: _Plot) -> Iterator[Element]:
    yield rect(0, 0, plot.width, HIGH, "idle")
    words = "no curve, see below" if plot.curve.note or plot.curve.points else "nothing was asked"
    yield text(plot.width / 2, HIGH / 2, words, "text small middle")


def _axes(plot: _Plot) -> Iterator[Element]:
    right = number(plot.width - RIGHT)
    for tick in plot.ticks():
        yield line(f"M{LEFT} {number(plot.y(tick))}H{right}", "lines")
        yield text(LEFT - 6, plot.y(tick) + 4, _short(tick), "soft small end")
    yield line(f"M{LEFT} {HIGH}H{right}", "soft")
    for value, _ in plot.curve.points:
        yield text(plot.x(value), HIGH + 16, _power(value), "soft small middle")
    scale = "logarithmic" if plot.is_logarithmic else "from 0"
    yield text(
        LEFT, HIGH + 34, f"{WORDS.get(plot.curve.axis, plot.curve.axis)}; tokens/s {scale}", "soft small"
    )


def _line(plot: _Plot, class_: str, dashes: str | None, of: str) -> Iterator[Element]:
    """A line through what is known; it is broken where a value is refused."""
    path, gap = "", True
    for value, answer in plot.curve.points:
        tokens = _tokens(answer, of)
        if tokens is None:
            gap = True
            continue
        path += f"{'M' if gap else 'L'}{number(plot.x(value))} {number(plot.y(tokens))}"
        gap = False
    if path:
        yield line(path, class_, of, stroke_width=2, stroke_dasharray=dashes, data_line=of)


def _tokens(answer: Answer, of: str) -> float | None:
    if isinstance(answer, Refused):
        return None
    return {"roof": answer.roof, "attainable": answer.attainable, "reached": answer.tokens_per_second}[of]


def _point(plot: _Plot, value: int, answer: Answer, asked: WhatIf) -> Iterator[Element]:
    x, axis = plot.x(value), plot.curve.axis
    if isinstance(answer, Refused):
        title = element("title", f"{answer.change}: {answer.reason}")
        yield element(
            "text", "✕", title, x=x, y=HIGH - 4, class_="text middle", data_axis=axis, data_refused=value
        )
        return
    y = plot.y(answer.tokens_per_second)
    share = (
        "" if not answer.roof else f", {share_text(answer.tokens_per_second / answer.roof)} of the roofline"
    )
    title = element("title", f"{answer.change}: {answer.tokens_per_second:.1f} tokens/s{share}")
    facts = {"data_axis": axis, "data_value": value, "data_seconds": repr(answer.seconds)}
    if value == plot.curve.given:
        yield element("circle", cx=x, cy=y, r=7, class_="line text")
    if value in (plot.times[0][0], plot.times[-1][0], plot.curve.given):
        yield _number(x, y, answer, value == plot.times[-1][0])
    yield element("circle", title, cx=x, cy=y, r=3.5, class_="reached", **facts)
    if isinstance(asked.base, Time) and answer.calls != asked.base.calls:
        yield text(x, y - 10, "*", "text strong middle")


def _number(x: float, y: float, answer: Time, is_last: bool) -> Element:
    """The tokens per second of a point, below it, or above it where the axis is in the way."""
    below = y + (34 if is_last else 20)  # the line comes from the left: the last one has room farther below
    place = below if below <= HIGH - 4 else y - 22
    shown = _shown(answer.tokens_per_second)
    return text(x + 8, place, shown, "text small end") if is_last else text(x - 4, place, shown, "text small")


def _changed(asked: WhatIf) -> Iterator[str]:
    base = asked.base
    if not isinstance(base, Time):
        return
    for curve in asked.curves:
        others = [
            (value, one) for value, one in curve.points if isinstance(one, Time) and one.calls != base.calls
        ]
        for value, one in others:
            yield f"* {curve.axis} {value:,}: {one.calls:g} kernel calls a step, {base.calls:g} as given"


def _refused(curves: Sequence[Curve]) -> Iterator[str]:
    for curve in curves:
        if curve.note:
            yield f"No curve over {curve.axis}: {curve.note}"
        for value, one in curve.points:
            if isinstance(one, Refused):
                yield f"✕ {curve.axis} {value:,}: refused, {one.reason}"


def _round(wish: float) -> float:
    """The round number at or above a wish: 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(wish))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= wish * 0.999)


def _shown(tokens: float) -> str:
    """Tokens per second beside a point."""
    return f"{tokens:,.0f}" if tokens >= 1000 else f"{tokens:.1f}"


def _short(value: float) -> str:
    """A number of an axis."""
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if value >= 10_000 else f"{value:g}"


def _power(value: int) -> str:
    """A value of a horizontal axis; many positions in units of 1024."""
    return f"{value // 1024}Ki" if value >= 1024 and value % 1024 == 0 else str(value)
