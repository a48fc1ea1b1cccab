"""The reference point: the worst values up to which a front is searched. Objectives are minimised."""

from __future__ import annotations

import numpy as np

OUTLIER = 1.5
"""Beyond the upper quartile by so many times the distance of the quartiles, a value is an outlier (Tukey)."""

SETTLING = 10
"""After so many evaluations that have moved no end, the reference point is half the way back to the front,
and half as many points search ends."""

MARGIN = 0.1
"""It is always at least this share of the front's range beyond the front."""


def usual_worst(measured: np.ndarray) -> np.ndarray:
    """The worst of the values, one row each, that are no outliers."""
    low, high = np.quantile(measured, (0.25, 0.75), axis=0)
    return np.minimum(measured.max(0), high + OUTLIER * (high - low))


def reference_point(measured: np.ndarray, front: np.ndarray, settled: int) -> np.ndarray:
    """A reference point where no capacity is known.

    At first it is as bad as anything measured, feasible or not: the ends of the front count. It nears the
    front while evaluations, `settled` of them so far, move no end.
    """
    known = front if len(front) else measured
    worst, best = known.max(0), known.min(0)
    margin = MARGIN * np.where(worst > best, worst - best, 1.0)
    return worst + np.maximum(margin, (usual_worst(measured) - worst) / (1.0 + settled / SETTLING))
