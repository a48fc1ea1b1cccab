"""Dataclasses of programs from and to what JSON has: dictionaries, lists, numbers and texts.

The fields of the dataclasses in `program.py` are the keys. Where several classes can stand, `kind` names the
one that does. Fields with a default may be left out.

cattrs does not pay here: it takes 7 for a string, 1.5 and true for an integer and {} for a list, and its
messages lack what was expected and what was found, so each check below would come back as a hook of ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .errors import ProgramError
from .kernel import Unit
from .program import Command
from .units import KINDS


def encode(value: Any) -> Any:
    """What JSON takes for a value of `program.py`."""
    if is_dataclass(value):
        kind = {"kind": type(value).__name__} if isinstance(value, _TAGGED) else {}
        return kind | {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [encode(element) for element in value]
    if isinstance(value, Mapping):
        return {key: encode(element) for key, element in value.items()}
    return value


@cache
def _hints(cls: type) -> Mapping[str, Any]:
    return get_type_hints(cls)


_TAGGED: tuple[type, ...] = (Unit, *get_args(Command))
"""The classes that stand where several can."""


def decode(hint: Any, value: Any, path: str) -> Any:
    """The value that JSON stands for where `hint` is expected.

    Raises: ProgramError if it stands for none; `path` says where.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Unit:
        return _decode_union(tuple(KINDS), value, path)
    if origin is UnionType:
        return _decode_union(arguments, value, path)
    if origin is Literal:
        if value not in arguments:
            raise _wrong(path, f"one of {', '.join(arguments)}", value)
        return value
    if origin is tuple:
        return _decode_tuple(arguments, value, path)
    if origin is Mapping:
        return _decode_mapping(arguments[1], value, path)
    if is_dataclass(hint):
        assert isinstance(hint, type), "hints name classes, not instances"
        return _decode_dataclass(hint, value, path)
    if type(value) is not hint and not (hint is float and type(value) is int):
        raise _wrong(path, _NAMES[hint], value)
    if type(value) is int and abs(value) > MOST:
        raise _wrong(path, f"at most {MOST}", value)
    return value


MOST = 2**62
"""Most of an integer, so that times and addresses made of a few of them are finite numbers."""


_NAMES = {int: "an integer", str: "a string", bool: "true or false", float: "a number", NoneType: "null"}


def _wrong(path: str, wanted: str, value: Any) -> ProgramError:
    text = json.dumps(value)
    found = text if len(text) <= 40 else f"{text[:40]}…"
    return ProgramError(f"{path}: expected {wanted}, found {found}")


def _decode_union(choices: tuple[Any, ...], value: Any, path: str) -> Any:
    if value is None and NoneType in choices:
        return None
    choices = tuple(choice for choice in choices if choice is not NoneType)
    if len(choices) == 1:
        return decode(choices[0], value, path)
    if not is_dataclass(choices[0]):
        kind = tuple if isinstance(value, list) else type(value)
        matching = next((choice for choice in choices if kind in (choice, get_origin(choice))), choices[0])
        return decode(matching, value, path)
    by_name = {choice.__name__: choice for choice in choices}
    if not isinstance(value, dict):
        raise _wrong(path, f"an object ({', '.join(by_name)})", value)
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in by_name:
        raise _wrong(f"{path}.kind", f"one of {', '.join(by_name)}", kind)
    return decode(by_name[kind], {k: v for k, v in value.items() if k != "kind"}, path)


def _decode_tuple(elements: tuple[Any, ...], value: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _wrong(path, "a list", value)
    if elements[-1] is ...:
        elements = (elements[0],) * len(value)
    if len(elements) != len(value):
        raise _wrong(path, f"a list of {len(elements)}", value)
    pairs = enumerate(zip(elements, value, strict=True))
    return tuple(decode(hint, element, f"{path}[{index}]") for index, (hint, element) in pairs)


def _decode_mapping(hint: Any, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(path, "an object", value)
    return {key: decode(hint, element, f"{path}.{key}") for key, element in value.items()}


def _decode_dataclass(cls: type, value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(path, f"an object ({cls.__name__})", value)
    known: dict[str, Field[Any]] = {field.name: field for field in fields(cls)}
    for key in value:
        if key not in known:
            raise ProgramError(f"{path}: unknown field '{key}'; {cls.__name__} has {', '.join(known)}")
    for name, field in known.items():
        if name not in value and field.default is MISSING and field.default_factory is MISSING:
            raise ProgramError(f"{path}: field '{name}' of {cls.__name__} is missing")
    hints = _hints(cls)
    arguments = {key: decode(hints[key], element, f"{path}.{key}") for key, element in value.items()}
    try:
        return cls(**arguments)
    except ValueError as error:
        raise ProgramError(f"{path}: {error}") from None
