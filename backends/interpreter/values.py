"""What a value of the IR is while it is interpreted, and the error about an operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn, TypeAlias

import numpy as np
from xdsl.ir import Operation
from xdsl.utils.exceptions import DiagnosticException

from ..tensors import Array


class InterpretationError(DiagnosticException):
    """An operation that has no meaning here, or data that it cannot work on."""


def fail(op: Operation, message: str) -> NoReturn:
    """Raises: InterpretationError about an operation."""
    op.emit_error(message, InterpretationError(message))


Value: TypeAlias = "Array | tuple[Value, ...]"
"""An array, or a stack of separate ones: `kernel.stack` must not copy what is written in place."""

SocketValues: TypeAlias = "Sequence[Value]"
"""What a value is on each socket; all sockets run the same operation at once."""


def slices_of(stacks: SocketValues, index: int) -> SocketValues:
    """One part of a stack on each socket, as a view."""
    return [stack[index] if isinstance(stack, tuple) else stack[index, ...] for stack in stacks]


def windows_of(stacks: SocketValues, first: int, length: int) -> SocketValues:
    """Consecutive parts of a stack on each socket, as a stack of views."""
    return [stack[first : first + length] for stack in stacks]


def counter_at(first: SocketValues, step: int) -> SocketValues:
    """A counter in a decode step: integers that grow by one from step to step."""
    return [np.asarray(value + step, value.dtype) for value in arrays_of(first)]


def arrays_of(values: SocketValues) -> list[Array]:
    """Values of which none is a stack: those are only read slice by slice."""
    arrays = [value for value in values if not isinstance(value, tuple)]
    assert len(arrays) == len(values), "a stream or a stage works on one tensor at a time"
    return arrays
