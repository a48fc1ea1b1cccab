"""Evaluations that always give an outcome, whatever the function that evaluates does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite

from .history import Objective
from .outcome import Outcome
from .space import Point

Evaluate = Callable[[Point], Outcome]


@dataclass(frozen=True)
class Task:
    """An evaluation that always gives an outcome: errors that it raises are one, too."""

    evaluate: Evaluate
    objectives: tuple[Objective, ...]

    def __call__(self, point: Point) -> Outcome:
        """The outcome at a point, made of plain numbers and texts."""
        try:
            return checked(self.evaluate(dict(point)), self.objectives)
        except Exception as error:  # whatever evaluations raise is a result
            return Outcome(status="failed", message=f"{type(error).__name__}: {error}")


def checked(outcome: object, objectives: Sequence[Objective]) -> Outcome:
    """An outcome that can be kept and learned from: what is wrong with it makes the evaluation a failed one.

    A slack without a finite number is dropped; unless it is minus infinity, it makes the point infeasible.
    """
    if not isinstance(outcome, Outcome):
        return Outcome(status="failed", message=f"the evaluation gave {outcome!r:.80}, which is no Outcome")
    values = outcome.values
    if values is None and outcome.status == "feasible":
        return replace(outcome, status="failed", message="the evaluation gave no objectives")
    if values is not None and len(values) != len(objectives):
        message = f"the evaluation gave {len(values)} values for {len(objectives)} objectives"
        return replace(outcome, values=None, status="failed", message=message)
    for objective, value in zip(objectives, values or (), strict=False):
        if not isfinite(value):
            message = f"objective {objective.name!r} is {value}"
            outcome = replace(outcome, values=None, status="failed", message=message)
    beyond = any(slack > 0 or slack != slack for slack in outcome.slacks.values())
    return replace(
        outcome,
        values=None if outcome.values is None else tuple(map(float, outcome.values)),
        slacks=_finite(outcome.slacks),
        status="infeasible" if beyond and outcome.status == "feasible" else outcome.status,
        details={key: _plain(value) for key, value in outcome.details.items()},
    )


def _finite(slacks: Mapping[str, float]) -> dict[str, float]:
    return {key: float(slack) for key, slack in slacks.items() if -inf < slack < inf}


def _plain(value: object) -> str | float:
    """A detail as JSON has it."""
    try:
        return value if isinstance(value, str) else float(value)  # pyright: ignore[reportArgumentType]  # or TypeError
    except (TypeError, ValueError):
        return str(value)
