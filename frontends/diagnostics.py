"""Errors in a model file, and the source locations of what is made from it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from xdsl.dialects.builtin import FileLineColLoc, IntAttr, StringAttr
from xdsl.utils.exceptions import ParseError
from xdsl.utils.lexer import Span

HELP_MARK = "\nhelp: "
"""Text behind this mark in a message is the way out."""


def error(span: Span, message: str, help: str = "") -> ParseError:
    """An error at a place of the text; `help` is the way out and stands on a line of its own."""
    return ParseError(span, f"{message}{HELP_MARK}{help}" if help else message)


def similar(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'wq'?` where a known name is close to `name`, else nothing."""
    matches = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean '{matches[0]}'?" if matches else ""


def counted(number: int, noun: str) -> str:
    """`1 name`, `2 names`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def location_of(span: Span) -> FileLineColLoc:
    """The start of a span as the location of an operation."""
    file, line, column = span.get_location()
    return FileLineColLoc(StringAttr(file), IntAttr(line), IntAttr(column))
