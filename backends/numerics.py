"""The numpy meaning of every `nn` computation, for whole tensors and tiles alike, without xDSL.

**Bits do not depend on tiling.** Whatever is added up is added in f64, one term after the other in
the order of the reduced extent, and rounded once, to the result's element type. Products of bf16,
f16 or f32 numbers are exact in f64. So a column of a matrix product, a tile of scores or a running
sum of values has the same bits however the rest is cut. That rules out what numpy offers for speed:
matrix products (BLAS), `sum` (pairwise) and `einsum` (SIMD lanes) choose an order by shape, and the
last bit of `exp` depends on the processor, in some builds on the array's length. Multiplication,
addition, division and square root are safe: IEEE 754 defines each to the last bit.
Meanings in other packages keep to this with `wide`, `ordered_sum`, `exp`, `tanh` and `finish`. Here are
rows and attention; `elements.py` and `norms.py` have the others, `arithmetic.py` what all are made of.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import elements as elements
from . import norms as norms
from .arithmetic import OPERATIONS as OPERATIONS
from .arithmetic import Attributes as Attributes
from .arithmetic import Operation as Operation
from .arithmetic import exp as exp
from .arithmetic import finish as finish
from .arithmetic import ieee as ieee
from .arithmetic import meaning as _meaning
from .arithmetic import ordered_sum as ordered_sum
from .arithmetic import tanh as tanh
from .arithmetic import wide as wide
from .tensors import Array, TensorSpec

_NARROW_ELEMENTS = 256
"""Up to so many sums, one numpy call per sum is faster than two per term (measured)."""

_CHUNK_TERMS = 64
"""Rows that are widened to f64 at a time, so that they stay in cache."""


def _index(position: Array, extent: int, what: str) -> int:
    index = int(position)
    if not 0 <= index < extent:
        raise ValueError(f"{what} {index} is outside 0 to {extent - 1}")
    return index


# Sums, always in order.


def add_products(total: Array, lhs: Array, rhs: Array) -> Array:
    """`total + lhs @ rhs` over the last two dimensions, in f64, the terms added one by one.

    Shapes: total `[…, M, N]` f64, lhs `[…, M, K]`, rhs `[…, K, N]`.
    """
    lhs = wide(lhs)
    if total.size <= _NARROW_ELEMENTS:
        terms = lhs[..., :, None, :] * wide(rhs.swapaxes(-1, -2))[..., None, :, :]
        terms[..., 0] += total
        return np.add.accumulate(terms, axis=-1)[..., -1]
    total, term = total.copy(), np.empty_like(total)
    for start in range(0, rhs.shape[-2], _CHUNK_TERMS):
        rows = wide(rhs[..., start : start + _CHUNK_TERMS, :])
        for k in range(rows.shape[-2]):
            np.multiply(lhs[..., start + k, None], rows[..., None, k, :], out=term)
            total += term
    return total


# Rows.


@_meaning
def embedding(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Rows of a table by their index."""
    ids, table = operands
    rows = [table[_index(row, len(table), "row")] for row in ids.ravel()]
    return finish(np.stack(rows), result)


@_meaning
def matmul(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Matrix product; `transposed`, the right side has a row for each column of the result."""
    lhs, rhs = operands
    rhs = rhs.swapaxes(-1, -2) if "transposed" in attributes else rhs
    return finish(add_products(np.zeros(result.shape), lhs, rhs), result)


@_meaning
def argmax(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Index of the largest element of the last dimension, the first of equals."""
    return finish(np.argmax(wide(operands[0]), axis=-1), result)


@_meaning
def head_matmul(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """A matrix product for each head: rows `[B, H * K]`, matrices one below the other, `[H * K, N]`.

    `transposed`, they are `[H * N, K]`.
    """
    x, w = operands
    if "transposed" in attributes:
        matrices = w.reshape(x.shape[-1] // w.shape[-1], -1, w.shape[-1]).swapaxes(-1, -2)
    else:
        matrices = w.reshape(result.shape[-1] // w.shape[-1], -1, w.shape[-1])
    heads, _, columns = matrices.shape
    rows = x.reshape(len(x), heads, 1, -1)
    return finish(add_products(np.zeros((len(x), heads, 1, columns)), rows, matrices), result)


@_meaning
def slice(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """The columns from `start` on, as many as the result has; with `head_columns` those of each head."""
    (x,), start = operands, int(attributes["start"])
    head = int(attributes.get("head_columns", x.shape[-1]))
    heads = x.reshape(*x.shape[:-1], -1, head)
    extent = result.shape[-1] // heads.shape[-2]
    return heads[..., start : start + extent].reshape(result.shape).copy()


@_meaning
def concat(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """The columns of all operands, one behind the other; with `head_columns` those of each head."""
    heads = attributes.get("head_columns", [x.shape[-1] for x in operands])
    parts = [x.reshape(*x.shape[:-1], -1, int(n)) for x, n in zip(operands, heads, strict=True)]
    return np.concatenate(parts, axis=-1).reshape(result.shape)


# Rotary position embedding.


@_meaning
def rope(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Rotate pairs of every head by angles that grow with the position.

    Sine and cosine are numpy's: of the same array of angles however many heads a tile holds.
    """
    x, position = operands
    cos, sin = rope_factors(attributes, int(position))
    heads = wide(x).reshape(*x.shape[:-1], -1, attributes["head_dim"])
    rotating = heads[..., : 2 * len(cos)]
    if "interleaved" in attributes:
        first, second = rotating[..., 0::2], rotating[..., 1::2]
    else:
        first, second = rotating[..., : len(cos)], rotating[..., len(cos) :]
    rotated = first * cos - second * sin, second * cos + first * sin
    first[...], second[...] = rotated
    return finish(heads, result)


def rope_factors(attributes: Attributes, position: int) -> tuple[Array, Array]:
    """Cosines and sines of the angles of all pairs at a position, in f64, times the scale if there is one."""
    angles = position * _frequencies(attributes, position)
    cos, sin = np.cos(angles), np.sin(angles)
    if "scale" in attributes:
        return cos * attributes["scale"], sin * attributes["scale"]
    return cos, sin


def _frequencies(attributes: Attributes, position: int) -> Array:
    """Radians per position of each pair; the long ones for what is too long for the others."""
    is_long = "long_from" in attributes and position >= attributes["long_from"]
    return np.array(attributes["long_frequencies" if is_long else "frequencies"], np.float64)
