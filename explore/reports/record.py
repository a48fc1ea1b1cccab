"""What a report is made from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..about import About
from ..history import Evaluation, Objective
from ..outcome import Trial, without_repeats
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
    repeated: int = 0
    """How many evaluations of a point that is there already have been left out."""

    def counted(self) -> StudyRecord:
        """The record with each point once, however often it was evaluated."""
        trials = without_repeats(self.space, self.trials)
        return replace(self, trials=trials, repeated=self.repeated + len(self.trials) - len(trials))

    @cached_property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """What came of each trial; objectives that are no numbers, or beyond `LARGEST`, count as none."""
        return tuple(_evaluation(trial) for trial in self.trials)

    @cached_property
    def feasible(self) -> np.ndarray:
        """For each trial whether it is feasible."""
        return np.array([evaluation.feasible for evaluation in self.evaluations], dtype=bool)

    def turned(self, index: int) -> int:
        """How many parameters a trial has otherwise than the usual point, where the study names one."""
        usual = self.about.defaults[0][1] if self.about.defaults else {}
        point = self.trials[index].point
        return sum(point.get(name) != usual.get(name) for name in {**point, **usual}) if usual else 0

    @cached_property
    def signs(self) -> np.ndarray:
        """What turns each objective into one to minimise."""
        return np.array([objective.sign for objective in self.objectives])


def _evaluation(trial: Trial) -> Evaluation:
    evaluation = trial.outcome.evaluation(trial.point)
    if all(abs(value) <= LARGEST for value in evaluation.values or ()):
        return evaluation
    return Evaluation(trial.point, None, evaluation.slacks, False)
