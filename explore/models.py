"""Forests: regressors of objectives and the classifier of feasibility."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import MissingExtraError
from .extras import load

TREES = 10
FEATURE_SHARE = 0.75
"""The paper's trees per forest and share of the columns that a split may use (arXiv 1810.05236)."""

FEASIBLE_WEIGHT = 0.8
"""The weight of a feasible sample in the classifier, of 1 for both kinds: the paper takes 0.75 to 0.9, since
a lost good point costs more than a wasted evaluation."""


@dataclass(frozen=True)
class Forest:
    """A random-forest regressor."""

    regressor: Any

    def predict(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean and the standard deviation of what the trees say."""
        rows = rows.astype(np.float32)  # what trees work on; they need not look at it again
        answers = np.stack([tree.predict(rows, check_input=False) for tree in self.regressor.estimators_])
        return answers.mean(0), answers.std(0)


def fit_forest(rows: np.ndarray, targets: np.ndarray, seed: int) -> Forest:
    """A forest that predicts targets from encoded points."""
    regressor = load("sklearn.ensemble").RandomForestRegressor(
        TREES, max_features=FEATURE_SHARE, random_state=seed
    )
    return Forest(regressor.fit(rows, targets))


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
        return np.mean([tree.predict(rows)[:, 1] for tree in self.trees], axis=0)


def fit_classifier(rows: np.ndarray, feasible: np.ndarray, seed: int, trees: int = TREES) -> Classifier:
    """A random forest tuned for recall, each tree grown from as many rows drawn with replacement.

    Trees are grown one by one since the library's forest spends most of its time on checks.
    """
    if feasible.all() or not feasible.any():
        return Classifier((), 1.0 if feasible.all() else 0.0)
    rng = np.random.default_rng(seed)
    rows, labels = rows.astype(np.float32), feasible.astype(np.float64)[:, None]
    weights = np.where(feasible, FEASIBLE_WEIGHT, 1.0 - FEASIBLE_WEIGHT)
    grown: list[Any] = []
    for _ in range(trees):
        times = np.bincount(rng.integers(len(rows), size=len(rows)), minlength=len(rows))
        if not times[feasible].any() or not times[~feasible].any():
            times += 1  # a tree must know both kinds
        grown.append(_grow(rows, labels, weights * times, int(rng.integers(2**31))))
    return Classifier(tuple(grown), None)


def _grow(rows: np.ndarray, labels: np.ndarray, weights: np.ndarray, seed: int) -> Any:
    """The tree that the library's classifier grows, by its parts: its checks take longer than they.

    Where a release of the library has other parts, by the classifier itself.
    """
    try:
        trees, kinds = load("sklearn.tree._tree"), np.array([2], dtype=np.intp)
        gini = load("sklearn.tree._criterion").Gini(1, kinds)
        columns, rng = max(1, int(FEATURE_SHARE * rows.shape[1])), np.random.RandomState(seed)
        splitter = load("sklearn.tree._splitter").BestSplitter(gini, columns, 1, 0.0, rng, None)
        tree = trees.Tree(rows.shape[1], kinds, 1)
        builder = trees.DepthFirstTreeBuilder(splitter, 2, 1, 0.0, np.iinfo(np.int32).max, 0.0)
        builder.build(tree, rows, labels, weights, None)
        return tree
    except (MissingExtraError, AttributeError, TypeError):
        tree = load("sklearn.tree").DecisionTreeClassifier(max_features=FEATURE_SHARE, random_state=seed)
        return tree.fit(rows, labels, sample_weight=weights, check_input=False).tree_
