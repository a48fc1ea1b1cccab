"""`--verify-diagnostics` with annotations: each message is expected, and each expectation met.

As in MLIR, a comment `// expected-error @+1 {{text}}` expects an error on the line below whose message holds
the text. Notes are there to be expected, but need not be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .diagnostics import Diagnostic
from .values import HELP_MARK, InputError, Position

MARK = re.compile(r"//.*?expected-(?:error|warning|remark|note)\b")
ANNOTATION = re.compile(
    r"//.*?expected-(?P<severity>error|warning|remark|note)(?P<regex>-re)? *"
    r"(?:@(?P<place>[+-]\d+|above|below|unknown))? *\{\{(?P<text>.*)\}\}\s*$"
)
IN_PATTERN = re.compile(r"\{\{(.*?)\}\}")


@dataclass(frozen=True)
class Expected:
    """One message that a comment expects."""

    severity: str
    line: int | None
    """Where it is expected; None for a message without a place."""
    pattern: str
    text: str
    at: Position
    """Of the comment."""

    def meets(self, found: Diagnostic) -> bool:
        """Whether a message is the one."""
        line = found.position.line if found.position else None
        same = found.severity == self.severity and line == self.line
        return same and re.search(self.pattern, found.message) is not None


def expectations(text: str, file: str, offset: int = 0) -> tuple[Expected, ...]:
    """What the comments of a text expect, which begins `offset` lines below the top of its file.

    Raises: InputError, with its place, for a comment that is none of these but begins like one.
    """
    lines = text.split("\n")
    marked = [MARK.search(line) is not None for line in lines]
    return tuple(
        _expected(lines[index], file, index, marked, offset) for index, mark in enumerate(marked) if mark
    )


def _expected(line: str, file: str, index: int, marked: Sequence[bool], offset: int) -> Expected:
    at = Position(file, index + offset + 1, line.index("//") + 1, 1, line)
    one = ANNOTATION.search(line)
    if one is None:
        raise InputError(
            f"this comment expects nothing{HELP_MARK}write `expected-error @+1 {{{{text}}}}` at its end", at
        )
    place = _place(one["place"], index, marked)
    line_number = None if place is None else place + offset + 1
    return Expected(one["severity"], line_number, _pattern(one), one["text"], at)


def _place(place: str | None, index: int, marked: Sequence[bool]) -> int | None:
    """The line that is meant, from 0 on; `above` and `below` skip other such comments."""
    match place:
        case None:
            return index
        case "unknown":
            return None
        case "above":
            return max((line for line in range(index) if not marked[line]), default=0)
        case "below":
            return next((line for line in range(index, len(marked)) if not marked[line]), len(marked))
        case _:
            return index + int(place)


def _pattern(one: re.Match[str]) -> str:
    """A text as it stands, or, with `-re`, regular expressions in `{{}}` among it."""
    if not one["regex"]:
        return re.escape(one["text"])
    pieces = IN_PATTERN.split(one["text"])
    return "".join(piece if number % 2 else re.escape(piece) for number, piece in enumerate(pieces))


def unmet(expected: Iterable[Expected], found: Sequence[Diagnostic]) -> list[Diagnostic]:
    """What is wrong: each expectation that no message meets, and each message that was not expected."""
    left = list(found)
    wrong: list[Diagnostic] = []
    for one in expected:
        met = next((index for index, message in enumerate(left) if one.meets(message)), None)
        if met is None:
            wrong.append(Diagnostic(f'expected {one.severity} "{one.text}" was not produced', one.at))
        else:
            del left[met]
    for message in (message for message in left if message.severity != "note"):
        wrong.append(Diagnostic(f"unexpected {message.severity}: {message.message}", message.position))
    return wrong


def with_notes(diagnostic: Diagnostic) -> list[Diagnostic]:
    """A message, and what it says besides as notes at its place."""
    texts = [text for text in (diagnostic.note, diagnostic.help) if text]
    return [diagnostic, *(Diagnostic(text, diagnostic.position, "note") for text in texts)]
