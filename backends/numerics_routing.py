"""The numpy meaning of routers, to the rules of `numerics.py`: best columns, and what they weigh."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arithmetic import OPERATIONS as OPERATIONS
from .arithmetic import Attributes, exp, finish, meaning, ordered_sum, wide
from .tensors import Array, TensorSpec, rounded, spec_of


@meaning
def softmax(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """`exp(x - max) / sum(exp(x - max))` of each row."""
    x = wide(operands[0])
    weights = exp(x - x.max(axis=-1, keepdims=True))
    return finish(weights / ordered_sum(weights), result)


@meaning
def sum(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """The sum of each row, `[B, 1]`."""
    return finish(ordered_sum(wide(operands[0])), result)


@meaning
def top_k(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """The columns of the largest elements of each row, of equals the lowest first; of kept groups alone."""
    x = wide(operands[0])
    outside = np.zeros(x.shape, np.bool_)
    if "groups" in attributes:
        outside = ~_in_kept_groups(x, attributes, spec_of(operands[0]).dtype)
    return _falling(x, outside)[:, : result.shape[1]].astype(result.numpy_dtype)


def _falling(x: Array, last: Array | None = None) -> Array:
    """The columns of each row from its largest element on: NaNs come first, what is `last` at the end."""
    keys = (-x, ~np.isnan(x)) if last is None else (-x, ~np.isnan(x), last)
    return np.lexsort(keys, axis=-1)  # stable, and of NaNs and numbers the last key decides


def _in_kept_groups(x: Array, attributes: Attributes, dtype: str) -> Array:
    """Whether each column lies in one of the best groups."""
    rows, columns = x.shape
    groups, kept, best = (int(attributes[name]) for name in ("groups", "kept", "best"))
    members = x.reshape(rows, groups, columns // groups)
    largest = np.take_along_axis(members, _falling(members)[..., :best], axis=-1)
    scores = wide(rounded(ordered_sum(largest)[..., 0], dtype))
    is_kept = np.zeros((rows, groups), np.bool_)
    np.put_along_axis(is_kept, _falling(scores)[:, :kept], True, axis=-1)
    return np.repeat(is_kept, columns // groups, axis=-1)


@meaning
def take(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """The columns of each row that ids name.

    Raises: ValueError for an id that is no column.
    """
    x, ids = operands
    outside = ids[(ids < 0) | (ids >= x.shape[1])]
    if outside.size:
        raise ValueError(f"column {outside[0]} is outside 0 to {x.shape[1] - 1}")
    return np.take_along_axis(x, ids, axis=-1)


@meaning
def spread(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """The weight that each row gives to each of the experts; 0 where it names it not."""
    weights, ids, experts = operands
    named = (ids[:, None, :] == experts[:, None]) & (experts >= 0)[:, None]
    return finish(ordered_sum(np.where(named, wide(weights)[:, None, :], 0.0)), result)


@meaning
def scale(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Columns times the gate of their place; zeros where that is zero."""
    x, gates = map(wide, operands)
    places = x.reshape(*gates.shape, -1)
    return finish(np.where(gates[..., None] == 0.0, 0.0, places * gates[..., None]), result)
