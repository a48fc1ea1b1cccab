"""Parts of weights of fewer bits: random ones, and those that a checkpoint holds as tensors of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import frexp, sqrt
from typing import TYPE_CHECKING

from ..dialects.stored_formats import CODES, SCALES, ZEROS, StoredPart
from ..dialects.vocabulary import STORED_FLOATS
from .safetensors import CheckpointError, StoredTensor
from .tensors import Array, TensorSpec, in_pieces, rounded

if TYPE_CHECKING:
    from numpy.random import Generator

_TYPICAL: Mapping[str, float] = {"f8e4m3": 64.0, "i8": 32.0, "i4": 2.5, "f4e2m1": 2.0}
"""Standard deviation of random codes: few are beyond the largest."""
_TYPICAL_SCALE = 64.0
"""Of random scales of 8 bits with fractions, beside one of the tensor."""

_CODES_ON_DISK: Mapping[str, str] = {"f8e4m3": "F8_E4M3", "i8": "I8"}
SCALES_ON_DISK: Mapping[str, str] = {**STORED_FLOATS, "F8_E4M3": "f8E4M3FN", "F8_E8M0": "f8E8M0FNU"}
"""The element type of each type of safetensors files that scales are read from."""


def random_part(stored: StoredPart, layer: TensorSpec, layers: int, rng: Generator) -> Iterator[Array]:
    """The layers of a random part, so that what all parts stand for has the deviation fan-in^-1/2."""
    import numpy as np

    if stored.part == CODES:
        for _ in range(layers):
            yield _random_codes(stored, rng)
        return
    if stored.part == ZEROS:
        yield from rng.integers(-1, 2, (layers, *layer.shape), np.int8)
        return
    for _ in range(layers):
        numbers = np.clip(1 + rng.standard_normal(layer.shape) / 8, 0.5, 1.5)
        yield _scale_like(numbers, stored, layer)


def _random_codes(stored: StoredPart, rng: Generator) -> Array:
    import numpy as np

    from .numerics_stored import codes_of, packed_codes

    def make(count: int) -> Array:
        numbers = rng.standard_normal(count, np.float32) * _TYPICAL[stored.format]
        return codes_of(numbers.astype(np.float64), stored.format).view(np.int8)

    return packed_codes(in_pieces(TensorSpec(stored.shape, "i8"), make), stored.format)


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


def read_part(stored: StoredPart, tensor: StoredTensor, file: Array | None = None) -> Array:
    """The numbers of a part's tensor, a view of the file: codes and zero points as they are, in `i8`."""
    known = "i8" if stored.part in (CODES, ZEROS) else SCALES_ON_DISK[tensor.dtype]
    return tensor.read_as(known, file)


def _types(stored: StoredPart) -> tuple[str, ...]:
    if stored.part == CODES:
        return (_CODES_ON_DISK[stored.format],)
    return ("I8",) if stored.part == ZEROS else tuple(SCALES_ON_DISK)
