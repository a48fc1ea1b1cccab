"""Partial dependence: what a forest expects on average when one parameter has a given value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..encoding import encode
from ..parameters import Categorical, Parameter, Permutation, Real, Value
from ..space import Point, Space
from ..trees import is_active
from .importance import Importances
from .targets import Target, ask_trees, grow_trees

TREES = 100

LEAST_SHARE = 0.05
"""Parameters that have less importance are left out."""

MOST_POINTS = 200
"""The average goes over at most this many points."""

MOST_VALUES = 16
"""At most so many values of a number are tried; of a categorical all."""

BAND = (10.0, 90.0)
"""The percentiles of the trees' averages that bound the band."""


@dataclass(frozen=True)
class Dependence:
    """The expected value of a target for values of a parameter, all else as in the evaluations.

    Infeasible evaluations count as well, and known constraints are left aside, so that all values are
    compared over the same points. Of an objective learned in logarithms it is the geometric mean.
    """

    target: str
    parameter: str
    what: str
    """What takes the values: the parameter, or the first item of an order."""

    values: tuple[Value, ...]

    expected: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    """The 10th and the 90th percentile over the trees, a hint at how sure the forest is."""

    is_numeric: bool
    """Whether the values are places on a line."""

    is_log: bool
    """Whether that line is better drawn with equal ratios equally long."""


def find_dependences(
    space: Space, target: Target, importances: Importances, seed: int
) -> tuple[Dependence, ...]:
    """The dependence on each parameter that matters."""
    matter = [entry.parameter for entry in importances.entries if entry.share >= LEAST_SHARE]
    if not matter:
        return ()
    trees = grow_trees(target.rows, target.values, TREES, seed)
    found = (_dependence(space, target, trees, name) for name in matter)
    return tuple(dependence for dependence in found if dependence is not None)


def _dependence(space: Space, target: Target, trees: object, name: str) -> Dependence | None:
    """None where only one value can be tried."""
    parameter = space.by_name[name]
    owners = [point for point in target.points if name in point][:MOST_POINTS]
    values: list[Value] = []
    averages: list[np.ndarray] = []
    for value in _grid(parameter, owners):
        changed = list(_with_value(space, parameter, owners, value))
        if changed:
            values.append(value)
            averages.append(ask_trees(trees, encode(space, changed)).mean(axis=1))
    if len(values) < 2:
        return None
    curves = (np.mean(averages, axis=1), *np.percentile(averages, BAND, axis=1))
    is_numeric = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    return Dependence(
        target.name,
        name,
        f"first of {name}" if isinstance(parameter, Permutation) else name,
        tuple(values),
        *(tuple(target.restored(curve).tolist()) for curve in curves),
        is_numeric=is_numeric and not isinstance(parameter, Categorical | Permutation),
        is_log=_is_log([value for value in values if isinstance(value, (int, float))]),
    )


def _is_log(values: Sequence[float]) -> bool:
    """Whether numbers are spaced more evenly by their ratios than by their differences."""
    if len(values) < 3 or min(values) <= 0:
        return False
    gaps, ratios = np.diff(values), np.diff(np.log(values))
    return bool(ratios.std() / ratios.mean() < gaps.std() / gaps.mean())


def _grid(parameter: Parameter, points: Sequence[Point]) -> list[Value]:
    """Values to try, all of them seen: a forest knows nothing beyond."""
    if isinstance(parameter, Permutation):
        return list(range(parameter.length))
    seen = {point[parameter.name] for point in points}
    if isinstance(parameter, Real):
        ordered = sorted(seen, key=parameter.place)
    else:
        ordered = sorted(seen, key=parameter.index)
    if isinstance(parameter, Categorical) or len(ordered) <= MOST_VALUES:
        return ordered
    chosen = np.rint(np.linspace(0, len(ordered) - 1, MOST_VALUES)).astype(int)
    return [ordered[index] for index in chosen]


def _with_value(space: Space, parameter: Parameter, points: Sequence[Point], value: Value) -> Iterator[Point]:
    """The points with one value exchanged."""
    for index, point in enumerate(points):
        changed = point | {parameter.name: _replaced(point[parameter.name], value)}
        completed = _completed(space, changed, [*points[index:], *points[:index]])
        if completed is not None:
            yield completed


def _completed(space: Space, point: Point, donors: Sequence[Point]) -> Point | None:
    """The point with what its new value brings along, taken from the next that has it, and without what it
    drops; None where no point has what is missing."""
    completed: Point = {}
    for parameter in space.ordered:
        if not is_active(parameter, completed):
            continue
        found = next((donor for donor in [point, *donors] if parameter.name in donor), None)
        if found is None:
            return None
        completed[parameter.name] = found[parameter.name]
    return completed


def _replaced(old: Value, value: Value) -> Value:
    """The new value; for an order the old one with the item `value` brought to the front."""
    if not isinstance(old, tuple):
        return value
    return (int(value), *(item for item in old if item != value))  # pyright: ignore[reportArgumentType]  # an item
