"""Attributes that passes make or read over and over, kept."""

from __future__ import annotations

from functools import lru_cache

from xdsl.dialects.builtin import BytesAttr, DenseArrayBase, IntegerAttr, IntegerType, i64


@lru_cache(maxsize=4096)
def whole(number: int) -> IntegerAttr[IntegerType]:
    """The attribute of a number, one for all that have it: to make one takes as long as to verify it."""
    return IntegerAttr(number, i64)


@lru_cache(maxsize=4096)
def array(numbers: tuple[int, ...]) -> DenseArrayBase[IntegerType]:
    """The attribute of an array of numbers, likewise."""
    return DenseArrayBase(i64, BytesAttr(i64.pack(numbers)))


@lru_cache(maxsize=4096)
def integers(array: DenseArrayBase[IntegerType]) -> tuple[int, ...]:
    """The numbers of an array."""
    return tuple(map(int, array.get_values()))
