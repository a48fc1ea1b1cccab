"""Reads a page of `kl show` back, as a browser without scripts would: elements, numbers, texts of passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input", "hr"}


@dataclass
class Node:
    """An element, and what it holds."""

    tag: str
    facts: dict[str, str]
    parent: Node | None = None
    children: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All texts in it."""
        return "".join(one if isinstance(one, str) else one.text for one in self.children)

    def walk(self) -> Iterator[Node]:
        """Itself and all elements in it, in their order."""
        yield self
        for one in self.children:
            if isinstance(one, Node):
                yield from one.walk()

    def having(self, *names: str) -> list[Node]:
        """All elements in it with these attributes."""
        return [one for one in self.walk() if all(name in one.facts for name in names)]

    def all(self, tag: str, class_: str = "") -> list[Node]:
        """All elements in it of a tag, and of a class."""
        found = [one for one in self.walk() if one.tag == tag]
        return [one for one in found if not class_ or class_ in one.facts.get("class", "").split()]

    def number(self, name: str) -> float:
        """An attribute that is a number."""
        return float(self.facts[name])


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Node("page", {})
        self.here = self.root

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.children.append(node)
        if tag not in VOID:
            self.here = node

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.here.children.append(Node(tag, {name: value or "" for name, value in attrs}, self.here))

    def handle_endtag(self, tag: str) -> None:
        assert self.here.tag == tag, f"</{tag}> closes <{self.here.tag}>"
        assert self.here.parent is not None
        self.here = self.here.parent

    def handle_data(self, data: str) -> None:
        self.here.children.append(data)


def read(page: str) -> Node:
    """The elements of a page, each of which must be closed."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.here is reader.root, f"<{reader.here.tag}> is open"
    return reader.root


def versions(page: Node) -> list[list[str]]:
    """The texts from pass to pass, as the differences say: what was given, then what each has left."""
    [given] = page.having("data-given")
    found = [[row.text for row in given.all("p")]]
    for step in page.having("data-at"):
        found.append(_after(found[-1], step))
    return found


def _after(before: list[str], step: Node) -> list[str]:
    lines, at = list[str](), 0
    for hunk in step.having("data-start"):
        lines += before[at : int(hunk.facts["data-start"])]
        at = int(hunk.facts["data-start"])
        for row in hunk.all("p"):
            kind = row.facts.get("class", "")
            old = "" if kind == "added" else before[at]
            assert kind == "added" or _side(row, old, "ins") == old, f"{old} is not what {row.text} was"
            at += kind != "added"
            if kind != "removed":
                lines.append(_side(row, old, "del"))
    return [*lines, *before[at:]]


def _side(row: Node, old: str, without: str) -> str:
    """A line before or after; what is left out stands in the line before."""
    text, at = "", 0
    for part in row.children:
        tag = "" if isinstance(part, str) else part.tag
        left = 0 if isinstance(part, str) else int(part.facts.get("data-n", "0"))
        kept = part if isinstance(part, str) else old[at : at + left] if left else part.text
        text += kept if tag != without else ""
        at += len(kept) if tag != "ins" else 0
    return text


def mutated(page: str, change: Callable[[str], str]) -> Node:
    """A page that is not the same."""
    other = change(page)
    assert other != page, "the mutation changes something"
    return read(other)
