"""The keys of scenarios of HyperMapper 2.2.13, and what each of them does here.

They are written down in `keys.toml`; `docs/scenarios.md` shows the table, and a test holds them together.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

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
