"""Expected hypervolume improvement (EHVI): what an evaluation is expected to add to the front."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .extras import load
from .pareto import open_boxes


def expected_improvement(
    mean: np.ndarray,
    deviation: np.ndarray,
    front: np.ndarray,
    reference: np.ndarray,
    logs: Sequence[bool] | None = None,
) -> np.ndarray:
    """The expected added hypervolume of candidates (rows) with independent normal objectives (columns).

    Exact for any number of objectives: the sum over the boxes not dominated yet; in each, the product over
    the objectives of the expected part of the box's side that a candidate would cover.

    Where `logs` says so, an objective is given by its logarithm, and the hypervolume is that of the objective
    itself, in units of the reference point.
    """
    lower, upper = open_boxes(front, reference)
    total = np.ones((len(mean), len(lower)))
    for k, log in enumerate(logs or [False] * mean.shape[1]):
        expected = _expected_below_exp if log else _expected_below
        ends, boxes = np.unique(upper[:, k] - reference[k], return_inverse=True)
        starts, below = np.unique(lower[:, k] - reference[k], return_inverse=True)
        side = expected(mean[:, k] - reference[k], deviation[:, k], ends)[:, boxes]
        total *= side - expected(mean[:, k] - reference[k], deviation[:, k], starts)[:, below]
    return np.maximum(total.sum(axis=1), 0.0)


def _expected_below(mean: np.ndarray, deviation: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The expectation of how far a normal variable is below some levels, 0 where it is above."""
    finite = np.where(np.isfinite(levels), levels, 0.0)
    distance = finite[None] - mean[:, None]
    scores = distance / deviation[:, None]
    density = np.exp(-0.5 * scores**2) / np.sqrt(2.0 * np.pi)
    below = distance * load("scipy.special").ndtr(scores) + deviation[:, None] * density
    return np.where(np.isfinite(levels)[None], below, 0.0)


def _expected_below_exp(mean: np.ndarray, deviation: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The same for the exponential of a normal variable; levels are given by their logarithms."""
    special = load("scipy.special")
    finite = np.where(np.isfinite(levels), levels, 0.0)
    scores = (finite[None] - mean[:, None]) / deviation[:, None]
    center, spread = mean[:, None], deviation[:, None]
    part = np.exp(center + 0.5 * spread**2 + special.log_ndtr(scores - spread))
    return np.where(np.isfinite(levels)[None], np.exp(finite) * special.ndtr(scores) - part, 0.0)
