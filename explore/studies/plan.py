"""What defines a study: the space, the objectives, the method and the seed; kept with it as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from optuna.study import StudyDirection

from ..errors import SpaceError, StudyError
from ..evolution import Evolution
from ..history import Objective
from ..optimizer import Settings
from ..space import Space
from ..store import load_space, save_space

VERSION = 1
"""The version of the format; a change that old readers misread makes it one more."""

PARTS = ("", "space", "settings")
"""The parts of a plan that its differences do not name: what is in them has a name of its own."""

NAMED = ("parameters", "objectives", "constraints")
"""The parts that are lists of things with names."""

MOST_DIFFERENCES = 3
"""So many are told."""

GONE = ("wall_share",)
"""Settings of earlier releases: a study with one goes on without it."""


@dataclass(frozen=True)
class StudyPlan:
    """All that defines a study. The constraints of the space must be texts, so that they can be kept."""

    name: str
    space: Space
    objectives: tuple[Objective, ...]
    settings: Settings = field(default_factory=Settings)
    seed: int = 0


def directions(objectives: tuple[Objective, ...]) -> list[StudyDirection]:
    """What Optuna calls the goals of objectives."""
    known = {"minimise": StudyDirection.MINIMIZE, "maximise": StudyDirection.MAXIMIZE}
    return [known[objective.goal] for objective in objectives]


def plan_to_json(plan: StudyPlan) -> dict[str, Any]:
    """A plan as a document.

    Raises: SpaceError where a constraint is a Python function.
    """
    document = {
        "version": VERSION,
        "space": json.loads(save_space(plan.space)),
        "objectives": [asdict(objective) for objective in plan.objectives],
        "settings": asdict(plan.settings),
        "seed": plan.seed,
    }
    return json.loads(json.dumps(document))  # as it will be read: lists for tuples


def plan_from_json(name: str, document: Any) -> StudyPlan:
    """The plan of a document.

    Raises: StudyError where it is none.
    """
    version = document.get("version") if isinstance(document, dict) else None
    if version != VERSION:
        raise StudyError(f"the plan of study {name!r} has version {version}, this reads version {VERSION}")
    try:
        return StudyPlan(
            name=name,
            space=load_space(json.dumps(document["space"])),
            objectives=tuple(Objective(**objective) for objective in document["objectives"]),
            settings=_settings(document["settings"]),
            seed=document["seed"],
        )
    except (KeyError, TypeError, SpaceError) as error:
        raise StudyError(f"the plan of study {name!r} is malformed: {error}") from error


def _known(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a plan without those that are none any more."""
    return {name: value for name, value in settings.items() if name not in GONE}


def _settings(document: dict[str, Any]) -> Settings:
    known = _known(document)
    known["evolution"] = Evolution(**known.get("evolution", {}))
    return Settings(**known)


def difference(kept: Any, asked: Any) -> str | None:
    """How a plan that was kept differs from another, both as documents, in words; None where they are equal.

    It names up to three differences. Settings that a plan does not name, since they came later, are the
    defaults.
    """
    completed = {**kept, "settings": {**asdict(Settings()), **_known(kept.get("settings", {}))}}
    return "; ".join(islice(_differences(completed, asked, ""), MOST_DIFFERENCES)) or None


def _differences(kept: Any, asked: Any, what: str) -> Iterator[str]:
    if what in NAMED:
        yield from _differences_of_named(kept, asked, what.removesuffix("s"))
    elif isinstance(kept, dict) and isinstance(asked, dict):
        of = f" of {what}" if what not in PARTS else ""
        for key in dict.fromkeys([*kept, *asked]):
            yield from _differences(kept.get(key), asked.get(key), f"{key}{of}")
    elif kept != asked:
        are = "are" if isinstance(kept, list) else "is"
        yield f"{what} {are} {_words(kept)}, not {_words(asked)}"


def _differences_of_named(kept: list[Any], asked: list[Any], kind: str) -> Iterator[str]:
    """Of lists of things that have names, or are texts: not of what has another place only."""
    old, new = ([one["name"] if isinstance(one, dict) else one for one in named] for named in (kept, asked))
    yield from (f"it has the {kind} {name!r}, which is not asked for" for name in old if name not in new)
    yield from (f"it lacks the {kind} {name!r}" for name in new if name not in old)
    for name, one in zip(old, kept, strict=True):
        if name in new:
            yield from _differences(one, asked[new.index(name)], f"{kind} {name!r}")
    if old != new and sorted(old) == sorted(new):
        yield f"its {kind}s are in the order {_words(old)}, not {_words(new)}"


def _words(part: Any) -> str:
    """A value without the marks of JSON."""
    text = "none" if part is None else json.dumps(part).translate(dict.fromkeys(map(ord, '[]{}"')))
    return text if len(text) <= 80 else text[:77] + "..."
