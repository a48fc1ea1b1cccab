"""What a value of the IR is while it is interpreted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ..tensors import Array

Value: TypeAlias = "Array | tuple[Value, ...]"
"""An array, or a stack of separate ones: `kernel.stack` must not copy what is written in place."""

SocketValues: TypeAlias = "Sequence[Value]"
"""What a value is on each socket; all sockets run the same operation at once."""


def slices_of(stacks: SocketValues, index: int) -> SocketValues:
    """One part of a stack on each socket, as a view."""
    return [stack[index] if isinstance(stack, tuple) else stack[index, ...] for stack in stacks]
