"""What an optimizer has been told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .space import Point

Goal = Literal["minimise", "maximise"]


@dataclass(frozen=True)
class Objective:
    """Something to make small or large.

    `capacity` is the worst value of any use, such as the size of the machine: the search covers the front up
    to there. Without it, the worst feasible value seen takes its place.
    """

    name: str
    goal: Goal = "minimise"
    capacity: float | None = None

    @property
    def sign(self) -> float:
        """What turns a value into one to minimise."""
        return 1.0 if self.goal == "minimise" else -1.0


@dataclass(frozen=True)
class Evaluation:
    """A point and what came of it."""

    point: Point
    values: tuple[float, ...] | None
    """The objectives as told; None where there are none, since the evaluation failed."""

    slacks: Mapping[str, float]
    """For each resource what is used minus what there is; above 0 is too much."""

    feasible: bool

    @property
    def is_explained(self) -> bool:
        """Whether a slack says why the point is infeasible."""
        return any(slack > 0 for slack in self.slacks.values())


def signed_values(evaluations: Sequence[Evaluation], objectives: Sequence[Objective]) -> np.ndarray:
    """The objectives of evaluations that have some, to be minimised: one row each."""
    rows = [evaluation.values for evaluation in evaluations if evaluation.values is not None]
    signs = np.array([objective.sign for objective in objectives])
    return np.asarray(rows, dtype=np.float64).reshape(-1, len(objectives)) * signs
