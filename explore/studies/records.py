"""What the storage holds of an evaluation, and back.

An outcome is one user attribute of its trial, so that it is there as a whole or not at all. For Optuna's own
plots and lists, its objectives are the values of the trial, and its slacks are constraints; a point that is
infeasible without any slack above 0 has the constraint `infeasible`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from optuna.trial import FrozenTrial, TrialState, create_trial

from ..history import Objective
from ..outcome import Outcome
from ..tasks import checked

OUTCOME = "outcome"
"""The user attribute that holds an outcome, with the time that it took."""

INFEASIBLE = "infeasible"
"""The constraint of points that no slack explains."""


def outcome_to_json(outcome: Outcome, start: float, seconds: float) -> dict[str, Any]:
    """An outcome as it is kept; `start` in seconds since the epoch."""
    return {**asdict(outcome), "start": start, "seconds": seconds}


def kept_outcome(document: Mapping[str, Any]) -> Outcome:
    """The outcome of a document."""
    kept: dict[str, Any] = {one.name: document[one.name] for one in fields(Outcome)}
    kept["values"] = None if kept["values"] is None else tuple(kept["values"])
    return Outcome(**kept)


def ended(document: Mapping[str, Any]) -> FrozenTrial:
    """A trial that has ended with an outcome, given as a document.

    Constraints are how Optuna knows whether a point is feasible: above 0 is not. Infeasible points without
    objectives are pruned trials.
    """
    outcome = kept_outcome(document)
    explained = any(slack > 0 for slack in outcome.slacks.values())
    unexplained = outcome.status == "infeasible" and not explained
    state = TrialState.PRUNED if outcome.values is None else TrialState.COMPLETE
    state = TrialState.FAIL if outcome.has_failed else state
    return create_trial(
        state=state,
        values=outcome.values if state == TrialState.COMPLETE else None,
        user_attrs={OUTCOME: document},
        constraints={**outcome.slacks, **({INFEASIBLE: 1.0} if unexplained else {})},
    )


def outcome_of(trial: FrozenTrial, objectives: Sequence[Objective]) -> Outcome:
    """What came of a trial that has ended, be it kept by us or by plain Optuna.

    A pruned trial of plain Optuna counts as infeasible: its evaluation was not worth ending.

    Raises: ValueError, KeyError, TypeError for an outcome that we have not kept so.
    """
    kept = trial.user_attrs.get(OUTCOME)
    if isinstance(kept, dict):
        outcome = kept_outcome(kept)
        if checked(outcome, objectives).status == "failed" != outcome.status:
            raise ValueError(
                f"trial {trial.number} has the values {outcome.values} of {len(objectives)} objectives"
            )
        return outcome
    slacks = {key: slack for key, slack in trial.constraints.items() if key != INFEASIBLE}
    match trial.state:
        case TrialState.COMPLETE:
            infeasible = any(slack > 0 for slack in trial.constraints.values())
            status = "infeasible" if infeasible else "feasible"
            return checked(Outcome(tuple(trial.values), slacks, status), objectives)
        case TrialState.PRUNED:
            return checked(Outcome(None, slacks, "infeasible", "pruned"), objectives)
        case _:
            return Outcome(status="failed", message=str(trial.system_attrs.get("fail_reason", "")))
