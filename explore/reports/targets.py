"""What forests learn for a report: each objective, and whether a point is feasible."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..encoding import encode
from ..extras import load
from ..history import signed_values
from ..models import FEATURE_SHARE
from ..space import Point
from .formatting import plural
from .record import StudyRecord

FEASIBILITY = "feasibility"
"""The name of the target that is 1 for feasible points and 0 for all others."""

FEWEST = 20
"""Fewer evaluations say nothing about importances: held-out parts would be of three points or less."""

FEWEST_OF_A_KIND = 5
"""Of feasible points, and of others, one is needed in each of five held-out parts."""

MOST = 1000
MOST_NUMBERS = 300_000
ALWAYS = 200
"""Of more evaluations, or so many that their columns hold more numbers, a random part is used, so that a
report takes seconds; but always so many."""


@dataclass(frozen=True)
class Target:
    """Something to learn from points; logarithms where all of it is above 0."""

    name: str
    points: tuple[Point, ...]
    rows: np.ndarray
    """The points, encoded."""

    values: np.ndarray
    """From 0 to 1, whatever the unit is: trees take tiny differences for none."""

    low: float = 0.0
    high: float = 1.0
    """What 0 and 1 stand for."""

    is_log: bool = False

    def restored(self, values: np.ndarray) -> np.ndarray:
        """Values from 0 to 1 in the target's own unit."""
        scaled = self.low + values * (self.high - self.low)
        return np.exp(scaled) if self.is_log else scaled

    @property
    def obstacle(self) -> str:
        """Why nothing can be learned; empty where something can."""
        if self.name == FEASIBILITY:
            return obstacle(self.values > 0, FEWEST, FEWEST_OF_A_KIND)
        if len(self.values) < FEWEST:
            return f"{plural(len(self.values), 'evaluation')} with values, at least {FEWEST} are needed"
        return "all values are equal" if np.ptp(self.values) == 0 else ""


def obstacle(feasible: np.ndarray, fewest: int, fewest_of_a_kind: int) -> str:
    """Why what is feasible cannot be told from what is not; empty where it can."""
    count, others = int(feasible.sum()), int((~feasible).sum())
    if 0 in (count, others):
        return f"{'no' if count == 0 else 'every'} evaluation was feasible"
    if count + others < fewest:
        return f"{plural(count + others, 'evaluation')}, at least {fewest} are needed"
    if min(count, others) < fewest_of_a_kind:
        needed = f"at least {fewest_of_a_kind} of each are needed"
        return f"{count:,} feasible and {others:,} infeasible evaluations, {needed}"
    return ""


def find_targets(record: StudyRecord, seed: int) -> tuple[Target, ...]:
    """The objectives in their order, then feasibility.

    Objectives are learned from all evaluations that have values, infeasible ones, too.
    """
    known = [evaluation for evaluation in record.evaluations if evaluation.values is not None]
    values = signed_values(known, record.objectives) * record.signs
    points = tuple(evaluation.point for evaluation in known)
    rows = encode(record.space, points) if points else np.zeros((0, 0))
    targets = [_scaled(o.name, points, rows, values[:, k]) for k, o in enumerate(record.objectives)]
    everywhere = tuple(trial.point for trial in record.trials)
    labels = record.feasible.astype(np.float64)
    targets.append(Target(FEASIBILITY, everywhere, encode(record.space, everywhere), labels))
    return tuple(_thinned(target, seed) for target in targets)


def _scaled(name: str, points: tuple[Point, ...], rows: np.ndarray, values: np.ndarray) -> Target:
    if len(values) == 0:
        return Target(name, points, rows, values)
    is_log = bool((values > 0).all())
    scaled = np.log(values) if is_log else values
    low, high = float(scaled.min()), float(scaled.max())
    return Target(name, points, rows, (scaled - low) / ((high - low) or 1.0), low, high, is_log)


def _thinned(target: Target, seed: int) -> Target:
    """The target with as many points as forests learn from in a few seconds."""
    most = min(MOST, max(ALWAYS, MOST_NUMBERS // max(target.rows.shape[1], 1)))
    if len(target.points) <= most:
        return target
    kept = np.sort(np.random.default_rng(seed).choice(len(target.points), most, replace=False))
    points = tuple(target.points[index] for index in kept)
    return replace(target, points=points, rows=target.rows[kept], values=target.values[kept])


def grow_trees(rows: np.ndarray, values: np.ndarray, trees: int, seed: int) -> Any:
    """The trees of a random forest; for feasibility they predict its chance."""
    forest = load("sklearn.ensemble").RandomForestRegressor(
        trees, max_features=FEATURE_SHARE, min_samples_leaf=2, random_state=seed
    )
    return forest.fit(rows, values).estimators_


def ask_trees(trees: Any, rows: np.ndarray) -> np.ndarray:
    """What each tree says: an array of one row per tree."""
    rows = rows.astype(np.float32)  # what trees work on; they need not look at it again
    return np.stack([tree.predict(rows, check_input=False) for tree in trees])
