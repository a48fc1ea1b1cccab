"""Parts of weights of fewer bits: random ones, and those that a checkpoint holds as tensors of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import frexp, sqrt
from typing import TYPE_CHECKING

from ..dialects.stored_formats import CODES, SCALES, ZEROS, StoredPart
from ..dialects.vocabulary import STORED_FLOATS
from .safetensors import CheckpointError, StoredTensor
from .tensors import Array, TensorSpec, rounded

if TYPE_CHECKING:
    from numpy.random import Generator

_TYPICAL: Mapping[str, float] = {"f8e4m3": 64.0, "i8": 32.0, "i4": 2.5, "f4e2m1": 2.0}
"""Standard deviation of random codes: few are beyond the largest."""
_TYPICAL_SCALE = 64.0
"""Of random scales of 8 bits with fractions, beside one of the tensor."""

_CODES_ON_DISK: Mapping[str, str] = {"f8e4m3": "F8_E4M3", "i8": "I8"}
SCALES_ON_DISK: Mapping[str, str] = {**STORED_FLOATS, "F8_E4M3": "f8E4M3FN", "F8_E8M0": "f8E8M0FNU"}
"""The element type of each type of safetensors files that scales are read from."""


def random_part(stored: StoredPart, tensor: TensorSpec, rng: Generator) -> Array:
    """A random part, so that what all parts stand for is like other random weights: deviation fan-in^-1/2."""
    import numpy as np

    from .numerics_stored import codes_of, packed_codes

    if stored.part == CODES:
        stack = tensor.shape[: len(tensor.shape) - len(stored.shape)]
        numbers = rng.standard_normal((*stack, *stored.shape), np.float32) * _TYPICAL[stored.format]
        return packed_codes(codes_of(numbers.astype(np.float64), stored.format), stored.format)
    if stored.part == ZEROS:
        return rng.integers(-1, 2, tensor.shape, np.int8)
    numbers = np.clip(1 + rng.standard_normal(tensor.shape) / 8, 0.5, 1.5)
    return _scale_like(numbers, stored, tensor)


def _scale_like(numbers: Array, stored: StoredPart, tensor: TensorSpec) -> Array:
    """Scales of a type from numbers around 1."""
    import numpy as np

    fan_in = stored.shape[-2] if len(stored.shape) > 1 else 1
    size = 1 / sqrt(fan_in) / _TYPICAL[stored.format]
    if tensor.dtype == "f8E8M0FNU":
        power = frexp(size)[1] - 1
        return np.where(numbers < 1.0, 2.0**power, 2.0 ** (power + 1)).astype(tensor.numpy_dtype)
    if tensor.dtype == "f8E4M3FN":
        size = _TYPICAL_SCALE
    elif stored.part != SCALES:
        size /= _TYPICAL_SCALE
    return rounded(numbers * size, tensor.dtype)


# Checkpoints.


def shape_on_disk(
    stored: StoredPart, wanted: Sequence[int], tensor: StoredTensor, *, partial: bool = False
) -> tuple[int, ...]:
    """The shape of a part's tensor; scales may leave out axes of one, or have some more.

    `wanted` is the shape that it should have, or that of what is read of it where that is `partial`.

    Raises: CheckpointError if it has another type than its part.
    """
    known = _types(stored)
    if tensor.dtype not in known:
        raise CheckpointError(
            f"{tensor} is {tensor.dtype}; {stored.part} of {stored.format} are {', '.join(known)}"
        )
    squeezed = [extent for extent in tensor.shape if extent != 1]
    same = squeezed == [extent for extent in wanted if extent != 1]
    if stored.part != CODES and same and not (partial and squeezed):
        return tuple(wanted)
    if stored.part != CODES and partial and len(tensor.shape) == 1 and len(wanted) == 2 and 1 in wanted:
        return (*tensor.shape, 1) if wanted[1] == 1 else (1, *tensor.shape)
    return tensor.shape


def shares_scale(stored: StoredPart, shape: Sequence[int]) -> bool:
    """Whether a tensor of this shape has one scale for all numbers, whichever of them a weight has."""
    return stored.part != CODES and all(extent == 1 for extent in shape)


def read_part(stored: StoredPart, tensor: StoredTensor) -> Array:
    """The numbers of a part's tensor: codes and zero points as they are, in `i8`."""
    if stored.part in (CODES, ZEROS):
        return tensor.read_as("i8")
    return tensor.read_as(SCALES_ON_DISK[tensor.dtype])


def _types(stored: StoredPart) -> tuple[str, ...]:
    if stored.part == CODES:
        return (_CODES_ON_DISK[stored.format],)
    return ("I8",) if stored.part == ZEROS else tuple(SCALES_ON_DISK)
