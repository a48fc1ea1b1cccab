"""Parts of a page: sections, tables and numbers that say where they stand in the JSON of a command."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..pictures.svg import Element, Picture, Value, element

CODE = re.compile(r"`([^`]+)`")
Cell = str | Value | Element
"""What a cell of a table holds: words, a number with its path, or a part of its own."""


@dataclass(frozen=True)
class Section:
    """An answer to a question."""

    name: str
    """Its place on the page: small letters and hyphens."""
    question: str
    """Its heading."""
    parts: tuple[str, ...]
    """Markup."""
    pictures: tuple[Picture, ...] = ()
    """Those among the parts, which may stand alone, too."""


@dataclass(frozen=True)
class Numbers:
    """The JSON of commands, by the name that paths begin with: `compare`, `time`."""

    documents: Mapping[str, Any]

    def at(self, path: str) -> Any:
        """What stands at a path; None where there is nothing."""
        found: Any = self.documents
        for key in path.split("."):
            if isinstance(found, Sequence):
                found = found[int(key)]
            elif (found := found.get(key)) is None:
                return None
        return found

    def value(self, path: str, form: Callable[[float], str] = str) -> Value:
        """A number with its path, in a form; a dash where there is none."""
        raw = self.at(path)
        return Value("–") if raw is None else Value(form(raw), path, raw)


def value(shown: Cell, tag: str = "span", **attributes: str) -> Element:
    """An element that holds words, a number, or another one."""
    if isinstance(shown, str | Element):
        return element(tag, shown, **attributes)
    raw = repr(shown.raw) if shown.raw is not None else None
    return element(tag, shown.text, data_path=shown.path or None, data_value=raw, **attributes)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Cell]], texts: Sequence[int] = (0,), caption: str = ""
) -> str:
    """A table that scrolls within the page; the columns `texts` are words, all others numbers.

    A row with fewer cells than columns ends in one that spans the rest; a last column of words is a wide one.
    """
    head = element("tr", *(element("th", one, class_=_side(at, texts)) for at, one in enumerate(columns)))
    body = [element("tr", *_cells(row, len(columns), texts)) for row in rows]
    title = (element("caption", caption),) if caption else ()
    whole = element("table", *title, element("thead", head), element("tbody", *body))
    return str(element("div", whole, class_="scroll", tabindex=0))


def _cells(row: Sequence[Cell], columns: int, texts: Sequence[int]) -> Iterable[Element]:
    for at, one in enumerate(row):
        is_last, side = at == len(row) - 1, _side(at, texts)
        if is_last and at < columns - 1:
            yield value(one, "td", colspan=str(columns - at))
        else:
            class_ = side or ("words" if is_last and at else None)
            yield value(one, "td", **({"class_": class_} if class_ else {}))


def _side(at: int, texts: Sequence[int]) -> str | None:
    return None if at in texts else "n"


def figure(picture: Picture, caption: str = "") -> str:
    """A picture with a line below it."""
    below = str(element("figcaption", caption)) if caption else ""
    return f'<figure tabindex="0">{picture.inline()}{below}</figure>'


def paragraph(words: str, class_: str | None = None) -> str:
    """A paragraph."""
    return str(element("p", *prose(words), class_=class_))


def points(lines: Iterable[str]) -> str:
    """Sentences below each other; nothing without any."""
    found = [element("li", *prose(one)) for one in lines]
    return str(element("ul", *found)) if found else ""


def prose(words: str | Element) -> Iterable[str | Element]:
    """Words, with those between backticks as code; an element is as it is."""
    if not isinstance(words, str):
        return [words]
    parts = CODE.split(words)
    return [element("code", one) if at % 2 else one for at, one in enumerate(parts) if one]


def listing(entries: Iterable[tuple[str, str | Element]]) -> str:
    """Words with what they mean."""
    kinds = ("dt", "dd")
    parts = (element(tag, *prose(one)) for pair in entries for tag, one in zip(kinds, pair, strict=True))
    return str(element("dl", *parts))


def folded(summary: str, *parts: str, name: str | None = None) -> str:
    """Parts that one opens; browsers do so without scripts."""
    head = str(element("summary", summary))
    place = f' id="{name}"' if name else ""
    return f"<details{place}>{head}{''.join(parts)}</details>"
