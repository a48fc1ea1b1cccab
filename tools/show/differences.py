"""What a pass has changed in a text: lines that are gone, that are new, and those that differ in parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from .folding import Line

CONTEXT = 1
"""Lines that are shown around a change."""
_WORD = re.compile(r"\s+|[^\s,{}<>()\[\]]+|.")
_HEAD = re.compile(r"\s*(?:%[^=]*= )?[\w.]+(?: @[\w.]+| \"[^\"]*\")?")

Kind = Literal["same", "removed", "added"]


@dataclass(frozen=True)
class Piece:
    """A part of a line."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Row:
    """A line of a difference; with pieces of several kinds it is one line before and after."""

    pieces: tuple[Piece, ...]
    place: str
    """Where its operation comes from; of what is new, if it has changed."""

    @property
    def before(self) -> str | None:
        """The line as it was; None for a new one."""
        return None if self.kind == "added" else _text(self.pieces, "added")

    @property
    def after(self) -> str | None:
        """The line as it is; None for one that is gone."""
        return None if self.kind == "removed" else _text(self.pieces, "removed")

    @property
    def kind(self) -> Kind | Literal["changed"]:
        """What has become of it."""
        first = self.pieces[0].kind
        return first if all(piece.kind == first for piece in self.pieces) else "changed"


def _text(pieces: Iterable[Piece], without: Kind) -> str:
    return "".join(piece.text for piece in pieces if piece.kind != without)


@dataclass(frozen=True)
class Hunk:
    """Changes that are near to one another, with lines around them."""

    start: int
    """Its first line in the text before, from 0 on."""
    rows: tuple[Row, ...]


def difference(before: Sequence[Line], after: Sequence[Line]) -> tuple[Hunk, ...]:
    """How a text comes of another: all hunks in their order; none where no line differs."""
    texts = [line.text for line in before], [line.text for line in after]
    if texts[0] == texts[1]:
        return ()
    groups = SequenceMatcher(None, *texts, autojunk=False).get_grouped_opcodes(CONTEXT)
    return tuple(Hunk(group[0][1], tuple(_rows(group, before, after))) for group in groups)


def counts(hunks: Iterable[Hunk]) -> tuple[int, int]:
    """How many lines are new or have changed, and how many are gone or have changed."""
    rows = [row.kind for hunk in hunks for row in hunk.rows]
    changed = rows.count("changed")
    return rows.count("added") + changed, rows.count("removed") + changed


def _rows(
    group: Iterable[tuple[str, int, int, int, int]], before: Sequence[Line], after: Sequence[Line]
) -> Iterator[Row]:
    for tag, start, end, new_start, new_end in group:
        old, new = before[start:end], after[new_start:new_end]
        if tag == "equal":
            yield from (_whole("same", line) for line in new)
        else:
            yield from _replaced(old, new)


def _replaced(old: Sequence[Line], new: Sequence[Line]) -> Iterator[Row]:
    """Lines of the same operation, with its results and name, are one that has changed."""
    heads = [_head(line) for line in old], [_head(line) for line in new]
    for tag, start, end, new_start, new_end in SequenceMatcher(None, *heads, autojunk=False).get_opcodes():
        if tag == "equal":
            for pair in zip(old[start:end], new[new_start:new_end], strict=True):
                yield from _changed(*pair)
        else:
            yield from (_whole("removed", line) for line in old[start:end])
            yield from (_whole("added", line) for line in new[new_start:new_end])


def _head(line: Line) -> str:
    """What an operation is and is called, however deep it stands."""
    found = _HEAD.match(line.text)
    return (found[0] if found else line.text).strip()


def _whole(kind: Kind, line: Line) -> Row:
    return Row((Piece(kind, line.text),), line.place)


def _changed(old: Line, new: Line) -> Iterator[Row]:
    """A line with its differences, word by word; two lines where they have nothing in common."""
    pieces = tuple(_joined([*_pieces(_WORD.findall(old.text), _WORD.findall(new.text))]))
    if any(piece.kind == "same" for piece in pieces):
        yield Row(pieces, new.place)
    else:
        yield from (_whole("removed", old), _whole("added", new))


def _pieces(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        gone, came = "".join(old[start:end]), "".join(new[new_start:new_end])
        if tag == "equal":
            yield Piece("same", gone)
        else:
            yield from _flushed(gone, came)


def _joined(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The pieces, where what is the same between two changes is more than a mark or a space."""
    gone, came = "", ""
    for place, piece in enumerate(pieces):
        inner = 0 < place < len(pieces) - 1 and (gone or came)
        if piece.kind == "same" and not (inner and not piece.text.strip(" ,=:")):
            yield from _flushed(gone, came)
            gone, came = "", ""
            yield piece
            continue
        gone += piece.text if piece.kind != "added" else ""
        came += piece.text if piece.kind != "removed" else ""
    yield from _flushed(gone, came)


def _flushed(gone: str, came: str) -> Iterator[Piece]:
    if gone:
        yield Piece("removed", gone)
    if came:
        yield Piece("added", came)
