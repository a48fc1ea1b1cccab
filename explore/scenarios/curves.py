"""How far runs had come after each of their evaluations: the best value, or what the front still lacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from ..pareto import hypervolume, insert
from .errors import ScenarioError
from .scenario import Scenario
from .table import Row

BAND = (10, 90)
"""The percentiles over runs between which 80 % of them are."""

MORE = "use runs with more feasible evaluations"
"""The way out where there are too few."""

Runs = Mapping[str, Sequence[Sequence[Row]]]
"""The runs of each curve by its name: for each the rows of its table, in the order of its evaluations."""


@dataclass(frozen=True)
class Curve:
    """One number after each evaluation, over some runs, up to the end of the shortest.

    It is `nan` until all of the runs have one.
    """

    name: str
    runs: int
    mean: np.ndarray
    low: np.ndarray
    """The lower end of the band of 80 %."""

    high: np.ndarray
    """Its upper end."""


def best_curves(scenario: Scenario, runs: Runs, optimum: float | None) -> list[Curve]:
    """The best feasible value of the lone objective so far; minus the optimum, the regret, if it is known.

    Raises: ScenarioError for a run without any feasible evaluation, or with one that is below the optimum.
    """
    least = min(float(values.min()) for values in _feasible_values(scenario, runs))
    if optimum is not None and least < optimum:
        raise ScenarioError(
            f"a run has {least}, which is less than the optimum {optimum}", "give the least value"
        )
    return [
        _over_runs(name, [_best(rows) - (optimum or 0) for rows in tables]) for name, tables in runs.items()
    ]


def indicator_curves(scenario: Scenario, runs: Runs, exact: np.ndarray | None) -> list[Curve]:
    """The hypervolume indicator: the share of the hypervolume of the best front that a run's front lacks.

    The best front is the exact one, rows of objectives, or else that of all runs together. Volumes reach to
    the worst value of each objective among all feasible evaluations and the exact front. The indicator is 1
    as long as nothing is feasible, and below 0 where a run has more than what was given as exact.

    Raises: ScenarioError for a run without any feasible evaluation, or where the best front has no volume.
    """
    known = _feasible_values(scenario, runs)
    everything = np.concatenate([*known, *([] if exact is None else [exact])])
    low, span = everything.min(axis=0), np.ptp(everything, axis=0)

    def volume(values: np.ndarray) -> float:
        return hypervolume((values - low) / span, np.ones(len(low)))

    for objective, width in zip(scenario.objectives, span, strict=True):
        if width == 0:
            message = f"all feasible evaluations have the same {objective.name}: no front has a hypervolume"
            raise ScenarioError(message, MORE)
    whole = volume(everything if exact is None else exact)
    if whole == 0:
        whose, way_out = ("the exact front", "give all of it") if exact is not None else ("the front", MORE)
        raise ScenarioError(f"no point of {whose} is better than the worst values of all objectives", way_out)
    return [
        _over_runs(name, [_lacks(rows, volume, whole, len(low)) for rows in tables])
        for name, tables in runs.items()
    ]


def _feasible_values(scenario: Scenario, runs: Runs) -> list[np.ndarray]:
    """The objectives of the feasible evaluations of each run, one row each.

    Raises: ScenarioError for a run that has none.
    """
    found: list[np.ndarray] = []
    for name, tables in runs.items():
        for rows in tables:
            values = [row.outcome.values for row in rows if _is_feasible(row)]
            if not values:
                raise ScenarioError(f"a run of {name} has no feasible evaluation", "leave it out")
            found.append(np.array(values, dtype=np.float64).reshape(-1, len(scenario.objectives)))
    return found


def _is_feasible(row: Row) -> bool:
    return row.outcome.evaluation(row.point).feasible


def _best(rows: Sequence[Row]) -> np.ndarray:
    """The best value so far after each evaluation, `nan` until one is feasible."""
    values = [row.outcome.values if _is_feasible(row) else None for row in rows]
    return np.fmin.accumulate(np.array([nan if one is None else one[0] for one in values]))


def _lacks(
    rows: Sequence[Row], volume: Callable[[np.ndarray], float], whole: float, count: int
) -> np.ndarray:
    """The share of a volume that the front, of so many objectives, lacks after each evaluation."""
    lacks, front = [1.0], np.empty((0, count))
    for row in rows:
        grown = insert(front, np.array(row.outcome.values)) if _is_feasible(row) else front
        lacks.append(lacks[-1] if grown is front else 1 - volume(grown) / whole)
        front = grown
    return np.array(lacks[1:])


def _over_runs(name: str, several: Sequence[np.ndarray]) -> Curve:
    """The mean and the band over runs, up to the end of the shortest."""
    end = min(len(run) for run in several)
    values = np.stack([run[:end] for run in several])
    low, high = np.percentile(values, BAND, axis=0)
    return Curve(name, len(values), values.mean(axis=0), low, high)
