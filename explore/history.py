"""What an optimizer has been told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Literal, overload

import numpy as np

from .encoding import encode
from .progress import Progress
from .space import Point, Space

Goal = Literal["minimise", "maximise"]


@dataclass(frozen=True)
class Objective:
    """Something to make small or large.

    `capacity` is the worst value of any use, such as the size of the machine: the search covers the front up
    to there. Without it, the ends of the front are searched until they move no more.
    """

    name: str
    goal: Goal = "minimise"
    capacity: float | None = None

    @property
    def sign(self) -> float:
        """What turns a value into one to minimise."""
        return 1.0 if self.goal == "minimise" else -1.0

    @property
    def limit(self) -> float:
        """The capacity of an objective to be minimised; infinity where there is none."""
        return np.inf if self.capacity is None else self.capacity * self.sign


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


class History(Sequence[Evaluation]):
    """Evaluations in the order in which they were told, and what is kept up to date with each: the front, and
    arrays for models.
    """

    def __init__(self, space: Space, objectives: Sequence[Objective], evaluations: Iterable[Evaluation] = ()):
        self.space = space
        self.objectives = tuple(objectives)
        self.front: list[Evaluation] = []
        """The feasible evaluations that no other dominates, all of equal ones included."""
        self.progress = Progress(np.array([goal.limit for goal in self.objectives]))
        self.front_values = np.empty((0, len(self.objectives)))
        """Their objectives, to be minimised: one row each."""
        self._feasible_values: list[np.ndarray] = []
        self._evaluations: list[Evaluation] = []
        self._rows = encode(space, ())
        for evaluation in evaluations:
            self.add(evaluation)

    def __len__(self) -> int:
        return len(self._evaluations)

    def __iter__(self) -> Iterator[Evaluation]:
        return iter(self._evaluations)

    @overload
    def __getitem__(self, index: int) -> Evaluation: ...
    @overload
    def __getitem__(self, index: slice) -> list[Evaluation]: ...
    def __getitem__(self, index: int | slice) -> Evaluation | list[Evaluation]:
        return self._evaluations[index]

    @property
    def rows(self) -> np.ndarray:
        """The encodings of all points."""
        new = self._evaluations[len(self._rows) :]
        if new:
            self._rows = np.concatenate([self._rows, encode(self.space, [known.point for known in new])])
        return self._rows

    def add(self, evaluation: Evaluation) -> None:
        """Take in one more."""
        self._evaluations.append(evaluation)
        if evaluation.feasible:
            self._grow_front(evaluation)

    def _grow_front(self, evaluation: Evaluation) -> None:
        row = signed_values([evaluation], self.objectives)
        self._feasible_values.append(row[0])
        below = (self.front_values <= row).all(axis=1)
        equal = (self.front_values == row).all(axis=1)
        if (below & ~equal).any():
            return
        keep = equal | ~(row <= self.front_values).all(axis=1)
        self.front = [*compress(self.front, keep), evaluation]
        self.front_values = np.concatenate([self.front_values[keep], row])
        self.progress.note(self.front_values, np.array(self._feasible_values), len(self))
