"""Statistics of runs: expected running time, intervals of its ratios, paired tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from explore_runs import Curve
from scipy import stats

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Runs:
    """For each run the evaluations up to a target, or all where it was not reached, and whether it was."""

    costs: np.ndarray
    reached: np.ndarray

    @property
    def running_time(self) -> float:
        """Expected running time (ERT): all evaluations for each success; infinite without one."""
        successes = int(self.reached.sum())
        return float(self.costs.sum() / successes) if successes else float("inf")

    @property
    def least_running_time(self) -> float:
        """The same, but where there is no success as if the next evaluation had brought the first."""
        return float(self.costs.sum() / max(int(self.reached.sum()), 1))

    def chosen(self, numbers: np.ndarray) -> Runs:
        """Some of the runs."""
        return Runs(self.costs[numbers], self.reached[numbers])


def runs_to(curves: Sequence[Curve], target: float) -> Runs:
    """How long runs took to a target."""
    counts = [curve.reaching(target) for curve in curves]
    costs = [
        curve.evaluations if count is None else count for count, curve in zip(counts, curves, strict=True)
    ]
    return Runs(np.array(costs, dtype=np.float64), np.array([count is not None for count in counts]))


@dataclass(frozen=True)
class Ratio:
    """How many times more evaluations another tool takes, with the interval of the confidence."""

    value: float
    low: float
    high: float


def ratio(pairs: Sequence[tuple[Runs, Runs]], rng: np.random.Generator) -> Ratio:
    """The geometric mean over problems of another tool's ERT over ours; pairs are ours and theirs.

    Runs are resampled within each problem and tool. Theirs are taken at the least where they have no success;
    a resample in which ours have none counts as 0.
    """
    samples = [_mean_ratio([(_again(a, rng), _again(b, rng)) for a, b in pairs]) for _ in range(RESAMPLES)]
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(samples, [tail, 1.0 - tail], method="inverted_cdf")
    return Ratio(_mean_ratio(pairs), float(low), float(high))


def _mean_ratio(pairs: Sequence[tuple[Runs, Runs]]) -> float:
    ratios = [theirs.least_running_time / ours.running_time for ours, theirs in pairs]
    return 0.0 if min(ratios) == 0.0 else float(np.exp(np.mean(np.log(ratios))))


def _again(runs: Runs, rng: np.random.Generator) -> Runs:
    return runs.chosen(rng.integers(len(runs.costs), size=len(runs.costs)))


def paired_test(ours: Sequence[Curve], theirs: Sequence[Curve], target: float) -> float:
    """The p-value of Wilcoxon's signed-rank test that both take the same evaluations to a target.

    Curves are paired: the same problem and the same warm-up sample. Both are cut at the smaller budget of the
    two; what has not reached the target by then counts as that budget. 1 where no pair differs.
    """
    costs: list[tuple[int, int]] = []
    for a, b in zip(ours, theirs, strict=True):
        budget = min(a.evaluations, b.evaluations)
        costs.append((min(a.reaching(target) or budget, budget), min(b.reaching(target) or budget, budget)))
    left, right = np.array(costs, dtype=np.float64).reshape(-1, 2).T
    if (left == right).all():
        return 1.0
    return float(stats.wilcoxon(left, right, zero_method="zsplit").pvalue)


def holm(values: Sequence[float]) -> list[float]:
    """P-values of several tests corrected by Holm's method."""
    order = np.argsort(values, kind="stable")
    corrected = np.empty(len(values))
    largest = 0.0
    for place, number in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - place) * values[number]))
        corrected[number] = largest
    return corrected.tolist()
