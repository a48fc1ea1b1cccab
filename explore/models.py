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
    """A random-forest classifier of feasibility; `certain` where it has seen one kind of answer only."""

    forest: Any
    certain: float | None

    def probability(self, rows: np.ndarray) -> np.ndarray:
        """The chance of each row to be feasible."""
        if self.certain is not None:
            return np.full(len(rows), self.certain)
        rows = rows.astype(np.float32)
        answers = [tree.predict_proba(rows, check_input=False)[:, 1] for tree in self.forest.estimators_]
        return np.mean(answers, axis=0)


def fit_classifier(rows: np.ndarray, feasible: np.ndarray, seed: int, trees: int = TREES) -> Classifier:
    """A classifier tuned for recall."""
    if feasible.all() or not feasible.any():
        return Classifier(None, 1.0 if feasible.all() else 0.0)
    forest = load("sklearn.ensemble").RandomForestClassifier(
        trees,
        max_features=FEATURE_SHARE,
        class_weight={False: 1.0 - FEASIBLE_WEIGHT, True: FEASIBLE_WEIGHT},
        random_state=seed,
    )
    return Classifier(forest.fit(rows, feasible), None)
