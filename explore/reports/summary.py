"""What a study is about and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from ..outcome import Status
from ..parameters import Parameter, Value
from ..text import describe
from .record import StudyRecord


@dataclass(frozen=True)
class ParameterLine:
    """A parameter in words."""

    name: str
    values: str
    unit: str = ""
    """Empty where the study does not say it."""
    default: Value | None = None
    """What it is in the usual point; None where there is none, or it has no such parameter."""


@dataclass(frozen=True)
class ObjectiveLine:
    """An objective and the best feasible value found."""

    name: str
    goal: str
    capacity: float | None
    best: float | None
    unit: str = ""
    """Of all its values; empty where the study does not say it."""


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

    repeated: int = 0
    """How many more evaluations were of points that had been evaluated: they count nowhere."""

    title: str = ""
    """What is searched; empty where the study does not say it."""

    facts: tuple[tuple[str, str], ...] = ()
    """More of that, each with its name."""

    units: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of resources and details, too."""

    @property
    def heading(self) -> str:
        """What is searched, else the name of the study."""
        return self.title or self.study


def find_summary(record: StudyRecord) -> Summary:
    """The head of the report on a study."""
    trials = record.trials
    statuses = [trial.outcome.status for trial in trials]
    space = record.space
    return Summary(
        study=record.name,
        parameters=tuple(_parameter_line(record, parameter) for parameter in space.parameters),
        constraints=tuple(c if isinstance(c, str) else c.__name__ for c in space.constraints),
        points=space.count(),
        is_discrete=space.is_discrete,
        objectives=tuple(_objective_line(record, k) for k in range(len(record.objectives))),
        evaluations=len(trials),
        feasible=int(record.feasible.sum()),
        statuses={status: statuses.count(status) for status in get_args(Status)},
        elapsed_seconds=max(t.start + t.seconds for t in trials) - min(t.start for t in trials),
        evaluation_seconds=sum(trial.seconds for trial in trials),
        repeated=record.repeated,
        title=record.about.title,
        facts=record.about.facts,
        units=dict(record.about.units),
    )


def _parameter_line(record: StudyRecord, parameter: Parameter) -> ParameterLine:
    words = describe([parameter], ())[len(parameter.name) :].strip()
    usual = record.about.defaults[0][1] if record.about.defaults else {}
    unit = record.about.units.get(parameter.name, "")
    return ParameterLine(parameter.name, words, unit, usual.get(parameter.name))


def _objective_line(record: StudyRecord, k: int) -> ObjectiveLine:
    objective = record.objectives[k]
    values = [e.values[k] for e in record.evaluations if e.feasible and e.values is not None]
    best = min(values, key=lambda value: value * objective.sign, default=None)
    unit = record.about.units.get(objective.name, "")
    return ObjectiveLine(objective.name, objective.goal, objective.capacity, best, unit)
