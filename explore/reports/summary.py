"""What a study is about and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from ..outcome import Status
from ..text import describe
from .record import StudyRecord


@dataclass(frozen=True)
class ParameterLine:
    """A parameter in words."""

    name: str
    values: str


@dataclass(frozen=True)
class ObjectiveLine:
    """An objective and the best feasible value found."""

    name: str
    goal: str
    capacity: float | None
    best: float | None


@dataclass(frozen=True)
class Summary:
    """The head of a report."""

    study: str
    parameters: tuple[ParameterLine, ...]
    constraints: tuple[str, ...]
    points: int | None
    """How many points satisfy the constraints, real parameters counted as one value each; None where that is
    not known."""

    is_discrete: bool
    objectives: tuple[ObjectiveLine, ...]
    evaluations: int
    feasible: int
    statuses: Mapping[str, int]
    """How many evaluations ended in each way. One that ended as feasible may exceed a resource or lack
    values: it does not count in `feasible`."""

    elapsed_seconds: float
    """From the start of the first evaluation to the end of the last."""

    evaluation_seconds: float
    """All evaluations, one after the other."""


def find_summary(record: StudyRecord) -> Summary:
    """The head of the report on a study."""
    trials = record.trials
    statuses = [trial.outcome.status for trial in trials]
    space = record.space
    return Summary(
        study=record.name,
        parameters=tuple(_parameter_line(record, index) for index in range(len(space.parameters))),
        constraints=_constraints(record),
        points=space.count(),
        is_discrete=space.is_discrete,
        objectives=tuple(_objective_line(record, k) for k in range(len(record.objectives))),
        evaluations=len(trials),
        feasible=int(record.feasible.sum()),
        statuses={status: statuses.count(status) for status in get_args(Status)},
        elapsed_seconds=max(t.start + t.seconds for t in trials) - min(t.start for t in trials),
        evaluation_seconds=sum(trial.seconds for trial in trials),
    )


def _parameter_line(record: StudyRecord, index: int) -> ParameterLine:
    parameter = record.space.parameters[index]
    return ParameterLine(parameter.name, describe([parameter], ())[len(parameter.name) :].strip())


def _constraints(record: StudyRecord) -> tuple[str, ...]:
    return tuple(c if isinstance(c, str) else c.__name__ for c in record.space.constraints)


def _objective_line(record: StudyRecord, k: int) -> ObjectiveLine:
    objective = record.objectives[k]
    values = [e.values[k] for e in record.evaluations if e.feasible and e.values is not None]
    best = min(values, key=lambda value: value * objective.sign, default=None)
    return ObjectiveLine(objective.name, objective.goal, objective.capacity, best)
