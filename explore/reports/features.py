"""Points as columns that a small decision tree can split in the parameters' own terms.

A number or ordinal is the rank of its value among those seen, so that each cut lies between two of them; what
is absent goes with the lowest, since its parent tells it apart. A categorical has a column per value. An
order has a column per pair of items, whether the one comes before the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..parameters import Categorical, Integer, Ordinal, Parameter, Permutation, Real, Value
from ..space import Point, Space

Numeric = Real | Integer | Ordinal


@dataclass(frozen=True)
class Rank:
    """The rank of a numeric value among `seen`, from 1 on."""

    parameter: Numeric
    seen: tuple[float | int | str, ...]


@dataclass(frozen=True)
class Choice:
    """Whether a categorical has a value."""

    parameter: Categorical
    value: float | int | str | bool


@dataclass(frozen=True)
class Before:
    """Whether in an order one item comes before another."""

    parameter: Permutation
    first: int
    second: int


Feature = Rank | Choice | Before


def find_features(space: Space, points: Sequence[Point]) -> tuple[Feature, ...]:
    """The features of all parameters, in their order."""
    return tuple(feature for parameter in space.parameters for feature in _features(parameter, points))


def _features(parameter: Parameter, points: Sequence[Point]) -> list[Feature]:
    match parameter:
        case Categorical():
            return [Choice(parameter, value) for value in parameter.values]
        case Permutation():
            return [Before(parameter, *pair) for pair in combinations(range(parameter.length), 2)]
        case _:
            values = {point[parameter.name] for point in points if parameter.name in point}
            seen = sorted(values, key=parameter.place if isinstance(parameter, Real) else parameter.index)
            return [Rank(parameter, tuple(value for value in seen if not isinstance(value, tuple)))]


def feature_column(feature: Feature, points: Sequence[Point]) -> np.ndarray:
    """The value of a feature for each point."""
    values = [point.get(feature.parameter.name) for point in points]
    match feature:
        case Rank():
            ranks: dict[Value | None, int] = {value: rank for rank, value in enumerate(feature.seen, 1)}
            return np.array([ranks.get(value, 1) for value in values], dtype=float)
        case Choice():
            at = feature.parameter.index(feature.value)
            found = [value is not None and feature.parameter.index(value) == at for value in values]
            return np.array(found, dtype=float)
        case Before():
            places = [value if isinstance(value, tuple) else () for value in values]
            found = [
                bool(order) and order.index(feature.first) < order.index(feature.second) for order in places
            ]
            return np.array(found, dtype=float)
