"""The keys of scenarios of HyperMapper 2.2.13, and what each of them does here.

They are written down in `keys.toml`; `docs/scenarios.md` shows the table, and a test holds them together.
Documents are checked by them: each key with a value of the right kind.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.resources import files
from math import isfinite
from typing import Any, Literal

from .document import Document, Pointer

Kind = Literal["text", "flag", "integer", "number", "list", "object", "text or flag", "text or list", "any"]
"""What JSON value a key takes; a whole number is a number, too."""


@dataclass(frozen=True)
class Key:
    """One key; `path` has the keys around it in front, `*` stands for the name of a parameter."""

    path: str
    kind: Kind
    note: str
    needed: bool = True
    """Whether it does what it says; or it belongs to a part of the other tool that this one does without."""

    method: str = ""
    """The only `optimization_method` with which it does something."""

    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    """All texts that it may be; none for any."""

    refused: Mapping[Any, str] = field(default_factory=dict[Any, str])
    """Values that HyperMapper takes and this does not, each with the way out."""


def _keys() -> Iterator[Key]:
    document = tomllib.loads(files(__name__.rpartition(".")[0]).joinpath("keys.toml").read_text("utf-8"))
    for path, given in document["honoured"].items():
        choices, refused = tuple(given.pop("choices", ())), dict(given.pop("refused", ()))
        yield Key(path, choices=choices, refused=refused, **given)
    for group in document["not-needed"]:
        note = group.pop("note")
        yield from (Key(path, kind, note, needed=False) for kind, paths in group.items() for path in paths)


KEYS: Mapping[str, Key] = {key.path: key for key in _keys()}
"""All keys by path."""


KINDS: Mapping[Kind, tuple[str, tuple[type, ...]]] = {
    "text": ("a text", (str,)),
    "flag": ("true or false", (bool,)),
    "integer": ("a whole number", (int,)),
    "number": ("a number", (int, float)),
    "list": ("a list", (list,)),
    "object": ("an object", (dict,)),
    "text or flag": ("a text, true or false", (str, bool)),
    "text or list": ("a text or a list", (str, list)),
    "any": ("anything", (object,)),
}
"""What the kinds are called, and the types of their values."""

NAMES: Mapping[type, str] = {
    **{type(None): "null", bool: "true or false", int: "a number", float: "a number"},
    **{str: "a text", dict: "an object", list: "a list"},
}
"""What values of JSON are called."""


def check_keys(document: Document) -> tuple[str, ...]:
    """Check all keys and values by the table of keys; the paths of those that change nothing are given back.

    Raises: ScenarioError for what is unknown, of the wrong kind, or refused.
    """
    if not isinstance(document.value, dict):
        raise document.error((), f"a scenario is an object, this is {json_kind(document.value)}")
    found = dict(_entries(document, document.value, ()))
    for pointer, key in found.items():
        _check_value(document, pointer, key)
    chosen = ("", document.value.get("optimization_method"))
    idle = (pointer for pointer, key in found.items() if not key.needed or key.method not in chosen)
    return tuple(".".join(map(str, pointer)) for pointer in idle)


def json_kind(value: object) -> str:
    """What a value of JSON is called."""
    is_too_large = type(value) in (int, float) and not is_number(value)
    return "too large a number" if is_too_large else NAMES[type(value)]


def is_number(value: object) -> bool:
    """Whether a value of JSON is a number that can be counted with."""
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:  # too large for a double
        return False


def _entries(document: Document, value: Mapping[str, Any], pointer: Pointer) -> Iterator[tuple[Pointer, Key]]:
    """All keys in and below an object, each after the one that it is in."""
    for name, inner in value.items():
        here = (*pointer, name)
        key = _find_key(document, here)
        yield here, key
        if key.kind == "object" and isinstance(inner, dict):
            yield from _entries(document, inner, here)


def _find_key(document: Document, pointer: Pointer) -> Key:
    """The key that a place in a document has.

    Raises: ScenarioError where there is none, with the known one that is most like it.
    """
    is_parameter = pointer[0] == "input_parameters"
    general = [*pointer[:1], "*", *pointer[2:]] if is_parameter and len(pointer) > 1 else pointer
    key = KEYS.get(".".join(map(str, general)))
    if key is not None:
        return key
    *around, name = map(str, pointer)
    prefix = "".join(f"{part}." for part in general[:-1])
    rest = [path.removeprefix(prefix) for path in KEYS if path.startswith(prefix)]
    siblings = [path for path in rest if "." not in path]
    close = get_close_matches(name, siblings, 1)
    where = f" in {around[-1]!r}" if around else ""
    way_out = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(siblings))}"
    raise document.error(pointer, f"unknown key {name!r}{where}", way_out, key=True)


def _check_value(document: Document, pointer: Pointer, key: Key) -> None:
    value: Any = document.value
    for part in pointer:
        value = value[part]
    name = pointer[-1]
    if not _is_of_kind(value, key.kind):
        raise document.error(pointer, f"{name!r} takes {KINDS[key.kind][0]}, this is {json_kind(value)}")
    if not is_printable(value):
        raise document.error(pointer, f"{name!r} is {value!r}, which has characters that cannot be printed")
    if key.least is not None and value < key.least:
        raise document.error(pointer, f"{name!r} is {value}, the least is {key.least:g}")
    if key.most is not None and value > key.most:
        raise document.error(pointer, f"{name!r} is {value}, the most is {key.most:g}")
    if isinstance(value, str) and key.choices and value not in key.choices:
        known = ", ".join(choice for choice in key.choices if choice not in key.refused)
        raise document.error(pointer, f"{name!r} is {value!r}", f"known are {known}")
    if isinstance(value, (str, bool, int, float)) and value in key.refused:
        raise document.error(pointer, f"{name!r} is {value!r}, which is not supported", key.refused[value])


def is_printable(value: Any) -> bool:
    """Whether texts, also those in lists, can go into names of files, tables and messages."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and not one.isprintable():
            return False
    return True


def _is_of_kind(value: object, kind: Kind) -> bool:
    types = KINDS[kind][1]
    if isinstance(value, bool):
        return bool in types or object in types
    return isinstance(value, types) and (kind != "number" or is_number(value))
