"""The neighbours of a point, for local search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np

from .parameters import Categorical, Parameter, Permutation, Real, Value
from .sampling import sample_uniform
from .space import Point, Space
from .trees import is_active

REAL_STEPS = (0.1, 0.02, 0.004)
"""The standard deviations of the steps of a real parameter, in the unit range."""

T = TypeVar("T")

MOST_STEPS = 8
"""How many other values of a categorical, or of an order, are neighbours at a time."""

MOST_KEPT = 10_000
"""So many lists of places are kept: a search meets the same ones again."""


def neighbours(space: Space, point: Mapping[str, Value], rng: np.random.Generator) -> Iterator[Point]:
    """The feasible points that differ in one parameter, and in those that it makes appear.

    Ordered values go up or down by one place, two, four and so on, categoricals to another value, two items
    of an order change places, real values take steps of some sizes. Of many other values or changes some are
    taken at random. What appears is drawn uniformly.
    """
    for parameter in space.parameters:
        if parameter.name not in point:
            continue
        for value in _steps(parameter, point[parameter.name], rng):
            moved = repair(space, {**point, parameter.name: value}, rng)
            if space.satisfies(moved):
                yield moved


def double_moves(
    space: Space, point: Mapping[str, Value], rng: np.random.Generator, tries: int
) -> Iterator[Point]:
    """Feasible points that differ in two parameters, each by one of its steps at random.

    Where constraints tie parameters, a step of one alone may lead nowhere.
    """
    names = list(point)
    if len(names) < 2:
        return
    first = rng.integers(len(names), size=tries)
    second = (first + rng.integers(1, len(names), size=tries)) % len(names)
    for pair, places in zip(
        np.column_stack([first, second]).tolist(), rng.random((tries, 2)).tolist(), strict=True
    ):
        moved = dict(point)
        for number, place in zip(pair, places, strict=True):
            name = names[number]
            values = list(_steps(space.by_name[name], point[name], rng))
            moved[name] = values[int(place * len(values))] if values else point[name]
        moved = repair(space, moved, rng)
        if space.satisfies(moved):
            yield moved


def neighbour_count(space: Space) -> int:
    """About how many neighbours a point has."""
    return sum(_neighbour_count(parameter) for parameter in space.parameters)


def _neighbour_count(parameter: Parameter) -> int:
    match parameter:
        case Real():
            return len(REAL_STEPS)
        case Categorical() | Permutation():
            return min(parameter.size, MOST_STEPS)
        case _:
            return 2 * parameter.size.bit_length()


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
            yield from map(parameter.value, _places(parameter.index(value), parameter.size))


@lru_cache(MOST_KEPT)
def _places(index: int, size: int) -> tuple[int, ...]:
    """The places that are one, two, four, eight ... steps away."""
    lengths = [1 << power for power in range(size.bit_length())]
    return tuple(index + step for length in lengths for step in (-length, length) if 0 <= index + step < size)


def _some(values: Sequence[T], rng: np.random.Generator) -> Sequence[T]:
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


def repair(space: Space, point: Point, rng: np.random.Generator) -> Point:
    """Drop what is not there any more, draw what has appeared."""
    if not space.has_conditions:
        return point
    repaired: Point = {}
    for parameter in space.ordered:
        if is_active(parameter, repaired):
            known = parameter.name in point
            repaired[parameter.name] = point[parameter.name] if known else sample_uniform(parameter, rng)
    return {p.name: repaired[p.name] for p in space.parameters if p.name in repaired}
