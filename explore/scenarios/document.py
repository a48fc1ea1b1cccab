"""JSON texts that remember where each of their values stands, so that messages can show it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import ScenarioError

Pointer = tuple[str | int, ...]
"""How to get to a value: keys of objects and places in lists."""

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
"""What texts that are known to be JSON consist of."""


@dataclass(frozen=True)
class Document:
    """A value that was read from JSON, or that a program has made."""

    value: Any
    name: str = "scenario"
    """The file, for messages."""

    text: str = ""
    places: dict[tuple[Pointer, bool], re.Match[str]] = field(default_factory=dict[Any, Any])
    """Where values are, and (with True) their keys; of lists and objects the first character."""

    def error(self, pointer: Pointer, message: str, way_out: str = "", *, key: bool = False) -> ScenarioError:
        """An error about the value at a pointer, or about its key."""
        token = self.places.get((pointer, key))
        if token is None:
            return ScenarioError(message, way_out)
        return _error_at(self.name, self.text, token.start(), len(token[0]), message, way_out)


def read_document(path: Path) -> Document:
    """The JSON document of a file.

    Raises: OSError where it cannot be read; ScenarioError where it is not JSON.
    """
    data = path.read_bytes()
    try:
        return parse_document(data.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path} is not text in UTF-8: byte {error.start} is wrong") from error


def parse_document(text: str, name: str) -> Document:
    """The document in a text.

    Raises: ScenarioError where it is not JSON, or an object has a key twice.
    """
    try:
        document = Document(json.loads(text), name, text)
    except json.JSONDecodeError as error:
        problem = error.msg[:1].lower() + error.msg[1:]
        raise _error_at(name, text, error.pos, 1, f"this is not JSON: {problem}", "") from error
    except ValueError as error:  # of a number with too many digits, whose place is not said
        raise ScenarioError(f"{name}: this is not JSON: {error}") from error
    except RecursionError as error:
        raise ScenarioError(f"{name} has lists or objects too deep in each other") from error
    for pointer, is_key, token in _find_places(text):
        if is_key and (pointer, True) in document.places:
            document.places[pointer, True] = token
            raise document.error(pointer, f"the key {token[0]} is there twice", "leave one out", key=True)
        document.places[pointer, is_key] = token
    return document


def make_document(value: object) -> Document:
    """The document that a program has made; tuples become lists.

    Raises: ScenarioError where JSON cannot hold it.
    """
    try:
        return Document(json.loads(json.dumps(value)))
    except (TypeError, ValueError, RecursionError) as error:
        raise ScenarioError(f"the scenario is not JSON: {error}") from error


def _find_places(text: str) -> Iterator[tuple[Pointer, bool, re.Match[str]]]:
    """The values and keys of a text, in their order."""
    path: list[str | int] = []
    before = ""
    for token in TOKEN.finditer(text):
        match token[0]:
            case "}" | "]":
                path.pop()
            case ",":
                path = [*path[:-1], path[-1] + 1] if isinstance(path[-1], int) else path
            case ":":
                pass
            case key if before in ("{", ",") and isinstance(path[-1], str):
                path[-1] = json.loads(key)
                yield tuple(path), True, token
            case value:
                yield tuple(path), False, token
                path += {"{": [""], "[": [0]}.get(value, [])
        before = token[0]


def _error_at(name: str, text: str, start: int, length: int, message: str, way_out: str) -> ScenarioError:
    line = text.count("\n", 0, start) + 1
    column = start - (text.rfind("\n", 0, start) + 1) + 1
    return ScenarioError(message, way_out, file=name, line=line, column=column, length=length)
