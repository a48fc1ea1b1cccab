"""Constrained problems with two objectives on grids, small enough to enumerate: their fronts are exact.

Each comes with a fixed reference point, the worst corner of all feasible points' rounded bounds, so that
hypervolumes can be compared between tools and runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from math import sqrt

import numpy as np

from kl.explore.parameters import Ordinal, Value
from kl.explore.pareto import hypervolume, non_dominated
from kl.explore.space import Space

Formula = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Problem:
    """A problem on a grid; both objectives are minimised.

    The formula takes points as columns of an array and gives objectives and slacks as columns; a point is
    feasible where no slack is above 0.
    """

    name: str
    axes: tuple[tuple[float, ...], ...]
    formula: Formula
    reference: tuple[float, float]

    @cached_property
    def space(self) -> Space:
        """The grid as a search space of ordinals x0, x1, ..."""
        return Space(tuple(Ordinal(f"x{index}", axis) for index, axis in enumerate(self.axes)))

    def evaluate(self, point: Mapping[str, Value]) -> tuple[tuple[float, ...], dict[str, float]]:
        """The objectives and the slacks of a point."""
        column = np.array([[float(point[f"x{index}"])] for index in range(len(self.axes))])  # pyright: ignore[reportArgumentType]  # ordinals of numbers
        values, slacks = self.formula(column)
        named = {f"g{index}": float(slack) for index, slack in enumerate(slacks[:, 0])}
        return tuple(map(float, values[:, 0])), named

    @cached_property
    def feasible_values(self) -> np.ndarray:
        """The objectives of all feasible points, one row each."""
        grids = np.meshgrid(*self.axes, indexing="ij")
        values, slacks = self.formula(np.stack([grid.ravel() for grid in grids]))
        return values[:, (slacks <= 0).all(axis=0)].T

    @property
    def size(self) -> int:
        """How many points the grid has."""
        return int(np.prod([len(axis) for axis in self.axes]))

    @cached_property
    def front(self) -> np.ndarray:
        """The exact front: its different objective vectors, one row each."""
        values = self.feasible_values
        return np.unique(values[non_dominated(values)], axis=0)

    @cached_property
    def volume(self) -> float:
        """The hypervolume of the exact front."""
        return hypervolume(self.front, np.array(self.reference))


def _axis(low: float, high: float, points: int) -> tuple[float, ...]:
    return tuple(np.linspace(low, high, points).tolist())


def _srn(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Srinivas and Deb, 1994."""
    values = [2 + (x[0] - 2) ** 2 + (x[1] - 1) ** 2, 9 * x[0] - (x[1] - 1) ** 2]
    slacks = [x[0] ** 2 + x[1] ** 2 - 225, x[0] - 3 * x[1] + 10]
    return np.stack(values), np.stack(slacks)


def _osy(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Osyczka and Kundu, 1995."""
    center, weights = np.array([2, 2, 1, 4, 1]), np.array([25, 1, 1, 1, 1])
    first = -(weights[:, None] * (x[:5] - center[:, None]) ** 2).sum(axis=0)
    slacks = [
        2 - x[0] - x[1],
        x[0] + x[1] - 6,
        x[1] - x[0] - 2,
        x[0] - 3 * x[1] - 2,
        (x[2] - 3) ** 2 + x[3] - 4,
        4 - (x[4] - 3) ** 2 - x[5],
    ]
    return np.stack([first, (x**2).sum(axis=0)]), np.stack(slacks)


def _welded_beam(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Deb, Pratap and Moitra, 2000: cost and deflection of a beam; a load of 6000 lb, 14 in from the weld.

    Weld thickness, weld length, beam width and beam thickness are in inches.
    """
    weld, length, width, thickness = x
    cost = 1.10471 * weld**2 * length + 0.04811 * width * thickness * (14 + length)
    deflection = 2.1952 / (thickness * width**3)
    radius = np.sqrt(0.25 * (length**2 + (weld + width) ** 2))
    direct = 6000 / (sqrt(2) * weld * length)
    inertia = 2 * sqrt(0.5) * weld * length * (length**2 / 12 + 0.25 * (weld + width) ** 2)
    bending = 6000 * (14 + 0.5 * length) * radius / inertia
    shear = np.sqrt(direct**2 + bending**2 + length * direct * bending / radius)
    buckling = 64746.022 * (1 - 0.0282346 * width) * width * thickness**3
    slacks = [shear - 13600, 504000 / (width**2 * thickness) - 30000, weld - thickness, 6000 - buckling]
    return np.stack([cost, deflection]), np.stack(slacks)


@cache
def problems() -> tuple[Problem, ...]:
    """SRN in steps of 0.2, OSY in steps of 1 or 0.5, and the welded beam with 40 values for each size."""
    unit, half = _axis(0, 10, 11), _axis(1, 5, 9)
    sizes = (_axis(0.125, 5, 40), _axis(0.1, 10, 40), _axis(0.1, 10, 40), _axis(0.125, 5, 40))
    return (
        Problem("srn", (_axis(-20, 20, 201),) * 2, _srn, (300.0, 80.0)),
        Problem("osy", (unit, unit, half, _axis(0, 6, 7), half, unit), _osy, (0.0, 180.0)),
        Problem("welded-beam", sizes, _welded_beam, (350.0, 0.1)),
    )
