"""What errors in a model file say, and the source locations of what is made from it.

Syntax errors come in plain words: what was expected, what stands there instead, which bracket is still open.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from difflib import get_close_matches

from lark import Token, UnexpectedCharacters, UnexpectedToken
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, StringAttr
from xdsl.utils.exceptions import ParseError
from xdsl.utils.lexer import Input, Span

from ..dialects.spelling import error


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


_END_OF_TEXT = "$END"
_BRACKETS = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}

_EXPRESSION = {"NAME", "NUMBER", "LPAR", "MINUS", "LAYER_NUMBER", "TRANSPOSED"}
_GROUPS: tuple[tuple[Set[str], str], ...] = (
    (
        {"PARAM", "CONSTANT", "DTYPE", "WEIGHT", "CACHE", "LAYER", "STEP"},
        "a declaration (param, constant, dtype, weight, cache, layer or step)",
    ),
    (_EXPRESSION | {"FOR", "OBSERVE", "RETURN"}, "a statement"),
    (_EXPRESSION, "an expression"),
    ({"PLUS", "MINUS", "STAR", "SLASH", "MATMUL", "CARET"}, "an operator"),
    ({"PLUS", "MINUS", "STAR", "SLASH", "MATMUL"}, "an operator"),
    ({"PLUS", "MINUS"}, "an operator"),
)
"""Tokens that are expected together, and what they begin."""

_WORDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "TEXT": "a text in quotes",
    "LPAR": "'('",
    "RPAR": "')'",
    "LSQB": "'['",
    "RSQB": "']'",
    "LBRACE": "'{'",
    "RBRACE": "'}'",
    "COMMA": "','",
    "COLON": "':'",
    "EQUAL": "'='",
    "RANGE": "'..'",
    "MINUS": "'-'",
    "_NL": "the end of the line",
    _END_OF_TEXT: "the end of the file",
}
"""Tokens in the order in which a message names them; a reserved word not in this table stands for itself."""


def unexpected_character(cause: UnexpectedCharacters, source: Input) -> ParseError:
    """The error for a character that begins no token."""
    span = Span(cause.pos_in_stream, cause.pos_in_stream + 1, source)
    if cause.char == '"':
        return error(span, "this text has no closing quote", "a text ends on the line it begins on")
    help = "a comment begins with //" if cause.char == "#" else ""
    return error(span, f"unexpected character {cause.char!r}", help)


def unexpected_token(cause: UnexpectedToken, source: Input) -> ParseError:
    """The error for a token that does not fit where it stands."""
    accepted = set(cause.accepts)
    span = _span_of(cause.token, source)
    message = f"expected {_listed(_in_words(accepted))}, got {_described(cause.token)}"
    return error(span, message, _open_bracket(cause, accepted, source))


def _span_of(token: Token, source: Input) -> Span:
    """The text of a token; for the end of a line or of the file, the place behind the last token."""
    end = token.end_pos or 0
    return Span(end - len(token.strip()), end, source)


def _in_words(accepted: set[str]) -> list[str]:
    words: list[str] = []
    for group, name in _GROUPS:
        if group <= accepted:
            words.append(name)
            accepted = accepted - group
    words += [word for token, word in _WORDS.items() if token in accepted]
    return words + [f"'{token.lower()}'" for token in sorted(accepted - _WORDS.keys())]


def _listed(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _described(token: Token) -> str:
    if not token.strip():
        return _WORDS[token.type]
    if token.isalpha() and token.type != "NAME":
        return f"the reserved word '{token}'"
    return f"'{token}'"


def _open_bracket(cause: UnexpectedToken, accepted: set[str], source: Input) -> str:
    """Names the innermost open bracket if it could be closed here and stands in an earlier line."""
    for entry in reversed(cause.interactive_parser.parser_state.value_stack):
        if isinstance(entry, Token) and entry.type in _BRACKETS:
            line = _span_of(entry, source).get_location().line
            closable = _BRACKETS[entry.type] in accepted and line != cause.token.line
            return f"the '{entry}' of line {line} is still open" if closable else ""
    return ""
