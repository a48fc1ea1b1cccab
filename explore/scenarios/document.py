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
    keys: dict[Pointer, tuple[int, int]] = field(default_factory=dict[Pointer, tuple[int, int]])
    """Where keys are: first character and length."""

    values: dict[Pointer, tuple[int, int]] = field(default_factory=dict[Pointer, tuple[int, int]])
    """Where values are; of lists and objects the first character."""

    def error(self, pointer: Pointer, message: str, way_out: str = "", *, key: bool = False) -> ScenarioError:
        """An error about the value at a pointer, or about its key."""
        place = (self.keys if key else self.values).get(pointer)
        if place is None:
            return ScenarioError(message, way_out)
        start, length = place
        return _error_at(self.name, self.text, start, length, message, way_out)


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
        _note_places(document, TOKEN.finditer(text), ())
    except json.JSONDecodeError as error:
        problem = error.msg[:1].lower() + error.msg[1:]
        raise _error_at(name, text, error.pos, 1, f"this is not JSON: {problem}", "") from error
    except ScenarioError:
        raise
    except ValueError as error:  # of a number with too many digits, whose place is not said
        raise ScenarioError(f"{name}: this is not JSON: {error}") from error
    except RecursionError as error:
        raise ScenarioError(f"{name} has lists or objects too deep in each other") from error
    return document


def make_document(value: object) -> Document:
    """The document that a program has made; tuples become lists.

    Raises: ScenarioError where JSON cannot hold it.
    """
    try:
        return Document(json.loads(json.dumps(value)))
    except (TypeError, ValueError, RecursionError) as error:
        raise ScenarioError(f"the scenario is not JSON: {error}") from error


def _note_places(document: Document, tokens: Iterator[re.Match[str]], pointer: Pointer) -> str:
    """Note where the value is that the tokens begin with; the token it begins with is given back."""
    token = next(tokens)
    if token[0] in "}]":
        return token[0]
    document.values[pointer] = (token.start(), len(token[0]))
    if token[0] == "{":
        _note_object(document, tokens, pointer)
    elif token[0] == "[":
        place = 0
        while _note_places(document, tokens, (*pointer, place)) != "]" and next(tokens)[0] == ",":
            place += 1
    return token[0]


def _note_object(document: Document, tokens: Iterator[re.Match[str]], pointer: Pointer) -> None:
    for token in tokens:
        if token[0] == "}":
            return
        if token[0] == ",":
            continue
        inner = (*pointer, json.loads(token[0]))
        is_twice = inner in document.keys
        document.keys[inner] = (token.start(), len(token[0]))
        if is_twice:
            raise document.error(inner, f"the key {token[0]} is there twice", "leave one out", key=True)
        next(tokens)  # the colon
        _note_places(document, tokens, inner)


def _error_at(name: str, text: str, start: int, length: int, message: str, way_out: str) -> ScenarioError:
    line = text.count("\n", 0, start) + 1
    column = start - (text.rfind("\n", 0, start) + 1) + 1
    return ScenarioError(message, way_out, file=name, line=line, column=column, length=length)
