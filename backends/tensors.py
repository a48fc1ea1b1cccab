"""Element types and shapes of arrays, without xDSL: what programs, weights and the numerics share.

Element types go by the names that the IR prints (`bf16`, `i32`, …). Arrays hold elements packed, as
memory does; an `i1` takes a whole byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DTYPES: Mapping[str, np.dtype[Any]] = {
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f16": np.dtype(np.float16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "i1": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i16": np.dtype(np.int16),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
}
"""The numpy type behind each element type."""


@dataclass(frozen=True)
class TensorSpec:
    """Shape and element type of an array; `()` is the shape of a scalar."""

    shape: tuple[int, ...]
    dtype: str

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f"unknown element type '{self.dtype}'; known: {', '.join(DTYPES)}")

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The numpy type of the elements."""
        return DTYPES[self.dtype]

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes of the packed array."""
        return self.elements * self.numpy_dtype.itemsize

    def zeros(self) -> Array:
        """A new array of zeros."""
        return np.zeros(self.shape, self.numpy_dtype)

    def fits(self, array: Array) -> bool:
        """Whether an array has this shape and element type."""
        return array.shape == self.shape and array.dtype == self.numpy_dtype

    def __str__(self) -> str:
        return f"tensor<{'x'.join([*map(str, self.shape), self.dtype])}>"


def whole_spec(part: TensorSpec, axis: int, parts: int, runs: Sequence[int]) -> TensorSpec:
    """The tensor that so many parts along an axis make; `runs` are elements of it and zeros, in turn."""
    shape = [*part.shape]
    shape[axis] = sum(runs[::2]) if runs else parts * shape[axis]
    return TensorSpec(tuple(shape), part.dtype)


def spec_of(array: Array) -> TensorSpec:
    """The spec of an array.

    Raises: ValueError if its element type is none of `DTYPES`.
    """
    for name, dtype in DTYPES.items():
        if array.dtype == dtype:
            return TensorSpec(array.shape, name)
    raise ValueError(f"no element type for numpy's {array.dtype}; known: {', '.join(DTYPES)}")


def rounded(array: Array, dtype: str) -> Array:
    """The array in another element type, each element rounded once, to nearest and ties to even."""
    target = DTYPES[dtype]
    if dtype == "bf16" and array.dtype == np.float64:
        array = _narrowed_to_odd(array)
    return array.astype(target, copy=False)


def _narrowed_to_odd(wide: Array) -> Array:
    """f64 to f32, towards zero, with an odd last bit where something was lost.

    ml_dtypes converts f64 to bf16 through f32 and so rounds twice. An f32 rounded to odd still
    knows on which side of a tie it lies, so that the second rounding decides alone (Boldo and
    Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
    """
    narrow = np.array(wide, np.float32)
    bits = narrow.view(np.uint32)
    bits -= np.abs(narrow) > np.abs(wide)
    bits |= narrow != wide
    return narrow
