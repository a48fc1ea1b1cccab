"""Which pass did what: the texts of a module from pass to pass, as differences in which lines are marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..pictures.svg import Element, element
from .differences import Hunk, Piece, Row, counts, difference
from .folding import Line, folded
from .markup import Section, paragraph

LONG, HEAD, TAIL = 76, 48, 16
"""Characters of what has not changed in a line, and how many of more stand there from both ends; characters
of attributes that a script folds."""
_ATTRIBUTES = re.compile(rf"(\{{[^{{}}]{{{LONG},}}\}})")


@dataclass(frozen=True)
class PassText:
    """A pass that has run, and what it has left."""

    name: str
    """With its options, as `--pipeline` takes it; empty for what was given."""
    about: str
    """What it does, in a sentence."""
    lines: tuple[Line, ...]


def passes_section(variant: str, texts: Sequence[PassText], place: str, model: str) -> Section:
    """The passes of a variant, each with its difference, and the text of the model at a place."""
    given, *ran = [(one, folded(one.lines)) for one in texts]
    steps = [
        str(_step(number, one, difference(before, lines)))
        for number, ((_, before), (one, lines)) in enumerate(pairwise([given, *ran]), 1)
    ]
    words = (
        f"The {len(ran)} passes of {variant}, in their order, with lines added and removed; a line that"
        " has changed counts as both. The number before a line is the line of the model that it comes from: a"
        " click shows it."
    )
    source = element("div", *_source(model), class_="source", data_file=place)
    return Section(
        "passes",
        "Which pass did what?",
        (
            paragraph(words),
            str(element("div", class_="tools", id="pass-tools")),
            str(_given(given[1], place)),
            str(element("div", *(), class_="compared", id="compared")),
            *steps,
            str(element("h3", f"The model, {place}", id="model")),
            str(source),
        ),
    )


def _given(lines: Sequence[Line], place: str) -> Element:
    head = element(
        "summary",
        element("span", "what was given", class_="strong"),
        element("span", f"{len(lines)} lines", class_="counts soft"),
    )
    rows = [element("p", line.text, data_l=_line_number(line.place)) for line in lines]
    return element("details", head, element("div", *rows, class_="diff", data_given=place), class_="pass")


def _step(number: int, one: PassText, hunks: Sequence[Hunk]) -> Element:
    """A pass: one that has changed something can be opened."""
    added, removed = counts(hunks)
    name = element("code", one.name, class_="strong")
    about = element("span", one.about.replace("`", ""), class_="soft")
    if not hunks:
        nothing = element("span", "±0", class_="counts soft")
        return element(
            "div", name, nothing, about, class_="pass unchanged", data_pass=one.name, data_at=number
        )
    plus, minus = element("span", f"+{added}", class_="plus"), element("span", f"−{removed}", class_="minus")
    head = element("summary", name, element("span", plus, " ", minus, class_="counts"), about)
    body = (element("div", *map(_row, hunk.rows), class_="hunk", data_start=hunk.start) for hunk in hunks)
    return element(
        "details",
        head,
        element("div", *body, class_="diff"),
        class_="pass",
        data_pass=one.name,
        data_at=number,
    )


def _row(row: Row) -> Element:
    kind = None if row.kind == "same" else row.kind
    children = [part for piece in row.pieces for part in _piece(piece, row.kind)]
    return element("p", *children, class_=kind, data_l=_line_number(row.place))


def _line_number(place: str) -> str | None:
    """The line of a place."""
    return place.rpartition(":")[2] or None


def _piece(piece: Piece, row: str) -> Iterator[Element | str]:
    """Marked where it is new or gone within a line; what has not changed stands there in short."""
    if piece.kind == "same":
        yield from _short(piece.text)
    elif row == "changed":
        yield element("ins" if piece.kind == "added" else "del", piece.text)
    else:
        for at, part in enumerate(_ATTRIBUTES.split(piece.text)):
            if part:
                yield element("s", part) if at % 2 else part


def _short(text: str) -> Iterator[Element | str]:
    """The beginning and the end of a long text, and how many characters are between them."""
    if len(text) <= LONG:
        yield text
        return
    yield text[:HEAD]
    yield element("s", "…", data_n=len(text) - HEAD - TAIL)
    yield text[len(text) - TAIL :]


def _source(model: str) -> Iterator[Element]:
    for number, line in enumerate(model.rstrip("\n").split("\n"), 1):
        yield element("p", line, data_n=number)
