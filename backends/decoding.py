"""Values of JSON as the dataclasses that programs are made of."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def decoded(value: Any, kind: Any, what: str) -> Any:
    """A value of JSON as one of a type: a dataclass, tuple, dictionary, text, word or number from 0 on.

    Raises: ValueError, which names the place.
    """
    if is_dataclass(kind):
        assert isinstance(kind, type), "a class is asked for"
        if not isinstance(value, dict) or {*value} != {one.name for one in fields(kind)}:
            raise ValueError(f"{what} has to have {', '.join(one.name for one in fields(kind))}")
        hints = _hints(kind)
        return kind(**{name: decoded(one, hints[name], f"{what}.{name}") for name, one in value.items()})
    if get_origin(kind) is tuple:
        return _row(value, get_args(kind), what)
    if get_origin(kind) in (dict, Mapping):
        if not isinstance(value, dict):
            raise ValueError(f"{what} is no table")
        return {name: decoded(one, get_args(kind)[1], f"{what}.{name}") for name, one in value.items()}
    if get_origin(kind) is types.UnionType:
        return None if value is None else decoded(value, get_args(kind)[0], what)
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{what} is {value!r}; known are {', '.join(get_args(kind))}")
        return value
    wanted = (int, float) if kind is float else kind
    if type(value) is bool or not isinstance(value, wanted):
        raise ValueError(f"{what} is {value!r}, not of the type {kind.__name__}")
    if not isinstance(value, str) and not 0 <= value < 2**63:
        raise ValueError(f"{what} is {value}; it must be 0 or more, and below 2^63")
    return value


def _row(value: Any, kinds: tuple[Any, ...], what: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{what} is no list")
    if kinds[1:] == (types.EllipsisType,) or kinds[1:] == (...,):
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise ValueError(f"{what} has {len(value)} entries, not {len(kinds)}")
    pairs = enumerate(zip(value, kinds, strict=True))
    return tuple(decoded(one, kind, f"{what}[{number}]") for number, (one, kind) in pairs)
