"""What a search has found: the front of a study, beside the mappings that one would try by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from ...backends import DEFAULT_TARGET
from ...dialects.vocabulary import ORCHESTRATIONS
from ...explore.history import signed_values
from ...explore.outcome import Status, Trial
from ...explore.pareto import non_dominated
from .session import Session


@dataclass(frozen=True)
class Found:
    """The trials of a session that count."""

    session: Session
    trials: Sequence[Trial]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the objectives."""
        return self.session.evaluation.objectives

    @property
    def counts(self) -> dict[str, int]:
        """How many trials ended in each way."""
        counts = Counter(trial.outcome.status for trial in self.trials)
        return {status.replace("-", "_"): counts[status] for status in get_args(Status)}

    @property
    def front(self) -> list[Trial]:
        """The feasible trials that no other dominates, by the first objective; of equal ones the first."""
        feasible = [trial for trial in self.trials if _is_feasible(trial)]
        evaluations = [trial.outcome.evaluation(trial.point) for trial in feasible]
        mask = non_dominated(signed_values(evaluations, self.session.plan.objectives))
        best = {
            trial.outcome.values: trial
            for trial, keep in reversed([*zip(feasible, mask, strict=True)])
            if keep
        }
        return sorted(best.values(), key=lambda trial: trial.outcome.values or ())

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
        "defaults": {name: trial_document(found, trial) for name, trial in found.defaults.items()},
        "front": [trial_document(found, trial) for trial in found.front],
    }


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
