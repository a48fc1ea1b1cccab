"""What a value of the IR is while it is interpreted, and the error about an operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation
from xdsl.utils.exceptions import DiagnosticException

from ...dialects.failing import raise_about
from ..tensors import Array


class InterpretationError(DiagnosticException):
    """An operation that has no meaning here, or data that it cannot work on."""


def fail(op: Operation, message: str) -> NoReturn:
    """Raises: InterpretationError about an operation."""
    raise_about(op, InterpretationError(message))


Value: TypeAlias = "Array | tuple[Value, ...]"
"""An array, or a stack of separate ones: `kernel.stack` must not copy what is written in place."""


class Layers(tuple[Array, ...]):
    """A stack of separate arrays that nobody writes, as a weight has its layers: it can be made one array."""

    __slots__ = ()


SocketValues: TypeAlias = "Sequence[Value]"
"""What a value is on each socket; all sockets run the same operation at once."""


def slices_of(stacks: SocketValues, index: int) -> SocketValues:
    """One part of a stack on each socket, as a view."""
    return [stack[index] if isinstance(stack, tuple) else stack[index, ...] for stack in stacks]


def windows_of(stacks: SocketValues, first: int, length: int) -> SocketValues:
    """Consecutive parts of a stack on each socket, as a stack of views."""
    part = slice(first, first + length)
    return [Layers(stack[part]) if isinstance(stack, Layers) else stack[part] for stack in stacks]


def in_one(value: Value) -> Value:
    """A value as one array, if nobody writes it."""
    return np.stack(value) if isinstance(value, Layers) else value


def counter_at(first: SocketValues, step: int) -> SocketValues:
    """A counter in a decode step: integers that grow by one from step to step."""
    return [np.asarray(value + step, value.dtype) for value in arrays_of(first)]


def arrays_of(values: SocketValues) -> list[Array]:
    """Values of which none is a stack that is written: those are only read slice by slice."""
    arrays = [value for value in map(in_one, values) if not isinstance(value, tuple)]
    assert len(arrays) == len(values), "a stream or a stage works on one tensor at a time"
    return arrays


def same_on_all(op: Operation, what: str, arrays: Sequence[Array]) -> Array:
    """A value that leaves the machine, or decides what it does: it must be the same on all sockets.

    Raises: InterpretationError if it is not, bit for bit.
    """
    first, *others = arrays
    bits = first.tobytes() if others else b""
    for socket, other in enumerate(others, start=1):
        if other.tobytes() != bits:
            what_to_do = "gather its parts (collective.all_gather) or add them up (collective.all_reduce)"
            fail(op, f"{what} differs between socket 0 and socket {socket}; {what_to_do}")
    return first


@dataclass
class Rows:
    """Which rows of the batch are done now: nothing is appended for them. None where no row ends."""

    done: NDArray[np.bool_] | None = None

    def live(self, op: Operation, count: int) -> list[slice]:
        """Where the rows of an append of so many are that are not done; all of them at once if none is.

        Raises: InterpretationError where the append is one of another batch.
        """
        if self.done is None or not self.done.any():
            return [slice(None)]
        if len(self.done) != count:
            fail(op, f"it appends {count} rows, of a batch of {len(self.done)} that end one by one")
        return [slice(row, row + 1) for row, done in enumerate(self.done.tolist()) if not done]


def after_step(tokens: Array, made: Array, stop: int) -> Array:
    """The tokens behind a step that began with `tokens` and made others: rows that were done stay so."""
    return np.where(tokens == stop, np.asarray(stop, made.dtype), made)
