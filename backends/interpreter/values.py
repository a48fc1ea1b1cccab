"""What a value of the IR is while it is interpreted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from ..tensors import Array

Value: TypeAlias = "Array | tuple[Value, ...]"
"""An array, or a stack of separate ones: `kernel.stack` must not copy what is written in place."""

SocketValues: TypeAlias = "Sequence[Value]"
"""What a value is on each socket; all sockets run the same operation at once."""


def slices_of(stacks: SocketValues, index: int) -> SocketValues:
    """One part of a stack on each socket, as a view."""
    return [stack[index] if isinstance(stack, tuple) else stack[index, ...] for stack in stacks]


def counter_at(first: SocketValues, step: int) -> SocketValues:
    """A counter in a decode step: integers that grow by one from step to step."""
    return [np.asarray(value + step, value.dtype) for value in arrays_of(first)]


def arrays_of(values: SocketValues) -> list[Array]:
    """Values of which none is a stack: those are only read slice by slice."""
    arrays = [value for value in values if not isinstance(value, tuple)]
    assert len(arrays) == len(values), "a stream or a stage works on one tensor at a time"
    return arrays
