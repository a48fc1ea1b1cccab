"""Runs of search tools: the hypervolume ratio after every evaluation, infeasible ones counted.

All tools begin with the same warm-up sample of a problem and seed. A point that breaks a known constraint,
or that a tool has asked for before, is answered without being counted: whoever has the formula at hand, or a
list of results, need not evaluate it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from problems import Answer, Problem

from kl.explore.history import Objective
from kl.explore.optimizer import Optimizer, Settings
from kl.explore.parameters import Value
from kl.explore.pareto import hypervolume, non_dominated
from kl.explore.space import Point

DEFAULTS = Settings()

TARGETS = (0.90, 0.95, 0.99)
"""Shares of the exact hypervolume."""

Told = Literal["slacks", "flags", "failures"]
"""What a tool learns of an infeasible point: objectives and slacks, objectives, or only that it failed."""


@dataclass(frozen=True)
class Curve:
    """How a run went: the evaluations at which the hypervolume ratio grew, and the ratios from there on."""

    steps: tuple[tuple[int, float], ...]
    evaluations: int
    """How many evaluations there were; a tool that stopped early is counted with what it was allowed."""

    def reaching(self, target: float) -> int | None:
        """The evaluations up to a ratio; None where the run has not reached it."""
        return next((count for count, ratio in self.steps if ratio >= target), None)

    def ratio(self, evaluations: int) -> float:
        """The ratio after some evaluations."""
        return max((ratio for count, ratio in self.steps if count <= evaluations), default=0.0)


@dataclass
class Record:
    """Evaluates points of a problem and notes how the hypervolume grows."""

    problem: Problem
    budget: int
    enough: float = 1.0
    """The ratio at which the run ends."""
    evaluations: int = 0
    steps: list[tuple[int, float]] = field(default_factory=list)
    _answers: dict[object, Answer] = field(default_factory=dict)
    front: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.front = np.empty((0, len(self.problem.reference)))

    @property
    def is_over(self) -> bool:
        """Whether the budget is spent, or enough of the hypervolume found."""
        return self.evaluations >= self.budget or (
            bool(self.steps) and self.steps[-1][1] >= self.enough - 1e-9
        )

    def evaluate(self, point: Mapping[str, Value]) -> Answer:
        """The objectives and the slacks of a point; what is known already costs nothing."""
        key = self.problem.space.key(point)
        if key not in self._answers:
            self._answers[key] = self.problem.evaluate(point)
            self.evaluations += 1
            if self._answers[key].feasible:
                self._grow(np.array([self._answers[key].values]))
        return self._answers[key]

    def _grow(self, row: np.ndarray) -> None:
        if (self.front <= row).all(axis=1).any():
            return
        front = np.concatenate([self.front, row])
        self.front = front[non_dominated(front)]
        ratio = hypervolume(self.front, np.array(self.problem.reference)) / self.problem.volume
        if ratio > (self.steps[-1][1] if self.steps else 0.0):
            self.steps.append((self.evaluations, float(ratio)))

    def curve(self) -> Curve:
        """What came of it."""
        return Curve(tuple(self.steps), self.budget)


def warm_up(problem: Problem, seed: int) -> list[Point]:
    """The sample that all tools begin with, drawn by the priors: twice the parameters plus 2, at least 10."""
    rng = np.random.default_rng((seed, 1))
    points: dict[object, Point] = {}
    while len(points) < max(2 * len(problem.space.parameters) + 2, 10):
        (point,) = problem.space.sample_prior(rng, 1)
        points[problem.space.key(point)] = point
    return list(points.values())


def run_optimizer(
    problem: Problem,
    seed: int,
    budget: int,
    settings: Settings = DEFAULTS,
    batch: int = 1,
    told: Told = "slacks",
    enough: float = 1.0,
    *,
    knows_reference: bool = False,
) -> Curve:
    """A run of the explorer; whether it is told the reference point as capacities."""
    limits = problem.reference if knows_reference else [None] * len(problem.reference)
    goals = [Objective(f"f{k}", capacity=limit) for k, limit in enumerate(limits)]
    optimizer = Optimizer(problem.space, goals, np.random.default_rng((seed, 2)), settings)
    record = Record(problem, budget, enough)

    def tell(point: Point) -> None:
        answer = record.evaluate(point)
        known = None if told == "failures" and not answer.feasible else answer.values
        slacks = answer.slacks if told == "slacks" else None
        optimizer.tell(point, known, slacks, feasible=answer.feasible)

    for point in warm_up(problem, seed):
        tell(point)
    while not record.is_over:
        points = optimizer.ask(batch)
        if not points:
            break
        for point in points:
            tell(point)
    return record.curve()


def run_random(problem: Problem, seed: int) -> Curve:
    """All points that satisfy the known constraints in random order, behind the warm-up sample."""
    record = Record(problem, problem.size)
    for point in warm_up(problem, seed):
        record.evaluate(point)
    values, feasible = problem.outcomes
    order = np.random.default_rng((seed, 3)).permutation(len(values))
    volume, reference, front = problem.volume, np.array(problem.reference), record.front
    good = feasible[order] & (values[order] < reference).all(axis=1)
    for place in np.flatnonzero(good):
        row = values[order[place]]
        if (front <= row).all(axis=1).any():
            continue
        front = np.concatenate([front[~(row <= front).all(axis=1)], row[None]])
        ratio = hypervolume(front, reference) / volume
        record.steps.append((record.evaluations + int(place) + 1, float(ratio)))
        if ratio >= 1 - 1e-9:
            break
    return record.curve()
