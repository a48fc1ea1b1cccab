"""Constrained problems, small enough to enumerate: their fronts are exact.

Each comes with a fixed reference point that is worse than all feasible points of interest, so that
hypervolumes can be compared between tools and runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from math import cos, exp, log, pi, sin, sqrt

import numpy as np

from kl.explore.parameters import Ordinal, Value
from kl.explore.pareto import hypervolume, non_dominated
from kl.explore.space import Point, Space

Columns = Mapping[str, np.ndarray]
"""An array for each parameter, with one row per point."""

Formula = Callable[[Columns], tuple[np.ndarray, np.ndarray]]
"""Objectives and slacks, one column per point; a point is feasible where no slack is above 0."""


@dataclass(frozen=True)
class Answer:
    """What came of a point; no objectives where it has none."""

    values: tuple[float, ...] | None
    slacks: Mapping[str, float]
    feasible: bool


@dataclass(frozen=True)
class Problem:
    """A problem on a space without real parameters; all objectives are minimised."""

    name: str
    space: Space
    evaluate: Callable[[Mapping[str, Value]], Answer]
    everything: Callable[[], tuple[np.ndarray, np.ndarray]]
    """The objectives of all points, one row each, and a mask of those that are feasible."""

    reference: tuple[float, ...]

    @cached_property
    def outcomes(self) -> tuple[np.ndarray, np.ndarray]:
        """What `everything` gives, kept."""
        return self.everything()

    @property
    def feasible_values(self) -> np.ndarray:
        """The objectives of all feasible points, one row each."""
        values, feasible = self.outcomes
        return values[feasible]

    @property
    def size(self) -> int:
        """How many points satisfy the known constraints."""
        count = self.space.count()
        assert count is not None, "the spaces of problems are counted"
        return count

    @cached_property
    def front(self) -> np.ndarray:
        """The exact front: its different objective vectors, one row each."""
        values = self.feasible_values
        if values.shape[1] == 1:
            return values.min(axis=0, keepdims=True)
        return np.unique(values[non_dominated(values)], axis=0)

    @cached_property
    def volume(self) -> float:
        """The hypervolume of the exact front."""
        return hypervolume(self.front, np.array(self.reference))


def _all_columns(space: Space) -> Columns:
    """All points of a space; grids are not listed one by one."""
    if space.constraints:
        points: list[Point] = list(space.points())
        return {p.name: np.array([point[p.name] for point in points]) for p in space.parameters}
    axes = [np.array(p.values) for p in space.parameters if isinstance(p, Ordinal)]
    assert len(axes) == len(space.parameters), "a space without constraints is a grid"
    grids = np.meshgrid(*axes, indexing="ij")
    return {p.name: grid.ravel() for p, grid in zip(space.parameters, grids, strict=True)}


def by_formula(name: str, space: Space, formula: Formula, reference: tuple[float, ...]) -> Problem:
    """A problem whose objectives and slacks are calculated."""

    def evaluate(point: Mapping[str, Value]) -> Answer:
        values, slacks = formula({name: np.array([value]) for name, value in point.items()})
        named = {f"g{index}": float(slack) for index, slack in enumerate(slacks[:, 0])}
        return Answer(tuple(map(float, values[:, 0])), named, bool((slacks <= 0).all()))

    def everything() -> tuple[np.ndarray, np.ndarray]:
        values, slacks = formula(_all_columns(space))
        return values.T, (slacks <= 0).all(axis=0)

    return Problem(name, space, evaluate, everything, reference)


def grid(
    name: str, axes: tuple[tuple[float, ...], ...], formula: Formula, reference: tuple[float, ...]
) -> Problem:
    """A problem on a grid, with ordinals x0, x1, ..."""
    space = Space(tuple(Ordinal(f"x{index}", axis) for index, axis in enumerate(axes)))
    return by_formula(name, space, formula, reference)


def axis(low: float, high: float, points: int) -> tuple[float, ...]:
    """Numbers with equal steps, both ends included."""
    return tuple(np.linspace(low, high, points).tolist())


def _srn(x: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Srinivas and Deb, 1994."""
    a, b = x["x0"], x["x1"]
    values = [2 + (a - 2) ** 2 + (b - 1) ** 2, 9 * a - (b - 1) ** 2]
    return np.stack(values), np.stack([a**2 + b**2 - 225, a - 3 * b + 10])


def _osy(columns: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Osyczka and Kundu, 1995."""
    x = np.stack([columns[f"x{index}"] for index in range(6)])
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


def _welded_beam(x: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Deb, Pratap and Moitra, 2000: cost and deflection of a beam; a load of 6000 lb, 14 in from the weld.

    Weld thickness, weld length, beam width and beam thickness are in inches.
    """
    weld, length, width, thickness = (x[f"x{index}"] for index in range(4))
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


def _ctp1(x: Columns) -> tuple[np.ndarray, np.ndarray]:
    """CTP1 (Deb, Pratap and Meyarivan, 2001) with two constraints."""
    first, g = x["x0"], 1 + x["x1"] + x["x2"] + x["x3"]
    second = g * np.exp(-first / g)
    a, b, slacks = 1.0, 1.0, list[np.ndarray]()
    for alpha in (1 / 3, 2 / 3):
        beta = a * exp(-b * alpha)
        a = (a + beta) / 2
        b = -log(beta / a) / alpha
        slacks.append(a * np.exp(-b * first) - second)
    return np.stack([first, second]), np.stack(slacks)


def _ctp2(x: Columns) -> tuple[np.ndarray, np.ndarray]:
    """CTP2 of the same: a front in pieces."""
    first, g = x["x0"], 1 + x["x1"] + x["x2"] + x["x3"]
    second, turn = g * (1 - np.sqrt(first / g)), -0.2 * pi
    along = (second - 1) * sin(turn) + first * cos(turn)
    across = (second - 1) * cos(turn) - first * sin(turn)
    return np.stack([first, second]), np.stack([0.2 * np.abs(np.sin(10 * pi * along)) ** 6 - across])


def _mw1(x: Columns) -> tuple[np.ndarray, np.ndarray]:
    """MW1 (Ma and Wang, 2019) in four dimensions: narrow feasible pieces."""
    first, g = x["x0"], np.ones_like(x["x0"])
    for i in range(1, 4):
        g = g + 1 - np.exp(-10 * (x[f"x{i}"] ** 2 - 0.5 - i / 8) ** 2)
    second = g * (1 - 0.85 * first / g)
    waves = 0.5 * np.sin(2 * pi * sqrt(2) * (second - first)) ** 8
    return np.stack([first, second]), np.stack([first + second - 1 - waves])


def _mw7(x: Columns) -> tuple[np.ndarray, np.ndarray]:
    """MW7 of the same: a band with teeth."""
    g = np.ones_like(x["x0"])
    for i in range(1, 4):
        g = g + 2 * (x[f"x{i}"] + (x[f"x{i - 1}"] - 0.5) ** 2 - 1) ** 2
    first = g * x["x0"]
    second = g * np.sqrt(1 - x["x0"] ** 2)
    angle, square = np.arctan2(second, first), first**2 + second**2
    outer, inner = 1.2 + 0.4 * np.sin(4 * angle) ** 16, 1.15 - 0.2 * np.sin(4 * angle) ** 8
    return np.stack([first, second]), np.stack([square - outer**2, inner**2 - square])


def _disc_brake(x: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Ray and Liew, 2002: mass and stopping time; radii in mm, force in N, number of surfaces."""
    inner, outer, force, surfaces = (x[f"x{index}"] for index in range(4))
    squares, cubes = outer**2 - inner**2, outer**3 - inner**3
    mass = 4.9e-5 * squares * (surfaces - 1)
    time = 9.82e6 * squares / (force * surfaces * cubes)
    slacks = [
        20 - (outer - inner),
        force / (3.14 * squares) - 0.4,
        2.22e-3 * force * cubes / squares**2 - 1,
        900 - 2.66e-2 * force * surfaces * cubes / squares,
    ]
    return np.stack([mass, time]), np.stack(slacks)


def _staircase(x: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Rounds of four stages, which share banks: whole groups of eight, and four more for an odd number."""
    units = np.stack([x[f"x{index}"] for index in range(4)])
    rounds = np.ceil(np.array([97, 211, 389, 503])[:, None] / units).sum(axis=0)
    banks = (8 * np.ceil(units / 8) + 4 * (units % 2)).sum(axis=0)
    return rounds[None], banks[None] - 96


@cache
def new_problems() -> tuple[Problem, ...]:
    """Grids that nothing was chosen on: of the suites CTP and MW the first problem and one in pieces, each in
    four dimensions, and the first engineering problem of BoTorch that had not been used. Then one objective:
    2 of 1,048,576 points are the best, 41 are within 5 % of it, and volumes count from twice the best.
    """
    coarse = (axis(0, 1, 101), *(axis(0, 1, 11),) * 3)
    even = (axis(0, 1, 41), *(axis(0, 1, 21),) * 3)
    brake = (axis(55, 80, 26), axis(75.5, 109.5, 35), axis(1000, 3000, 21), axis(11, 20, 10))
    return (
        grid("ctp1", coarse, _ctp1, (1.1, 1.1)),
        grid("ctp2", coarse, _ctp2, (1.1, 1.1)),
        grid("mw1", even, _mw1, (1.1, 1.1)),
        grid("mw7", even, _mw7, (1.2, 1.2)),
        grid("disc-brake", brake, _disc_brake, (5.7771, 3.9651)),
        grid("staircase", (tuple(range(1, 33)),) * 4, _staircase, (98.0,)),
    )


@cache
def problems() -> tuple[Problem, ...]:
    """SRN in steps of 0.2, OSY in steps of 1 or 0.5, and the welded beam with 40 values for each size."""
    unit, half = axis(0, 10, 11), axis(1, 5, 9)
    sizes = (axis(0.125, 5, 40), axis(0.1, 10, 40), axis(0.1, 10, 40), axis(0.125, 5, 40))
    return (
        grid("srn", (axis(-20, 20, 201),) * 2, _srn, (300.0, 80.0)),
        grid("osy", (unit, unit, half, axis(0, 6, 7), half, unit), _osy, (0.0, 180.0)),
        grid("welded-beam", sizes, _welded_beam, (40.0, 0.017)),
    )
