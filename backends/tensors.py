"""Element types and shapes of arrays, without xDSL: what programs, weights and the numerics share.

Element types go by the names that the IR prints (`bf16`, `i32`, …). Arrays hold elements packed, as
memory does; an `i1` takes a whole byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # programs are made, checked and timed without numpy
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]
else:
    Array = Any

ELEMENT_BYTES: Mapping[str, int] = {
    "bf16": 2,
    "f16": 2,
    "f32": 4,
    "f64": 8,
    "i1": 1,
    "i8": 1,
    "i16": 2,
    "i32": 4,
    "i64": 8,
    "f8E4M3FN": 1,
    "f8E8M0FNU": 1,
}
"""All element types, and the bytes that an element takes."""


@cache
def dtypes() -> Mapping[str, np.dtype[Any]]:
    """The numpy type behind each element type."""
    import ml_dtypes
    import numpy as np

    names = {
        "bf16": ml_dtypes.bfloat16,
        "i1": np.bool_,
        "f8E4M3FN": ml_dtypes.float8_e4m3fn,
        "f8E8M0FNU": ml_dtypes.float8_e8m0fnu,
    }
    return {name: np.dtype(names.get(name, f"{name[0]}{size}")) for name, size in ELEMENT_BYTES.items()}


@dataclass(frozen=True)
class TensorSpec:
    """Shape and element type of an array; `()` is the shape of a scalar."""

    shape: tuple[int, ...]
    dtype: str

    def __post_init__(self) -> None:
        if self.dtype not in ELEMENT_BYTES:
            raise ValueError(f"unknown element type '{self.dtype}'; known: {', '.join(ELEMENT_BYTES)}")

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The numpy type of the elements."""
        return dtypes()[self.dtype]

    @property
    def element_bytes(self) -> int:
        """Bytes of an element."""
        return ELEMENT_BYTES[self.dtype]

    @property
    def is_integer(self) -> bool:
        """Whether the elements are whole numbers; an `i1` is a truth value."""
        return self.dtype[0] == "i" and self.dtype != "i1"

    @cached_property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @cached_property
    def size_bytes(self) -> int:
        """Bytes of the packed array."""
        return self.elements * self.element_bytes

    def zeros(self) -> Array:
        """A new array of zeros."""
        import numpy as np

        return np.zeros(self.shape, self.numpy_dtype)

    def fits(self, array: Array) -> bool:
        """Whether an array has this shape and element type."""
        return array.shape == self.shape and array.dtype == self.numpy_dtype

    def __str__(self) -> str:
        return f"tensor<{'x'.join([*map(str, self.shape), self.dtype])}>"


def whole_spec(part: TensorSpec, axis: int, parts: int, runs: Sequence[int], repeats: int = 1) -> TensorSpec:
    """The tensor that so many parts along an axis make; `runs` are elements of it and zeros, in turn.

    Each of its elements stands `repeats` times in the parts, the last one perhaps less often.
    """
    shape = [*part.shape]
    shape[axis] = -(-(sum(runs[::2]) if runs else parts * shape[axis]) // repeats)
    return TensorSpec(tuple(shape), part.dtype)


def spec_of(array: Array) -> TensorSpec:
    """The spec of an array.

    Raises: ValueError if its element type is none of `ELEMENT_BYTES`.
    """
    for name, dtype in dtypes().items():
        if array.dtype == dtype:
            return TensorSpec(array.shape, name)
    raise ValueError(f"no element type for numpy's {array.dtype}; known: {', '.join(ELEMENT_BYTES)}")


def rounded(array: Array, dtype: str) -> Array:
    """The array in another element type, each element rounded once, to nearest and ties to even.

    What is beyond the largest number of `f8E4M3FN`, which has no infinities, becomes that one: 448.
    """
    import numpy as np

    target = dtypes()[dtype]
    if dtype in ("bf16", "f8E4M3FN") and array.dtype == np.float64:
        array = _narrowed_to_odd(array)
    if dtype == "f8E4M3FN" and array.dtype != target:
        array = np.clip(array, array.dtype.type(-_MOST_F8), array.dtype.type(_MOST_F8))
    return array.astype(target, copy=False)


_MOST_F8 = 448
_PIECE = 1 << 20
"""Elements that are made at a time: temporary arrays of them take few megabytes."""


def in_pieces(tensor: TensorSpec, make: Callable[[int], Array]) -> Array:
    """A tensor of which so many elements at a time are made, in their order."""
    whole = tensor.zeros()
    flat = whole.reshape(-1)
    for first in range(0, flat.size, _PIECE):
        part = flat[first : first + _PIECE]
        part[...] = make(part.size)
    return whole


def _narrowed_to_odd(wide: Array) -> Array:
    """f64 to f32, towards zero, with an odd last bit where something was lost.

    ml_dtypes converts f64 to bf16 through f32 and so rounds twice. An f32 rounded to odd still
    knows on which side of a tie it lies, so that the second rounding decides alone (Boldo and
    Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
    """
    import numpy as np

    narrow = np.array(wide, np.float32)
    bits = narrow.view(np.uint32)
    bits -= np.abs(narrow) > np.abs(wide)
    bits |= narrow != wide
    return narrow
