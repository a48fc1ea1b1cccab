"""The numpy meaning of choosing experts and reading their slices, to the rules of `numerics.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arithmetic import OPERATIONS as OPERATIONS
from .arithmetic import Attributes, meaning
from .tensors import Array, TensorSpec

NOBODY = -1
"""The id of a place that no expert has."""


@meaning
def distinct(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """The experts that ids `[B, K]` name, each once and ascending, then -1; an id of -1 names none.

    Raises: ValueError for another id that no expert has.
    """
    named, experts = np.unique(operands[0]), int(attributes["experts"])
    if named[0] < NOBODY or named[-1] >= experts:
        outside = named[0] if named[0] < NOBODY else named[-1]
        raise ValueError(f"expert {outside} is outside 0 to {experts - 1}")
    named = named[named != NOBODY]
    places = np.full(result.shape, NOBODY, result.numpy_dtype)
    places[: len(named)] = named
    return places


@meaning
def gather_slices(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """The slices of a stack that ids name, along one of their axes; zeros for an id of -1.

    Raises: ValueError for an id that the stack has no slice of.
    """
    stack, ids = operands
    slices = [_slice(stack, int(index)) for index in ids]
    return np.concatenate(slices, axis=int(attributes["along"])).reshape(result.shape)


def _slice(stack: Array, index: int) -> Array:
    if not NOBODY <= index < len(stack):
        raise ValueError(f"expert {index} is outside 0 to {len(stack) - 1}")
    return np.zeros_like(stack[0]) if index == NOBODY else stack[index]
