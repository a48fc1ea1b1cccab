"""What a search has found: the front of a study, beside the mappings that one would try by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from typing import Any, get_args

import numpy as np

from ...backends import DEFAULT_TARGET
from ...dialects.vocabulary import ORCHESTRATIONS
from ...explore.history import signed_values
from ...explore.outcome import Status, Trial
from ...explore.parameters import Value
from ...explore.pareto import non_dominated
from ...explore.reports.front import Behind, find_behind
from .search import Ended
from .session import Session


@dataclass(frozen=True)
class Found:
    """The trials of a session that count."""

    session: Session
    trials: Sequence[Trial]
    inert: Sequence[str] = ()
    """The knobs that were tested and changed nothing that is measured."""
    ended: Ended = "budget"
    """Why the search has ended."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the objectives."""
        return self.session.evaluation.objectives

    @property
    def counts(self) -> dict[str, int]:
        """How many trials ended in each way."""
        counts = Counter(trial.outcome.status for trial in self.trials)
        return {status.replace("-", "_"): counts[status] for status in get_args(Status)}

    @cached_property
    def equal(self) -> Mapping[tuple[float, ...], Sequence[Trial]]:
        """The feasible trials that no other dominates, by their values; those that turn least come first."""
        feasible = [trial for trial in self.trials if _is_feasible(trial)]
        evaluations = [trial.outcome.evaluation(trial.point) for trial in feasible]
        mask = non_dominated(signed_values(evaluations, self.session.plan.objectives))
        groups: dict[tuple[float, ...], list[Trial]] = {}
        for trial in sorted(
            compress(feasible, mask), key=lambda trial: (len(self.turned(trial)), trial.number)
        ):
            groups.setdefault(trial.outcome.values or (), []).append(trial)
        return dict(sorted(groups.items()))

    @property
    def front(self) -> list[Trial]:
        """Of each values that no others dominate the trial that turns least, by the first objective."""
        return [trials[0] for trials in self.equal.values()]

    def equal_to(self, trial: Trial) -> Sequence[Trial]:
        """The trials of the front with the values of a trial; of one that is not there, none."""
        return self.equal.get(trial.outcome.values or (), ())

    def turned(self, trial: Trial) -> dict[str, Value]:
        """What a trial sets otherwise than the pipeline does by default, and its machine."""
        evaluation = self.session.evaluation
        usual = evaluation.mapping.default_point()
        point = trial.point.items()
        return {name: v for name, v in point if name in evaluation.machine or usual.get(name) != v}

    def behind(self, trial: Trial) -> Behind | None:
        """How far a feasible trial is behind the front; None where it is as good as a point of it."""
        front = {one.number: one.outcome.values or () for one in self.front}
        signs = np.array([objective.sign for objective in self.session.plan.objectives])
        return find_behind(trial.outcome.values or (), front, signs)

    @property
    def defaults(self) -> dict[str, Trial]:
        """The trials of the mappings that one would try by hand."""
        by_point = {str(sorted(trial.point.items())): trial for trial in reversed(self.trials)}
        points = {name: str(sorted(point.items())) for name, point in self.session.defaults.items()}
        return {name: by_point[point] for name, point in points.items() if point in by_point}

    @property
    def reason(self) -> str | None:
        """A message of the kind that infeasible trials have most often."""
        messages = [trial.outcome.message for trial in self.trials if trial.outcome.message]
        kinds = Counter(map(_kind, messages))
        most = kinds.most_common(1)
        return next((text for text in messages if most and _kind(text) == most[0][0]), None)

    def pipeline(self, trial: Trial) -> str:
        """The passes of a trial, as `kl-opt -p` and `--pipeline` take them."""
        return self.session.evaluation.mapping.pipeline(trial.point)

    def options(self, trial: Trial) -> list[str]:
        """What `kl time` needs to be told beside the pipeline: model, machine and step of a trial."""
        evaluation = self.session.evaluation
        source = evaluation.changed_source(trial.point)
        options = [] if source.target == DEFAULT_TARGET else [f"--target {source.target}"]
        options += [f"--param {name}={value}" for name, value in source.parameters]
        options += [f"--set {name}={value}" for name, value in source.machine]
        if evaluation.orchestration != ORCHESTRATIONS[0]:
            options.append(f"--orchestration {evaluation.orchestration}")
        if evaluation.position is not None:
            options.append(f"--position {evaluation.position}")
        if evaluation.experts is not None:
            options.append(f"--experts {evaluation.experts}")
        return options


def _is_feasible(trial: Trial) -> bool:
    return trial.outcome.evaluation(trial.point).feasible


def _kind(message: str) -> str:
    """A message without what differs from point to point."""
    return "".join(c for c in message if not c.isdigit())


def document(found: Found, path: str, storage: str) -> dict[str, Any]:
    """All of it as JSON, without the version."""
    plan, mapping = found.session.plan, found.session.evaluation.mapping
    measures = found.session.evaluation.source.found.measures()
    return {
        "input": path,
        "storage": storage,
        "study": plan.name,
        "objectives": list(found.names),
        "units": {name: measures[name].description for name in found.names if name in measures},
        "knobs": [knob.name for knob in mapping.knobs],
        "machine": list(found.session.evaluation.machine),
        "evaluations": len(found.trials),
        "outcomes": found.counts,
        "ended": found.ended,
        "inert": [*found.inert],
        "defaults": {
            name: {**trial_document(found, trial), **_behind_document(found, trial)}
            for name, trial in found.defaults.items()
        },
        "front": [
            {**trial_document(found, trials[0]), "equal": [trial.number for trial in trials[1:]]}
            for trials in found.equal.values()
        ],
    }


def _behind_document(found: Found, trial: Trial) -> dict[str, Any]:
    """How far a trial is behind the front: in all objectives, and which point dominates it by how much."""
    if not _is_feasible(trial):
        return {"behind": None, "dominated_by": None}
    by = found.behind(trial)
    shares = dict(zip(found.names, by.shares, strict=True)) if by else {}
    least = min(shares.values(), default=0.0)
    return {"behind": least, "dominated_by": by and {"trial": by.number, "shares": shares}}


def trial_document(found: Found, trial: Trial) -> dict[str, Any]:
    """A trial as JSON."""
    outcome = trial.outcome
    measured = {name: value for name, value in outcome.details.items() if not isinstance(value, str)}
    return {
        "trial": trial.number,
        "status": outcome.status,
        "message": outcome.message or None,
        "values": None if outcome.values is None else dict(zip(found.names, outcome.values, strict=True)),
        "measures": measured,
        "slacks": dict(outcome.slacks),
        "point": dict(trial.point),
        "machine": {name: trial.point[name] for name in found.session.evaluation.machine},
        "pipeline": found.pipeline(trial),
    }
