"""Points as rows of numbers from 0 to 1, for models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .parameters import Categorical, Parameter, Permutation, Real, Value
from .space import Space

ABSENT_PLACE = 0.5
"""What the columns of a parameter hold that is not there; its parent's columns say that."""


def column_names(space: Space) -> list[str]:
    """What each column of an encoding stands for."""
    return [name for parameter in space.parameters for name in _columns(parameter)]


def column_owners(space: Space) -> np.ndarray:
    """For each column of an encoding the number of its parameter."""
    widths = [len(_columns(parameter)) for parameter in space.parameters]
    return np.repeat(np.arange(len(widths)), widths)


def encode(space: Space, points: Sequence[Mapping[str, Value]]) -> np.ndarray:
    """An array of one row per point.

    A number or ordinal is one column, its place in the unit range on its scale. A categorical has one column
    per value, 1 at the value that it has. An order has one per item, the place of the item: the distance of
    two such rows goes with Spearman's rank correlation.
    """
    blocks = [_block(parameter, points) for parameter in space.parameters]
    return np.concatenate(blocks, axis=1)


def _columns(parameter: Parameter) -> list[str]:
    match parameter:
        case Categorical():
            return [f"{parameter.name}={value}" for value in parameter.values]
        case Permutation():
            return [f"{parameter.name}[{item}]" for item in range(parameter.length)]
        case _:
            return [parameter.name]


def _block(parameter: Parameter, points: Sequence[Mapping[str, Value]]) -> np.ndarray:
    """The columns of one parameter; rows of equal values are computed once."""
    absent = (ABSENT_PLACE,) * len(_columns(parameter))
    values = [point.get(parameter.name) for point in points]
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    rows = [absent if value is None else _row(parameter, value) for value in numbers]
    return np.array(rows).reshape(-1, len(absent))[[numbers[value] for value in values]]


def _row(parameter: Parameter, value: Value) -> tuple[float, ...]:
    match parameter:
        case Real():
            return (parameter.place(value),)
        case Categorical():
            index = parameter.index(value)
            return tuple(float(other == index) for other in range(parameter.size))
        case Permutation():
            assert isinstance(value, tuple), "the value of a permutation is a tuple"
            last = max(parameter.length - 1, 1)
            return tuple(value.index(item) / last for item in range(parameter.length))
        case _:
            low, high = parameter.span(value)
            return ((low + high) / 2,)
