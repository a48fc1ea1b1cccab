"""How far runs had come after each of their evaluations: the best value, or what the front still lacks.

And plots: of that, and of the front of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np

from ..pages.palette import STAGES
from ..pareto import hypervolume, insert
from ..reports.analysis import look
from ..reports.figures import Plot, drawing, label, new_panels, number_axis, saved
from ..reports.front_plots import front_plots
from .errors import ScenarioError
from .recorder import Result
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


FORMATS = (".svg", ".png", ".pdf")
"""How the names of plots may end."""


def check_format(path: Path) -> None:
    """Raises: ScenarioError for a file whose name does not end like a plot's."""
    if path.suffix.lower() not in FORMATS:
        raise ScenarioError(f"no plot can be written to {path}", f"end its name with {', '.join(FORMATS)}")


def plot_front(result: Result) -> Plot:
    """All evaluations and the front of two objectives.

    Raises: MissingExtraError without matplotlib.
    """
    with drawing():
        return front_plots(look(result.record))[0]


def plot_curves(curves: Sequence[Curve], title: str, *, is_log: bool = False) -> Plot:
    """A line for each curve, and its band where it has more than one run.

    Raises: MissingExtraError without matplotlib.
    """
    with drawing():
        figure, (axes,) = new_panels(1, 4.5, columns=1)
        axes.set(xlabel="evaluations", ylabel=label(title))
        for number, curve in enumerate(curves):
            color = STAGES[number % len(STAGES)].light
            x = np.arange(1, len(curve.mean) + 1)
            # An evaluation is known only at its end: lines are steps.
            axes.plot(x, curve.mean, color=color, drawstyle="steps-post", label=_heading(curve))
            if curve.runs > 1:
                axes.fill_between(x, curve.low, curve.high, color=color, alpha=0.18, lw=0, step="post")
        positive = np.concatenate([curve.mean[curve.mean > 0] for curve in curves])
        is_log = is_log and len(positive) > 0
        if is_log:
            number_axis(axes, "y", float(positive.min()), float(positive.max()), is_log=True)
        for name in "x" if is_log else "xy":
            number_axis(axes, name, 0, 0, is_log=False)
        axes.legend()
    return Plot("curves", title, figure)


def write_plot(plot: Plot, path: Path) -> None:
    """Write a plot in the format that the file's name ends with.

    Raises: OSError where it cannot be written; ScenarioError for another format.
    """
    check_format(path)
    path.write_bytes(saved(plot, path.suffix[1:].lower()))


def _heading(curve: Curve) -> str:
    return f"{curve.name}, {curve.runs} runs" if curve.runs > 1 else curve.name
