"""What a report is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..about import About
from ..history import Evaluation, Objective
from ..outcome import Trial
from ..space import Space

LARGEST = 1e60
"""Volumes of larger numbers are beyond what a computer holds; they stand for infinity."""


@dataclass(frozen=True)
class StudyRecord:
    """A study as it stands: what it looks for, and the evaluations that have ended."""

    name: str
    space: Space
    objectives: tuple[Objective, ...]
    trials: tuple[Trial, ...]
    about: About = field(default_factory=About)

    @cached_property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """What came of each trial; objectives that are no numbers, or beyond `LARGEST`, count as none."""
        return tuple(_evaluation(trial) for trial in self.trials)

    @cached_property
    def feasible(self) -> np.ndarray:
        """For each trial whether it is feasible."""
        return np.array([evaluation.feasible for evaluation in self.evaluations], dtype=bool)

    @cached_property
    def signs(self) -> np.ndarray:
        """What turns each objective into one to minimise."""
        return np.array([objective.sign for objective in self.objectives])


def _evaluation(trial: Trial) -> Evaluation:
    evaluation = trial.outcome.evaluation(trial.point)
    if evaluation.values is None or _all_usable(evaluation.values):
        return evaluation
    return Evaluation(trial.point, None, evaluation.slacks, False)


def _all_usable(values: Sequence[float]) -> bool:
    return all(abs(value) <= LARGEST for value in values)
