"""The neighbours of a point, for local search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from .draws import draw_uniform
from .parameters import Categorical, Parameter, Permutation, Real, Value
from .space import Point, Space
from .trees import is_active

REAL_STEPS = (0.1, 0.02, 0.004)
"""The standard deviations of the steps of a real parameter, in the unit range."""

MOST_STEPS = 8
"""How many other values of a categorical, or of an order, are neighbours at a time."""


def neighbours(space: Space, point: Mapping[str, Value], rng: np.random.Generator) -> Iterator[Point]:
    """The feasible points that differ in one parameter, and in those that it makes appear.

    Ordered values go one place up or down, categoricals to another value, two items of an order change
    places, real values take steps of some sizes. Of many other values or changes some are taken at random.
    What appears is drawn uniformly.
    """
    for parameter in space.parameters:
        if parameter.name not in point:
            continue
        for value in _steps(parameter, point[parameter.name], rng):
            moved = _repair(space, {**point, parameter.name: value}, rng)
            if space.satisfies(moved):
                yield moved


def _steps(parameter: Parameter, value: Value, rng: np.random.Generator) -> Iterator[Value]:
    match parameter:
        case Real():
            place = parameter.place(value)
            for size in REAL_STEPS:
                yield parameter.at(min(max(place + size * rng.standard_normal(), 0.0), 1.0))
        case Categorical():
            yield from _some([other for other in parameter.values if other != value], rng)
        case Permutation():
            yield from _some(list(_swaps(value)), rng)
        case _:
            index = parameter.index(value)
            yield from (parameter.value(i) for i in (index - 1, index + 1) if 0 <= i < parameter.size)


def _some(values: Sequence[Value], rng: np.random.Generator) -> Sequence[Value]:
    """At most `MOST_STEPS` of some values."""
    if len(values) <= MOST_STEPS:
        return values
    return [values[index] for index in rng.choice(len(values), MOST_STEPS, replace=False)]


def _swaps(order: Value) -> Iterator[tuple[int, ...]]:
    assert isinstance(order, tuple), "the value of a permutation is a tuple"
    for first in range(len(order)):
        for second in range(first + 1, len(order)):
            swapped = list(order)
            swapped[first], swapped[second] = swapped[second], swapped[first]
            yield tuple(swapped)


def _repair(space: Space, point: Mapping[str, Value], rng: np.random.Generator) -> Point:
    """Drop what is not there any more, draw what has appeared."""
    repaired: Point = {}
    for parameter in space.ordered:
        if is_active(parameter, repaired):
            known = parameter.name in point
            repaired[parameter.name] = point[parameter.name] if known else draw_uniform(parameter, rng)
    return {p.name: repaired[p.name] for p in space.parameters if p.name in repaired}
