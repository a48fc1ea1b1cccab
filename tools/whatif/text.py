"""What was asked and answered, as tables for terminals."""

from __future__ import annotations

from ...backends.tables import share_text
from ..pictures.tornado import standing_of
from ..terminal import print_table
from .answers import Answer, Refused, Time, WhatIf


def print_what_if(asked: WhatIf) -> None:
    """Print the sensitivities, the curves, and the models by sockets."""
    print(f"\nwhat if: {asked.model}, {asked.variant}{f', {asked.conditions}' if asked.conditions else ''}")
    if isinstance(asked.base, Time):
        _print_sensitivities(asked, asked.base)
    else:
        print(f"as given it is refused: {asked.base.reason}")
    _print_curves(asked)
    _print_matrix(asked)


def _print_sensitivities(asked: WhatIf, base: Time) -> None:
    """Those that change something, then the names of those that do not."""
    changing = [one for one in asked.ordered if one.effect(base) or one.refusals]
    rows = [
        [one.parameter.name, f"{one.parameter.value:,}", one.parameter.unit, standing_of(one.parameter)]
        + [_factor(answer, base) for answer in (one.halved, one.doubled)]
        for one in changing
    ]
    print("\ntime of a step with one machine parameter halved or doubled")
    print_table(["parameter", "value", "unit", "source", "halved", "doubled"], rows, texts=(0, 2, 3))
    for one in changing:
        for name, refused in one.refusals:
            print(f"{one.parameter.name} {name} is refused: {refused.reason}")
    same = [one.parameter.name for one in asked.ordered if one not in changing]
    if same:
        print(f"changing nothing: {', '.join(same)}")


def _factor(answer: Answer, base: Time) -> str:
    return "refused" if isinstance(answer, Refused) else f"{answer.seconds / base.seconds:.5f}x"


def _print_curves(asked: WhatIf) -> None:
    for curve in asked.curves:
        if curve.note:
            print(f"\nover {curve.axis}: {curve.note}")
            continue
        print(f"\nover {curve.axis}")
        rows = [
            [f"{value:,}", f"{one.tokens_per_second:.1f}", *_bounds(one)]
            for value, one in curve.points
            if isinstance(one, Time)
        ]
        print_table([curve.axis, "tokens/s", "roofline", "share of it", "calls/step"], rows, texts=())
        for value, one in curve.points:
            if isinstance(one, Refused):
                print(f"{value:,} is refused: {one.reason}")


def _bounds(one: Time) -> list[str]:
    roof = ["", ""] if not one.roof else [f"{one.roof:.1f}", share_text(one.tokens_per_second / one.roof)]
    return [*roof, f"{one.calls:g}"]


def _print_matrix(asked: WhatIf) -> None:
    print("\ntokens/s of models by sockets")
    rows = [[name, *map(_rate, answers)] for name, answers in asked.matrix.rows]
    print_table(["model", *map(str, asked.matrix.sockets)], rows)
    refused = [
        (name, one) for name, answers in asked.matrix.rows for one in answers if isinstance(one, Refused)
    ]
    for name, one in refused:
        print(f"{name} {one.change} is refused: {one.reason}")


def _rate(answer: Answer) -> str:
    return "refused" if isinstance(answer, Refused) else f"{answer.tokens_per_second:.1f}"
