"""Forests: regressors of objectives and the classifier of feasibility."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .extras import load

TREES = 10
FEATURE_SHARE = 0.75
"""The paper's trees per forest and share of the columns that a split may use (arXiv 1810.05236)."""

FEASIBLE_WEIGHT = 0.8
"""The weight of a feasible sample in the classifier, of 1 for both kinds: the paper takes 0.75 to 0.9, since
a lost good point costs more than a wasted evaluation."""


NOISE_SHARES = np.geomspace(1e-2, 1.0, 9)
"""What the trees do not know, as shares of the deviation of the targets: the likeliest is taken."""


@dataclass(frozen=True)
class Forest:
    """A random-forest regressor."""

    trees: tuple[Any, ...]
    noise: float = 0.0
    """The standard deviation of what targets differ by where all trees agree."""

    def predict(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean and the standard deviation of what the trees say, and of the noise."""
        answers = self._answers(rows)
        return answers.mean(0), np.sqrt(answers.var(0) + self.noise**2)

    def _answers(self, rows: np.ndarray) -> np.ndarray:
        rows = rows.astype(np.float32)  # what trees work on; they need not look at it again
        return np.stack([tree.predict(rows, check_input=False) for tree in self.trees])

    def left_out(self, rows: np.ndarray, uses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each row, the mean and the deviation of the trees that were grown without it.

        `uses` says for each tree (row) which rows it has seen (columns). All trees answer where none was.
        """
        outside = ~uses | uses.all(0)
        answers = np.ma.array(self._answers(rows), mask=~outside)
        return np.asarray(answers.mean(0)), np.sqrt(np.asarray(answers.var(0)))


def fit_forest(rows: np.ndarray, targets: np.ndarray, seed: int, trees: int = TREES) -> Forest:
    """A forest that predicts targets from encoded points; what it predicts without noise.

    Trees are grown one by one since the library's forest spends most of its time on checks.
    """
    return _grow(rows, targets, seed, trees)[0]


def judge_forest(
    rows: np.ndarray, targets: np.ndarray, trees: int
) -> tuple[float, tuple[np.ndarray, np.ndarray]]:
    """The likeliest noise of a forest, and what it predicts of each row with the trees grown without it."""
    forest, uses = _grow(rows, targets, 0, trees)
    mean, deviation = forest.left_out(rows, uses)
    noises = NOISE_SHARES * (float(targets.std()) or 1.0)
    scores = [log_density(targets, mean, np.hypot(deviation, noise)) for noise in noises]
    noise = float(noises[int(np.argmax(scores))])
    return noise, (mean, np.hypot(deviation, noise))


def log_density(targets: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> float:
    """The logarithm of the density of targets that are independent and normal, but for a constant."""
    return float(-(0.5 * ((targets - mean) / deviation) ** 2 + np.log(deviation)).sum())


def _grow(rows: np.ndarray, targets: np.ndarray, seed: int, trees: int) -> tuple[Forest, np.ndarray]:
    """A forest, and for each of its trees which rows it has seen."""
    grow, rng = load("sklearn.tree").DecisionTreeRegressor, np.random.default_rng(seed)
    rows, values = rows.astype(np.float32), targets.astype(np.float64)[:, None]
    grown: list[Any] = []
    times = np.stack(
        [np.bincount(rng.integers(len(rows), size=len(rows)), minlength=len(rows)) for _ in range(trees)]
    )
    for weights in times:
        tree = grow(max_features=FEATURE_SHARE, random_state=int(rng.integers(2**31)))
        grown.append(tree.fit(rows, values, sample_weight=weights.astype(np.float64), check_input=False))
    return Forest(tuple(grown)), times > 0


@dataclass(frozen=True)
class Classifier:
    """A forest that classifies feasibility; `certain` where it has seen one kind of answer only."""

    trees: tuple[Any, ...]
    certain: float | None

    def probability(self, rows: np.ndarray) -> np.ndarray:
        """The chance of each row to be feasible."""
        if self.certain is not None:
            return np.full(len(rows), self.certain)
        rows = rows.astype(np.float32)
        return np.mean([tree.predict_proba(rows, check_input=False)[:, 1] for tree in self.trees], axis=0)


def fit_classifier(rows: np.ndarray, feasible: np.ndarray, seed: int, trees: int = TREES) -> Classifier:
    """A random forest tuned for recall, each tree grown from as many rows drawn with replacement.

    Trees are grown one by one since the library's forest spends most of its time on checks.
    """
    if feasible.all() or not feasible.any():
        return Classifier((), 1.0 if feasible.all() else 0.0)
    grow, rng = load("sklearn.tree").DecisionTreeClassifier, np.random.default_rng(seed)
    rows, labels = rows.astype(np.float32), feasible.astype(np.float64)[:, None]
    weights = np.where(feasible, FEASIBLE_WEIGHT, 1.0 - FEASIBLE_WEIGHT)
    grown: list[Any] = []
    for _ in range(trees):
        times = np.bincount(rng.integers(len(rows), size=len(rows)), minlength=len(rows))
        if not times[feasible].any() or not times[~feasible].any():
            times += 1  # a tree must know both kinds
        tree = grow(max_features=FEATURE_SHARE, random_state=int(rng.integers(2**31)))
        grown.append(tree.fit(rows, labels, sample_weight=weights * times, check_input=False))
    return Classifier(tuple(grown), None)
