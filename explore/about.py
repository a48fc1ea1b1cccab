"""What a study is of, for those who read about it: kept beside its plan, and no part of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .space import Point
from .store import frozen


@dataclass(frozen=True)
class About:
    """Names, units and points that a search itself does not need."""

    title: str = ""
    """What is searched: the model, the application; empty where nobody has said it."""
    facts: tuple[tuple[str, str], ...] = ()
    """More of it, each with its name: the file, the machine."""
    units: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of objectives, parameters, resources and details, by their names: `s`, `bytes`."""
    defaults: tuple[tuple[str, Point], ...] = ()
    """Points that one would take without a search, by name; the usual one first."""


def about_to_json(about: About) -> dict[str, Any]:
    """As a document."""
    return json.loads(json.dumps(asdict(about)))  # as it will be read: lists for tuples


def about_from_json(document: Any) -> About:
    """What a document says; nothing where it is none, as in studies that others have made."""
    try:
        return About(
            title=str(document["title"]),
            facts=tuple((str(name), str(text)) for name, text in document["facts"]),
            units={str(name): str(unit) for name, unit in document["units"].items()},
            defaults=tuple(
                (str(name), {key: frozen(value) for key, value in point.items()})
                for name, point in document["defaults"]
            ),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return About()
