"""Frontends: from a text to a module, or to a saved program. The model language: `docs/language.md`.

Ours are in `FRONTENDS`; other packages bring theirs by an entry point of the group `kl.frontends`, which
names a `Frontend` (`docs/adding.md`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import ParseError
from xdsl.utils.lexer import Input, Span

from ..dialects.spelling import Others, no_others

Number = int | float


COMMENTS = r"(?:\s++|//[^\n]*+\n)*+"
MODEL = re.compile(COMMENTS + r"model[ \t]+\w+[ \t\r]*(?://.*)?\n")
IR = re.compile(
    COMMENTS
    + r'(?:"[\w.$-]+"\s*[(<]|%[\w.$-]+[\s:,=]|[#!][\w.]+\s*=|module\b\s*[@{a]|[a-z_]\w*\.[a-z_][\w.]*[\s({])'
)
"""An operation in generic or in its own syntax, its results, or the name of an attribute or a type."""


@dataclass(frozen=True)
class Text:
    """What a frontend reads."""

    path: str
    """Stands in messages and locations."""
    data: bytes
    parameters: Mapping[str, Number] = field(default_factory=dict[str, Number])
    """What the user says in place of numbers of the text."""
    operations: Others = no_others
    """The operations of other packages, asked for when a text calls what is none of ours."""
    check: bool = True
    """Whether a program that cannot run is an error when it is read."""


@dataclass(frozen=True)
class SavedProgram:
    """A program of a target, which nothing lowers any more."""

    target: str
    """The target's name."""
    program: Any


@dataclass(frozen=True)
class Frontend:
    """A language that compilation begins with."""

    name: str
    suffixes: tuple[str, ...]
    """Of its files. They decide where no frontend, or several, recognise what a file holds."""
    description: str
    """What its texts are, in the plural: `models`."""
    recognises: Callable[[str], bool]
    """Whether a text is in this language, be it a wrong one; told by how it begins."""
    read: Callable[[Context, Text], ModuleOp | SavedProgram]
    """The module of a text, at any level, or its program; raises ParseError, with the place, or OSError."""
    has_parameters: bool = False
    """Whether texts have parameters to be changed."""


def load_model(
    text: str,
    filename: str,
    parameters: Mapping[str, Number] | None = None,
    others: Others = no_others,
) -> ModuleOp:
    """The nn module of a model file (`docs/language.md`), with `parameters` in place of the file's numbers.

    `others` gives the operations of other packages, which are called by their spelling like ours.

    Raises: ParseError, with the place in the text, for every error in syntax, names, shapes and types.
    """
    from .lowering import lower
    from .parser import parse

    return lower(parse(text, filename), parameters or {}, others)


def decode(data: bytes, name: str) -> str:
    """The text of a file, without a byte order mark.

    Raises: ParseError at the first byte that is no UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        span = Span(error.start, error.start + 1, Input(data, name))
        raise ParseError(span, "this is no UTF-8 text") from error


def _read_model(ctx: Context, text: Text) -> ModuleOp:
    return load_model(decode(text.data, text.path), text.path, text.parameters, text.operations)


def _read_ir(ctx: Context, text: Text) -> ModuleOp:
    from .located_parser import LocatedParser

    return LocatedParser(ctx, decode(text.data, text.path), text.path).parse_module()


FRONTENDS = (
    Frontend("kl", (".kl",), "models", lambda text: MODEL.match(text) is not None, _read_model, True),
    Frontend("mlir", (".mlir",), "IR", lambda text: IR.match(text) is not None, _read_ir),
)
"""Our own frontends; saved programs are read by their targets."""
