"""What half and twice the value of each machine parameter would change, those that change most first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log2

from ...backends.tables import share_text, time_text
from ..parameters import Parameter
from ..whatif.answers import Answer, Sensitivity, Time, WhatIf
from .notes import notes
from .svg import Element, Picture, element, group, line, number, rect, span, text

NAME, KIND, LEFT, RIGHT = 168, 76, 296, 792
"""Pixels of the names, of what is said of the sources, and where the plot begins and ends."""
TOP, PITCH, BAR = 92, 28, 9
"""Pixels above the first row, from row to row, and of a bar."""
DOUBTFUL = ("fitted", "assumed")
"""Standings of values that nobody has published: they stand out."""
LEAST = 0.001
"""Smaller changes of the time are listed, not drawn."""
TICKS = (0.125, 0.25, 0.35, 0.5, 0.7, 0.8, 0.9, 0.95, 1, 1.05, 1.1, 1.2, 1.4, 2, 2.8, 4, 8, 16)
"""Factors that an axis may show."""
NEAREST = 52
"""Pixels between two of them."""


class _Axis:
    """Factors of the time on a logarithmic scale: halving and doubling it are equally far from 1."""

    def __init__(self, factors: Sequence[float]):
        """For the least and the largest of some factors, and 1."""
        self.low = min(1.0, *factors) / 1.02
        self.high = max(1.0, *factors) * 1.02
        self.scale = (RIGHT - LEFT) / log2(self.high / self.low)

    def x(self, factor: float) -> float:
        """Where a factor stands."""
        return LEFT + log2(factor / self.low) * self.scale

    def ticks(self) -> list[float]:
        """The factors that are shown: 1, and what is far enough from those before, nearest to 1 first."""
        shown = [1.0]
        for one in sorted(TICKS, key=lambda factor: abs(log2(factor))):
            far = all(abs(self.x(one) - self.x(other)) >= NEAREST for other in shown)
            if self.low <= one <= self.high and far:
                shown.append(one)
        return sorted(shown)


def draw(asked: WhatIf) -> Picture:
    """Two bars for each parameter: from the time as it is to that of half and of twice its value.

    A bar is a `rect[data-parameter]` with `data-change`, and `data-seconds`, the time of a step.

    Raises: ValueError where the model as given has no time.
    """
    base = asked.base
    if not isinstance(base, Time):
        raise ValueError("without a time as given there is nothing to compare with")
    ordered = asked.ordered
    shown = [one for one in ordered if one.effect(base) >= LEAST or one.refusals]
    axis = _Axis([factor for one in shown for factor in one.factors(base) if factor is not None] or [1.0])
    bottom = TOP + PITCH * len(shown)
    rows = [
        group(*_row(one, base, axis), y=TOP + PITCH * row, data_row=one.parameter.name)
        for row, one in enumerate(shown)
    ]
    below, end = notes([*_refused(shown), *_listed(ordered, shown, base)], bottom + 14)
    title = f"What if the machine were different? {asked.model}, {asked.variant}"
    return Picture(
        "tornado",
        title,
        f"Bars of the time of a step of {asked.model} with each machine parameter halved and doubled.",
        end + 4,
        (*_head(title, asked, base), *_axis(axis, bottom), *rows, *below),
    )


def _head(title: str, asked: WhatIf, base: Time) -> Iterator[Element]:
    yield text(0, 18, title, "text title")
    as_given = f"as given: {time_text(base.seconds)} a step, {asked.conditions}"
    yield text(
        0, 37, f"Time of a step with one parameter halved or doubled, all else as it is; {as_given}.", "soft"
    )
    for x, class_, words in ((0, "halved", "halved"), (80, "doubled", "doubled")):
        yield rect(x, 51, 10, 10, class_)
        yield text(x + 16, 60, words, "text small")
    yield text(NAME, 60, "source", "soft small")


def _axis(axis: _Axis, bottom: float) -> Iterator[Element]:
    one = axis.x(1)
    yield text(one - 10, 60, "← faster", "soft small end")
    yield text(one + 10, 60, "slower →", "soft small")
    for tick in axis.ticks():
        at = number(axis.x(tick))
        yield line(f"M{at} {TOP - 10}V{number(bottom)}", "text" if tick == 1 else "lines")
        yield text(axis.x(tick), TOP - 14, f"×{number(tick)}", "soft small middle")


def _row(one: Sensitivity, base: Time, axis: _Axis) -> Iterator[Element]:
    """The name, what is said of the source, and both bars."""
    parameter = one.parameter
    source = f"{parameter.value:,} {parameter.unit}; {parameter.source}" if parameter.source else ""
    yield element("text", span(parameter.name), element("title", source), x=0, y=13, class_="text name")
    ink = "text small strong" if standing_of(parameter) in DOUBTFUL else "soft small"
    yield element("text", standing_of(parameter), element("title", source), x=NAME, y=13, class_=ink)
    both = (("halved", one.halved), ("doubled", one.doubled))
    for y, (name, answer) in zip((0, BAR + 1), both, strict=True):
        yield from _bar(one, name, answer, base, axis, y)


def _bar(one: Sensitivity, name: str, answer: Answer, base: Time, axis: _Axis, y: float) -> Iterator[Element]:
    if not isinstance(answer, Time):
        yield text(axis.x(1) + 6, y + 8.5, f"{name}: refused, see below", "soft small")
        return
    factor = answer.seconds / base.seconds
    start, end = sorted((axis.x(1), axis.x(factor)))
    title = f"{answer.change}: {time_text(answer.seconds)} a step, ×{factor:.4f}"
    facts = {"data_parameter": one.parameter.name, "data_change": name, "data_seconds": repr(answer.seconds)}
    yield rect(start, y, max(end - start, 0.5), BAR, name, title, **facts)
    slower = factor >= 1
    x, class_ = (end + 4, "soft small") if slower else (start - 4, "soft small end")
    yield text(x, y + 8.5, f"×{factor:.{4 if abs(factor - 1) < 0.01 else 3}f}", class_)


def _refused(shown: Sequence[Sensitivity]) -> Iterator[str]:
    for one in shown:
        for name, refused in one.refusals:
            yield f"{one.parameter.name} {name}: refused, {refused.reason}"


def _listed(ordered: Sequence[Sensitivity], shown: Sequence[Sensitivity], base: Time) -> Iterator[str]:
    """The parameters without bars, by what they change."""
    others = [one for one in ordered if one not in shown]
    little = [f"{_named(one)} {_both(one, base)}" for one in others if one.effect(base)]
    nothing = [_named(one) for one in others if not one.effect(base)]
    if little:
        yield f"Changes less than {share_text(LEAST)}, halved / doubled: {', '.join(little)}."
    if nothing:
        yield f"Changes nothing: {', '.join(nothing)}."


def _named(one: Sensitivity) -> str:
    return f"{one.parameter.name} ({standing_of(one.parameter)})"


def standing_of(parameter: Parameter) -> str:
    """How sure the value of a parameter is, in a word: of one that was set, its source says nothing."""
    return "set" if parameter.is_changed else parameter.standing


def _both(one: Sensitivity, base: Time) -> str:
    return " / ".join(_percent(factor - 1) for factor in one.factors(base) if factor is not None)


def _percent(change: float) -> str:
    """A small change of the time."""
    if change == 0:
        return "0 %"
    sign = "+" if change > 0 else "−"
    return f"{sign}<0.001 %" if abs(change) < 1e-5 else f"{sign}{abs(100 * change):.2g} %"
