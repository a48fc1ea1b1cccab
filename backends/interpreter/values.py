"""What a value of the IR is while it is interpreted."""

from __future__ import annotations

from typing import TypeAlias

from ..tensors import Array

Value: TypeAlias = "Array | tuple[Value, ...]"
"""An array, or a stack of separate ones: `kernel.stack` must not copy what is written in place."""


def slice_of(stack: Value, index: int) -> Value:
    """One part of a stack, as a view."""
    return stack[index] if isinstance(stack, tuple) else stack[index, ...]
