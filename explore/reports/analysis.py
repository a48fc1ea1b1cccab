"""All that a report says, as data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..errors import ReportError
from .dependence import Dependence, find_dependences
from .front import Default, FrontPoint, Volumes, find_defaults, find_front, find_volumes
from .importance import Importances, find_importances
from .reasons import Message, Resource, Rules, find_messages, find_resources, find_rules
from .record import StudyRecord
from .summary import Summary, find_summary
from .targets import find_targets


@dataclass(frozen=True)
class Seen:
    """An evaluation, as far as plots show it."""

    number: int
    status: str
    feasible: bool
    values: tuple[float, ...] | None


@dataclass(frozen=True)
class Report:
    """What a study has found."""

    summary: Summary
    evaluations: tuple[Seen, ...]
    front: tuple[FrontPoint, ...]
    volumes: Volumes | None = None
    """The hypervolumes; None where nothing is feasible."""

    importances: tuple[Importances, ...] = ()
    """For each objective, then for feasibility."""

    rules: Rules = field(default_factory=Rules)
    resources: tuple[Resource, ...] = ()
    messages: tuple[Message, ...] = ()
    dependences: tuple[Dependence, ...] = ()
    defaults: tuple[Default, ...] = ()
    """What one would take without a search, the usual one first."""


def look(record: StudyRecord) -> Report:
    """What is known of a study without forests and volumes; each point has been counted once."""
    front = find_front(record)
    return Report(
        find_summary(record),
        tuple(
            Seen(trial.number, trial.outcome.status, evaluation.feasible, evaluation.values)
            for trial, evaluation in zip(record.trials, record.evaluations, strict=True)
        ),
        front,
        defaults=find_defaults(record, front),
    )


def analyse(record: StudyRecord, seed: int = 0) -> Report:
    """Look at a study from all sides, each point counted once; forests and samples come from the seed.

    Raises: ReportError where no evaluation has ended; MissingExtraError without scikit-learn.
    """
    if not record.trials:
        raise ReportError(f"study {record.name!r} has no evaluation that has ended; run it first")
    record = record.counted()
    targets = find_targets(record, seed)
    importances = [find_importances(record.space, target, seed) for target in targets]
    dependences = [
        find_dependences(record.space, target, found, seed)
        for target, found in zip(targets, importances, strict=True)
    ]
    return replace(
        look(record),
        volumes=find_volumes(record, seed),
        importances=tuple(importances),
        rules=find_rules(record, seed),
        resources=find_resources(record),
        messages=find_messages(record),
        dependences=tuple(one for found in dependences for one in found),
    )
