"""Models by numbers of sockets: tokens per second, and how much that is of the roofline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from ...backends.tables import share_text
from ..whatif.answers import Answer, Refused, WhatIf
from .notes import notes
from .svg import WIDTH, Element, Picture, element, group, rect, text

NAME, TOP, HIGH = 150, 86, 40
"""Pixels of the names, above the first row, and of a row."""
BAR = 5
"""Pixels of the bar that shows the share."""


def draw(asked: WhatIf) -> Picture:
    """A cell for each model and number of sockets; those with a time have `data-seconds` of a step."""
    matrix = asked.matrix
    reasons = _reasons(matrix.rows)
    width = (WIDTH - NAME) / max(1, len(matrix.sockets))
    given = next((curve.given for curve in asked.curves if curve.axis == "sockets"), None)
    rows = [
        group(*_row(name, answers, width, reasons, own=at == 0), y=TOP + HIGH * at, data_model=name)
        for at, (name, answers) in enumerate(matrix.rows)
    ]
    legend = [f"[{at}] refused: {reason}" for reason, at in reasons.items()]
    below, end = notes(legend, TOP + HIGH * len(rows) + 14)
    title = f"Models by sockets, {asked.variant}"
    head = (
        text(0, 18, title, "text title"),
        text(
            0,
            37,
            "Tokens per second; the bar and the number below are the share of each one's roofline.",
            "soft",
        ),
        *_columns(matrix.sockets, width, given),
    )
    described = f"Tokens per second of {len(rows)} models on {', '.join(map(str, matrix.sockets))} sockets."
    return Picture("matrix", title, described, end + 4, (*head, *rows, *below))


def _reasons(rows: Sequence[tuple[str, Sequence[Answer]]]) -> dict[str, int]:
    """The numbers of the reasons for which cells are refused, in the order of the cells."""
    answers = chain.from_iterable(answers for _, answers in rows)
    found = dict.fromkeys(one.reason for one in answers if isinstance(one, Refused))
    return {reason: at for at, reason in enumerate(found, 1)}


def _columns(sockets: Sequence[int], width: float, given: int | None) -> Iterator[Element]:
    for at, count in enumerate(sockets):
        words = f"{count} socket{'s' if count > 1 else ''}"
        words += ", as given" if count == given else ""
        yield text(NAME + (at + 1) * width - 12, TOP - 12, words, "text small strong end")


def _row(
    name: str, answers: Sequence[Answer], width: float, reasons: dict[str, int], *, own: bool
) -> Iterator[Element]:
    yield rect(0, -2, WIDTH, 1, "lines")
    yield text(0, 20, name, f"text {'strong' if own else ''}".strip())
    for at, answer in enumerate(answers):
        yield from _cell(answer, NAME + at * width, width, reasons)


def _cell(answer: Answer, x: float, width: float, reasons: dict[str, int]) -> Iterator[Element]:
    right = x + width - 12
    if isinstance(answer, Refused):
        title = element("title", f"{answer.change}: {answer.reason}")
        words = f"refused [{reasons[answer.reason]}]"
        yield element(
            "text", words, title, x=right, y=20, class_="soft small end", data_refused=answer.change
        )
        return
    title = element("title", f"{answer.change}: {answer.tokens_per_second:.1f} tokens/s")
    tokens = f"{answer.tokens_per_second:,.1f}"
    yield element("text", tokens, title, x=right, y=16, class_="text end", data_seconds=repr(answer.seconds))
    if answer.roof:
        share = answer.tokens_per_second / answer.roof
        yield text(right, 32, share_text(share), "soft small end")
        yield rect(x + 8, 26, width - 70, BAR, "idle")
        yield rect(x + 8, 26, (width - 70) * min(share, 1), BAR, "memory-full", share_text(share))
