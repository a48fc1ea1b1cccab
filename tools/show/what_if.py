"""The section of the page that asks what other machines, sizes and models would take."""

from __future__ import annotations

from collections.abc import Iterator

from ...backends.tables import share_text, time_text
from ..options import ComparisonOptions, CompilerOptions, MappingOptions
from ..pictures import curves, matrix, tornado
from ..whatif.answers import Answer, Refused, Time, WhatIf
from ..whatif.questions import what_if
from .markup import Cell, Section, figure, folded, paragraph, table

MADE = (
    "Each point was compiled and timed from the beginning, as `kl time` does it with the options that stand"
    " at the point. Nobody has published a value that is fitted or assumed: a long bar there says what the"
    " times rest on."
)


def ask(options: ComparisonOptions) -> WhatIf:
    """All questions about the model of a comparison.

    Raises: InputError where the model cannot be asked about, what reading it raises.
    """
    mapping = MappingOptions(options.spill, options.expert_sharding, edits=options.edits)
    compiler = CompilerOptions(model=options.model, machine=options.machine, mapping=mapping)
    return what_if(compiler, options.timing)


def what_if_section(asked: WhatIf) -> Section:
    """The pictures, and all numbers behind them in tables."""
    first = () if isinstance(asked.base, Refused) else (tornado.draw(asked),)
    pictures = (*first, curves.draw(asked), matrix.draw(asked))
    refused = [paragraph(no_base(asked.base))] if isinstance(asked.base, Refused) else []
    tables = (
        folded("All parameters", table(SENSITIVITY, sensitivity_rows(asked), (0, 2, 3, 4))),
        folded("All points of the curves", table(CURVES, curve_rows(asked), (0,))),
    )
    parts = (paragraph(MADE), *refused, *map(figure, pictures), *tables)
    return Section("what-if", "What if?", parts, pictures)


def no_base(base: Refused) -> str:
    """Why half and twice are compared with nothing."""
    return f"As given it is refused, so that there is nothing to compare other machines with: {base.reason}."


SENSITIVITY = ("parameter", "value", "unit", "standing", "source", "halved", "doubled")
"""The columns of `sensitivity_rows`."""
CURVES = ("over", "value", "time a step", "tokens/s", "roofline", "share of it", "kernel calls a step")
"""The columns of `curve_rows`."""


def sensitivity_rows(asked: WhatIf) -> Iterator[list[Cell]]:
    """A row for each parameter, those that change most first."""
    if not isinstance(asked.base, Time):
        return
    for one in asked.ordered:
        parameter, base = one.parameter, asked.base
        changes = (_change(answer, base) for answer in (one.halved, one.doubled))
        standing, source = tornado.standing_of(parameter), parameter.source
        yield [parameter.name, f"{parameter.value:,}", parameter.unit, standing, source, *changes]


def _change(answer: Answer, base: Time) -> str:
    """What a step takes, and how many times as long that is."""
    if isinstance(answer, Refused):
        return f"refused: {answer.reason}"
    factor = answer.seconds / base.seconds
    return "the same" if factor == 1 else f"{time_text(answer.seconds)}, ×{factor:.6g}"


def curve_rows(asked: WhatIf) -> Iterator[list[Cell]]:
    """A row for each value."""
    for curve in asked.curves:
        if curve.note:
            yield [curve.axis, f"no curve: {curve.note}"]
        for value, answer in curve.points:
            yield [curve.axis, f"{value:,}", *_point(answer)]


def _point(answer: Answer) -> Iterator[str]:
    if isinstance(answer, Refused):
        yield f"refused: {answer.reason}"
        return
    yield time_text(answer.seconds)
    yield f"{answer.tokens_per_second:.1f}"
    yield "–" if answer.roof is None else f"{answer.roof:.1f}"
    yield "–" if not answer.roof else share_text(answer.tokens_per_second / answer.roof)
    yield f"{answer.calls:g}"
