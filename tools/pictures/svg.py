"""Elements of SVG and HTML as plain data, and pictures made of them; texts are escaped when written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from ...explore.pages import palette

WIDTH = 840
"""Pixels of all pictures, so that their texts have the size that they are given."""

Attribute = str | int | float | bool | None

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Element:
    """An element with attributes, in their order, and what it holds: elements and texts."""

    tag: str
    attributes: tuple[tuple[str, str], ...] = ()
    children: tuple[Element | str, ...] = ()

    def __str__(self) -> str:
        """Its markup."""
        return "".join(self.pieces())

    def pieces(self) -> Iterator[str]:
        """Its markup, piece by piece."""
        given = "".join(f' {name}="{clean(value)}"' for name, value in self.attributes)
        yield f"<{self.tag}{given}>" if self.children or self.tag not in _EMPTY else f"<{self.tag}{given}/>"
        for child in self.children:
            yield from (_content(child),) if isinstance(child, str) else child.pieces()
        if self.children or self.tag not in _EMPTY:
            yield f"</{self.tag}>"


_EMPTY = {"rect", "path", "line", "circle", "br"}
"""What closes itself where it holds nothing."""


@dataclass(frozen=True)
class Value:
    """A number as it is shown, and where it stands in the JSON of a command."""

    text: str
    path: str = ""
    """Keys and places from the document down: `compare.3.ledger_cycles.launch`; empty without one."""
    raw: float | None = None
    """The number itself, where its text is rounded."""


@dataclass(frozen=True)
class Picture:
    """A picture of `WIDTH` by `height` pixels."""

    name: str
    """Of its file, and unique on a page: small letters and hyphens."""
    title: str
    description: str
    """A sentence for those who do not see it."""
    height: float
    body: tuple[Element, ...]

    def inline(self) -> str:
        """Its markup for a page that has `palette.page_style`."""
        return str(self._root(()))

    def standalone(self) -> str:
        """A file of its own, with its colours, light and dark."""
        style = palette.picture_style() + "\n" + palette.picture_ground()
        return str(self._root((Element("style", (), (style,)),))) + "\n"

    def _root(self, first: tuple[Element, ...]) -> Element:
        """The whole as one element."""
        size = {"width": WIDTH, "height": self.height, "viewBox": f"0 0 {WIDTH} {number(self.height)}"}
        names = {"role": "img", "aria_labelledby": f"{self.name}-title {self.name}-text"}
        title = element("title", self.title, id=f"{self.name}-title")
        text = element("desc", self.description, id=f"{self.name}-text")
        head = {"xmlns": "http://www.w3.org/2000/svg", "class_": "picture", "data_picture": self.name}
        return element("svg", title, text, *first, *self.body, **head, **size, **names)


def clean(text: str) -> str:
    """A text as markup; characters that XML cannot hold become the sign for an unknown one."""
    return escape(_NOT_XML.sub("\ufffd", text))


def _content(text: str) -> str:
    """A text between tags, where quotes and most brackets need no escape."""
    plain = escape(_NOT_XML.sub("\ufffd", text), quote=False)
    return plain.replace("&gt;", ">").replace("]]>", "]]&gt;")


def number(value: float) -> str:
    """A number to a hundredth, as short as it goes, and the same on every machine."""
    if isinstance(value, int):
        return str(value)
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def element(tag: str, *children: Element | str, **attributes: Attribute) -> Element:
    """An element; `class_` is `class`, other underscores are hyphens, None and False are left out."""
    given = tuple(
        (name.rstrip("_").replace("_", "-"), _attribute(value))
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    return Element(tag, given, children)


def _attribute(value: str | float | None) -> str:
    return value if isinstance(value, str) else "" if value is True or value is None else number(value)


def text(x: float, y: float, words: str | Value, class_: str = "text", **attributes: Attribute) -> Element:
    """A text whose base line begins at a point; a value says where it comes from."""
    shown = words if isinstance(words, str) else words.text
    return element("text", shown, x=x, y=y, class_=class_, **_source(words), **attributes)


def _source(words: str | Value) -> dict[str, Attribute]:
    """The attributes of a value that a test reads."""
    if isinstance(words, str) or not words.path:
        return {}
    raw = None if words.raw is None else repr(words.raw)
    return {"data_path": words.path, "data_value": raw}


def span(words: str | Value, **attributes: Attribute) -> Element:
    """A part of a text."""
    return element("tspan", words if isinstance(words, str) else words.text, **_source(words), **attributes)


def rect(
    x: float, y: float, width: float, height: float, class_: str, title: str = "", **attributes: Attribute
) -> Element:
    """A rectangle; what it stands for is shown where the pointer rests on it."""
    inside = (element("title", title),) if title else ()
    return element("rect", *inside, x=x, y=y, width=width, height=height, class_=class_, **attributes)


def line(points: str, class_: str, title: str = "", **attributes: Attribute) -> Element:
    """A line along a path."""
    inside = (element("title", title),) if title else ()
    return element("path", *inside, d=points, class_=f"line {class_}", **attributes)


def group(*children: Element, x: float = 0, y: float = 0, **attributes: Attribute) -> Element:
    """Elements moved together."""
    moved = f"translate({number(x)} {number(y)})" if x or y else None
    return element("g", *children, transform=moved, **attributes)


def text_width(words: str, size: float = 12) -> float:
    """About how many pixels a text takes, rather more than less."""
    return len(words) * size * 0.6


def shortened(words: str, width: float, size: float = 12, behind: int = 0) -> str:
    """A text that fits a width: its middle gives way, and so many letters at its end last."""
    most = max(2, int(width / (size * 0.6)))
    if len(words) <= most:
        return words
    back = min(most - 1, max(behind, (most - 1) // 2))
    return f"{words[: most - 1 - back]}…{words[len(words) - back :] if back else ''}"


def told_apart(name: str) -> int:
    """The letters of a name that tell it from others: those behind its first dot."""
    return len(name.partition(".")[2])


def slug(name: str) -> str:
    """A name as part of a file's name."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower())
