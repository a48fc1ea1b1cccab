"""Spaces as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from .errors import SpaceError
from .parameters import Categorical, Condition, Integer, Ordinal, Parameter, Permutation, Real
from .space import Space

VERSION = 1
"""The version of the format; a change that old readers misread makes it one more."""

KINDS: dict[str, type[Parameter]] = {
    "real": Real,
    "integer": Integer,
    "ordinal": Ordinal,
    "categorical": Categorical,
    "permutation": Permutation,
}


def save_space(space: Space) -> str:
    """The space as JSON text.

    Raises: SpaceError where a constraint is a Python function.
    """
    for constraint in space.constraints:
        if not isinstance(constraint, str):
            raise SpaceError(f"constraint {constraint.__name__!r} is a function; write it as text to save it")
    content = {
        "version": VERSION,
        "parameters": [_parameter_to_json(parameter) for parameter in space.parameters],
        "constraints": list(space.constraints),
        "node_limit": space.node_limit,
    }
    return json.dumps(content, indent=2) + "\n"


def load_space(text: str) -> Space:
    """The space that a JSON text describes.

    Raises: SpaceError where it is no space.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpaceError(f"the space is not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("version") != VERSION:
        found = content.get("version") if isinstance(content, dict) else None
        raise SpaceError(f"the space has format version {found}, this reads version {VERSION}")
    unknown = sorted(content.keys() - {"version", "parameters", "constraints", "node_limit"})
    if unknown:
        raise SpaceError(f"the space has the unknown key {unknown[0]!r}")
    try:
        parameters = tuple(_parameter_from_json(entry) for entry in content["parameters"])
        return Space(parameters, tuple(content["constraints"]), content["node_limit"])
    except SpaceError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SpaceError(f"the space is incomplete or malformed: {error}") from error


def _parameter_to_json(parameter: Parameter) -> dict[str, Any]:
    entry = {"type": type(parameter).__name__.lower(), **asdict(parameter)}
    return {key: part for key, part in entry.items() if key != "when" or part is not None}


def _parameter_from_json(entry: Mapping[str, Any]) -> Parameter:
    given = dict(entry)
    kind = given.pop("type", None)
    if kind not in KINDS:
        raise SpaceError(f"unknown type of parameter {kind!r}; known are {', '.join(KINDS)}")
    known = {field.name for field in fields(KINDS[kind])}
    for key in given:
        if key not in known:
            raise SpaceError(f"parameter {given.get('name')!r} has the unknown key {key!r}")
    if "when" in given:
        values = tuple(frozen(value) for value in given["when"]["values"])
        given["when"] = Condition(given["when"]["parent"], values)
    return KINDS[kind](**{key: frozen(value) for key, value in given.items()})


def frozen(value: Any) -> Any:
    """Lists as tuples: JSON has only the one."""
    return tuple(value) if isinstance(value, list) else value
