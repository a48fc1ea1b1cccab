"""The numpy meaning of weights of fewer bits, to the rules of `numerics.py`; and codes of given numbers.

A code has 8 significant bits at most, a zero point adds one, a scale of f32 has 24. Of two scales, that of
the tensor has 24 and the other 4. No product of them has more than the 53 of f64: what is rounded is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from ..dialects.stored_formats import FORMATS, packed_axis
from .arithmetic import OPERATIONS as OPERATIONS
from .arithmetic import Attributes, finish, meaning, wide
from .tensors import Array, TensorSpec

_F4_SIZES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


@cache
def code_values(format_: str) -> Array:
    """What each code of a format stands for, in f64: 256 or 16 numbers, by the code without sign.

    `f8e4m3` has 4 bits of exponent, biased by 7, and 3 of fraction; 0x7F and 0xFF are NaN, all others finite.
    """
    codes = np.arange(1 << FORMATS[format_].bits)
    if FORMATS[format_].is_whole:
        return np.where(codes < len(codes) // 2, codes, codes - len(codes)).astype(np.float64)
    if format_ == "f4e2m1":
        return np.array([*_F4_SIZES, *(-size for size in _F4_SIZES)])
    exponent, fraction = codes >> 3 & 15, codes & 7
    size = np.ldexp(np.where(exponent > 0, 8.0 + fraction, fraction), np.maximum(exponent, 1) - 10)
    size[codes & 127 == 127] = np.nan
    return np.where(codes < 128, size, -size)


def unpacked_codes(codes: Array, format_: str) -> Array:
    """Codes without sign, one an element, of bytes `i8`; two of a byte are neighbours on their axis."""
    bits, per_byte = FORMATS[format_].bits, FORMATS[format_].codes_per_byte
    raw = np.ascontiguousarray(codes).view(np.uint8)
    if per_byte == 1:
        return raw
    axis = packed_axis(raw.ndim)
    several = np.stack([raw >> bits * n & (1 << bits) - 1 for n in range(per_byte)], axis + 1)
    return several.reshape(*raw.shape[:axis], per_byte * raw.shape[axis], *raw.shape[axis + 1 :])


def packed_codes(codes: Array, format_: str) -> Array:
    """Bytes `i8` of codes, one an element, with or without sign: the opposite of `unpacked_codes`."""
    bits, per_byte = FORMATS[format_].bits, FORMATS[format_].codes_per_byte
    raw = np.ascontiguousarray(codes).astype(np.uint8) & (1 << bits) - 1
    axis = packed_axis(raw.ndim)
    places = [(slice(None),) * axis + (slice(n, None, per_byte),) for n in range(per_byte)]
    total = np.zeros_like(raw[places[0]])
    for n, place in enumerate(places):
        total |= raw[place] << bits * n
    return total.view(np.int8)


def codes_of(numbers: Array, format_: str) -> Array:
    """The nearest code of each number, one an element, ties to the even code; the largest beyond that."""
    values = code_values(format_)
    order = np.argsort(np.where(np.isnan(values), np.inf, values), kind="stable")
    ascending = order[: np.count_nonzero(np.isfinite(values))]
    sizes = values[ascending]
    above = np.clip(np.searchsorted(sizes, numbers), 1, len(sizes) - 1)
    low, high = ascending[above - 1], ascending[above]
    to_low, to_high = numbers - values[low], values[high] - numbers
    takes_low = (to_low < to_high) | ((to_low == to_high) & (low % 2 == 0))
    return np.where(takes_low, low, high).astype(np.uint8)


@meaning
def dequantize(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """`code * scale`, `(code - zero) * scale` or `code * (scale * scale of the tensor)`, rounded once."""
    codes, scales, *extra = operands
    format_ = next(name for name in FORMATS if f"format_{name}" in attributes)
    block, pieces = attributes["block"], attributes.get("pieces", (0,) * len(result.shape))
    numbers = code_values(format_)[unpacked_codes(codes, format_)]
    if extra and extra[0].dtype == np.int8:
        numbers = numbers - _spread(wide(extra[0]), result.shape, block, pieces)
    numbers = numbers * _spread(wide(scales), result.shape, block, pieces)
    if extra and extra[0].dtype != np.int8:
        matrix = [1] * (len(result.shape) - 2) + [*result.shape[-2:]]
        numbers = numbers * _spread(wide(extra[0]), result.shape, matrix, pieces)
    return finish(numbers, result)


def _spread(scales: Array, shape: Sequence[int], block: Sequence[int], pieces: Sequence[int]) -> Array:
    """The scale of each number."""
    for axis, (extent, size, piece) in enumerate(zip(shape, block, pieces, strict=True)):
        places = np.arange(extent)
        own = min(piece or extent, extent)
        which = places // own * -(-own // size) + places % own // size
        scales = np.take(scales, which, axis=axis)
    return scales
