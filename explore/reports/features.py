"""Points as columns that a small decision tree can split in the parameters' own terms.

A number or ordinal is the rank of its value among those seen, so that each cut lies between two of them; what
is absent goes with the lowest, since its parent tells it apart. A categorical has a column per value. An
order has a column per pair of items, whether the one comes before the other.

The path to a leaf of such a tree is said in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..parameters import Categorical, Integer, Ordinal, Parameter, Permutation, Real, Value
from ..space import Point, Space
from .formatting import number_text, roundest, value_text

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


@dataclass(frozen=True)
class Split:
    """One decision on a path: a feature is above a threshold, or it is not."""

    feature: Feature
    threshold: float
    above: bool


def path_words(path: Sequence[Split]) -> tuple[str, ...]:
    """The conditions of a path, one for each parameter, in the order in which they first appear."""
    by_parameter: dict[str, list[Split]] = {}
    for split in path:
        by_parameter.setdefault(split.feature.parameter.name, []).append(split)
    return tuple(words for group in by_parameter.values() for words in _words(group))


def _words(path: Sequence[Split]) -> list[str]:
    """The conditions of one parameter."""
    match path[0].feature:
        case Rank() as rank:
            low = max((int(split.threshold) for split in path if split.above), default=None)
            high = min((int(split.threshold) for split in path if not split.above), default=None)
            return [_range_words(rank, low, high)]
        case Choice(parameter=parameter):
            return [_choice_words(parameter, path)]
        case Before(parameter=parameter):
            return [_order_words(parameter, split) for split in path]


def _choice_words(parameter: Categorical, path: Sequence[Split]) -> str:
    is_one = [split.feature.value for split in path if split.above and isinstance(split.feature, Choice)]
    if is_one:
        return f"{parameter.name} = {value_text(is_one[0])}"
    excluded = [split.feature.value for split in path if isinstance(split.feature, Choice)]
    left = [value for value in parameter.values if value not in excluded]
    if len(left) == 1 and parameter.when is None:
        return f"{parameter.name} = {value_text(left[0])}"
    none = "is none of" if len(excluded) > 1 else "is not"
    return f"{parameter.name} {none} {', '.join(map(value_text, excluded))}"


def _order_words(parameter: Permutation, split: Split) -> str:
    assert isinstance(split.feature, Before), "an order is split by pairs"
    first, second = split.feature.first, split.feature.second
    if not split.above:
        first, second = second, first
    absent = "" if split.above or parameter.when is None else ", or is absent"
    return f"{parameter.name} has {first} before {second}{absent}"


def _range_words(rank: Rank, low: int | None, high: int | None) -> str:
    """What lies above the rank `low`, up to the rank `high`."""
    name = rank.parameter.name
    absent = f", or {name} is absent" if low is None and rank.parameter.when is not None else ""
    only = _only_value(rank, low, high)
    if only is not None:
        return f"{name} = {only}{absent}"
    if not high:
        assert low, "a path that ends nowhere else begins somewhere"
        return f"{name} > {_cut(rank, low)}"
    return f"{f'{_cut(rank, low)} < ' if low else ''}{name} ≤ {_cut(rank, high)}{absent}"


def _only_value(rank: Rank, low: int | None, high: int | None) -> str | None:
    """The value, where only one is left that the parameter can have."""
    parameter = rank.parameter
    if isinstance(parameter, Real):
        return None
    first = parameter.index(_below(rank, low)) + 1 if low else 0
    last = parameter.index(_below(rank, high)) if high else parameter.size - 1
    return value_text(parameter.value(last)) if first == last else None


def _cut(rank: Rank, place: int) -> str:
    value = _below(rank, place)
    return number_text(value, 6) if isinstance(value, float) else value_text(value)


def _below(rank: Rank, place: int) -> float | int | str:
    """The largest value below the cut behind a rank: of those between two seen ones a round one."""
    below, above = rank.seen[place - 1], rank.seen[place]
    parameter = rank.parameter
    if isinstance(below, str) or isinstance(above, str):
        return below
    if isinstance(parameter, Real):
        return roundest(below, above)
    if isinstance(parameter, Integer) and parameter.scale != "pow2":
        return int(roundest(below, above))
    return below
