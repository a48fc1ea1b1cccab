"""The predicted front: one round of Algorithm 1 of "Practical Design Space Exploration" (arXiv 1810.05236).

Predict all points that have not been evaluated, drop those predicted infeasible, and evaluate the predicted
Pareto set. Evaluated points are not candidates any more, so the next round finds the layer behind.
"""

from __future__ import annotations

import numpy as np

from .pareto import non_dominated

THRESHOLD = 0.5
"""A point counts as feasible from this probability on."""


def predicted_front(values: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """The numbers of the candidates on the predicted front, given predicted objectives and feasibility."""
    feasible = np.flatnonzero(probability >= THRESHOLD)
    if len(feasible) == 0:
        return feasible
    return feasible[non_dominated(values[feasible])]


def choose_batch(
    values: np.ndarray, probability: np.ndarray, batch: int, rng: np.random.Generator
) -> np.ndarray:
    """The numbers of the candidates to evaluate next: a draw from the predicted front if it has more than
    `batch` points, or else all of it and random candidates.
    """
    front = predicted_front(values, probability)
    if len(front) > batch:
        return rng.choice(front, batch, replace=False)
    others = np.setdiff1d(np.arange(len(values)), front)
    more = min(batch - len(front), len(others))
    return np.concatenate([front, rng.choice(others, more, replace=False)])
