"""Rings: caches that hold the last positions; whoever touches one by position must know that it is one."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Operation, SSAValue

from .tensors import expect, shape_of
from .uses import uses_behind


def expect_ring_is_known(state: SSAValue, name: str, *, is_ring: bool) -> None:
    """Check all that touches a state by position, in the layers and kernels that are called with it as well.

    Raises: VerifyException where one has `ring` and the state has not, or the other way round.
    """
    for op in _touching(state):
        knows = "ring" in op.properties
        takes = "as a ring" if knows else "without `ring`"
        expect(knows == is_ring, f"{name} is {'a' if is_ring else 'no'} ring, {op.name} takes it {takes}")


def ring_of(op: Operation) -> int | None:
    """How many positions the rings hold that an operation knows as such; None if it knows none."""
    if "ring" not in op.properties:
        return None
    caches = (shape_of(value) for value in op.operands if isinstance(value.type, MemRefType))
    return next(shape[-2] for shape in caches)


def _touching(state: SSAValue) -> Iterator[Operation]:
    """The operations that read or write a state by position."""
    for use in uses_behind(state):
        if _goes_by_position(use.operation):
            yield use.operation


def _goes_by_position(op: Operation) -> bool:
    """Not so the streams that take all of a cache in order, waiting for nobody."""
    return getattr(op, "position", op) is not None
