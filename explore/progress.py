"""How long ago an evaluation brought something worth the name: the front grew, or an end of it moved.

Slivers do not count, but add up: a front is held against the one that counted last.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .pareto import hypervolume

LEAST_GROWTH = 0.003
"""A front has grown where its hypervolume has, relative to what it was, by more than this."""

LEAST_MOVE = 0.01
"""An end has moved where it is better by more than this share of the range."""


@dataclass
class Progress:
    """What the evaluations have brought so far; objectives are minimised."""

    capacities: np.ndarray
    """The worst value of any use of each objective; infinity where none is known."""

    grown: int = 0
    """How many evaluations there were when the front grew last."""

    moved: int = 0
    """How many there were when an end of the front moved last."""

    _front: np.ndarray = field(init=False, repr=False)
    _ends: np.ndarray = field(init=False, repr=False)
    _usual: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._front = np.empty((0, len(self.capacities)))
        self._ends = np.full(len(self.capacities), np.inf)
        self._usual = np.zeros(len(self.capacities))

    def note(self, front: np.ndarray, feasible: np.ndarray, evaluations: int) -> None:
        """Take in a front that has changed, with all feasible values, after so many evaluations.

        The range of an objective is that of the front. Where it has one value only, as for a single
        objective, it is the largest distance that a best value has had from the median of the feasible ones.
        Volumes reach one range beyond the front.
        """
        best, worst = front.min(0), front.max(0)
        self._usual = np.maximum(self._usual, np.median(feasible, axis=0) - best)
        span = np.where(worst > best, worst - best, np.where(self._usual > 0, self._usual, 1.0))
        if (self._ends - best > LEAST_MOVE * span).any():
            self._ends, self.moved = best, evaluations
        reference = np.minimum((self.capacities - worst) / span, 1.0)
        before, now = (hypervolume((values - worst) / span, reference) for values in (self._front, front))
        if now > (1.0 + LEAST_GROWTH) * before:
            self._front, self.grown = front, evaluations
