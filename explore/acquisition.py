"""What an evaluation is expected to add to the front (expected hypervolume improvement, EHVI), and how far it
is expected to move an end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .extras import load
from .gaussian import blocks
from .pareto import hypervolume

LARGEST_EXPONENT = 700.0
"""Of e, in double precision."""


def expected_improvement(
    mean: np.ndarray,
    deviation: np.ndarray,
    boxes: tuple[np.ndarray, np.ndarray],
    reference: np.ndarray,
    logs: Sequence[bool] | None = None,
) -> np.ndarray:
    """The expected added hypervolume of candidates (rows) with independent normal objectives (columns).

    Exact for any number of objectives: the sum over the boxes not dominated yet (see `open_boxes`); in each,
    the product over the objectives of the expected part of the box's side that a candidate would cover.

    Where `logs` says so, an objective is given by its logarithm, and the hypervolume is that of the objective
    itself, in units of the reference point.
    """
    lower, upper = boxes
    ends = [
        np.unique(np.append(upper[:, k], lower[:, k]) - reference[k], return_inverse=True)
        for k in range(mean.shape[1])
    ]
    gain = np.empty(len(mean))
    for block in blocks(len(mean)):
        total = np.ones((1, 1))
        for k, (levels, places) in enumerate(ends):  # boxes share most of their ends
            expected = _expected_below_exp if logs is not None and logs[k] else _expected_below
            below = expected(mean[block, k] - reference[k], deviation[block, k], levels)
            total = total * (below[:, places[: len(upper)]] - below[:, places[len(upper) :]])
        gain[block] = total.sum(axis=1)
    return np.maximum(gain, 0.0)


def size_of_front(front: np.ndarray, reference: np.ndarray, logs: Sequence[bool]) -> float:
    """What an expected improvement is a share of: the hypervolume of the front, in the same units.

    With one objective it is the size of the best value.
    """
    shifted = front - reference
    if len(front) == 0:
        return 0.0
    if front.shape[1] == 1:
        return float(np.exp(shifted.min()) if logs[0] else abs(front.min()))
    columns = [np.expm1(column) if log else column for column, log in zip(shifted.T, logs, strict=True)]
    return hypervolume(np.column_stack(columns), np.zeros(len(columns)))


def expected_move(mean: np.ndarray, deviation: np.ndarray, ends: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """How far candidates (rows) are expected to improve the best value of an objective (columns).

    In units of `spans`, and of the objective whose end is expected to move most.
    """
    below = [
        _expected_below(mean[:, k], deviation[:, k], ends[k : k + 1])[:, 0] / spans[k]
        for k in range(mean.shape[1])
    ]
    return np.max(below, axis=0)


def doubted(log_probability: np.ndarray, doubt: float) -> np.ndarray:
    """The logarithms of probabilities p, as far as they are trusted: of (1 - doubt log p) ^ (-1 / doubt).

    Without doubt that is p. With some, the order stays, but what was as good as impossible is not any more,
    however sure the models are: from an exponential of log p it becomes a power.
    """
    return log_probability if doubt == 0.0 else -np.log1p(-doubt * log_probability) / doubt


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
    center, spread = mean[:, None], deviation[:, None]
    scores = (finite[None] - center) / spread
    whole = center + 0.5 * spread**2
    if whole.max(initial=0.0) < LARGEST_EXPONENT:
        part = np.exp(whole) * special.ndtr(scores - spread)
    else:  # slower, and of no use elsewhere
        part = np.exp(whole + special.log_ndtr(scores - spread))
    return np.where(np.isfinite(levels)[None], np.exp(finite) * special.ndtr(scores) - part, 0.0)
