"""Expected hypervolume improvement (EHVI): what an evaluation is expected to add to the front."""

from __future__ import annotations

import numpy as np

from .extras import load
from .pareto import open_boxes


def expected_improvement(
    mean: np.ndarray, deviation: np.ndarray, front: np.ndarray, reference: np.ndarray
) -> np.ndarray:
    """The expected added hypervolume of candidates (rows) with independent normal objectives (columns).

    Exact for any number of objectives: the sum over the boxes not dominated yet; in each, the product over
    the objectives of the expected part of the box's side that a candidate would cover.
    """
    lower, upper = open_boxes(front, reference)
    total = np.ones((len(mean), len(lower)))
    for objective in range(mean.shape[1]):
        ends, boxes = np.unique(upper[:, objective], return_inverse=True)
        starts, below = np.unique(lower[:, objective], return_inverse=True)
        side = _expected_below(mean[:, objective], deviation[:, objective], ends)[:, boxes]
        total *= side - _expected_below(mean[:, objective], deviation[:, objective], starts)[:, below]
    return np.maximum(total.sum(axis=1), 0.0)


def _expected_below(mean: np.ndarray, deviation: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The expectation of how far a normal variable is below some levels, 0 where it is above."""
    finite = np.where(np.isfinite(levels), levels, 0.0)
    distance = finite[None] - mean[:, None]
    scores = distance / deviation[:, None]
    density = np.exp(-0.5 * scores**2) / np.sqrt(2.0 * np.pi)
    below = distance * load("scipy.special").ndtr(scores) + deviation[:, None] * density
    return np.where(np.isfinite(levels)[None], below, 0.0)
