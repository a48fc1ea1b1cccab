"""Where a saved program can be changed: all its facts by the fields that they are of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from kl.backends.parts import Part
from kl.backends.sn40l.kernel import Unit
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.units import KINDS
from kl.backends.tensors import TensorSpec
from kl.dialects.stored_formats import StoredPart

NESTED = (TensorSpec, Part, StoredPart)
"""What these say belongs to the field that they are in."""
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Place:
    """A fact of a document: a value, a list or an object."""

    field: str
    """Such as `Stage.flops`, `Load.channels[]` for one of a list, `Region.tensor.shape[]`."""
    path: Path
    """From the program on."""

    @property
    def scope(self) -> Path:
        """The kernel that it is in, or the program."""
        return self.path[:2] if self.path[0] == "kernels" else ()


def places(document: Any) -> tuple[Place, ...]:
    """All places of the program in a document, in its order."""
    return tuple(_places(Program, document, "Program", ()))


def _places(hint: Any, value: Any, field: str, path: Path) -> Iterator[Place]:
    if path:
        yield Place(field, path)
    hint = _meant(hint, value)
    if value is None or hint is None:
        return
    if is_dataclass(hint):
        assert isinstance(hint, type), "hints name classes"
        name = field if hint in NESTED else str(hint.__name__)
        for key, one in _hints(hint).items():
            if key in value:
                yield from _places(one, value[key], f"{name}.{key}", (*path, key))
    elif get_origin(hint) is tuple:
        inner = get_args(hint)
        for number, entry in enumerate(value):
            one = inner[0] if inner[-1] is ... else inner[number]
            yield from _places(one, entry, f"{field}[]", (*path, number))
    elif get_origin(hint) is Mapping:
        for key, entry in value.items():
            yield from _places(get_args(hint)[1], entry, f"{field}.{key}", (*path, key))


def _meant(hint: Any, value: Any) -> Any:
    """The class or the type that a value stands for where several can."""
    if hint is not Unit and get_origin(hint) is not UnionType:
        return hint
    if isinstance(value, dict):
        choices: list[Any] = (
            [*KINDS] if hint is Unit else [one for one in get_args(hint) if is_dataclass(one)]
        )
        by_name: dict[Any, Any] = {one.__name__: one for one in choices}
        return by_name.get(value.get("kind"), choices[0] if len(choices) == 1 else None)
    wanted = tuple if isinstance(value, list) else type(value)
    return next((one for one in get_args(hint) if wanted in (one, get_origin(one))), None)


@cache
def _hints(cls: type) -> Mapping[str, Any]:
    found = get_type_hints(cls)
    return {field.name: found[field.name] for field in fields(cls)}


def value_at(document: Any, path: Sequence[str | int]) -> Any:
    """What is at a place."""
    for key in path:
        document = document[key]
    return document


def put(document: Any, path: Sequence[str | int], value: Any) -> None:
    """Put something else there."""
    value_at(document, path[:-1])[path[-1]] = value
