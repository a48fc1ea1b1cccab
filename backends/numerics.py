"""The numpy meaning of every `nn` computation, for whole tensors and tiles alike, without xDSL.

**Bits do not depend on tiling.** Whatever is added up is added in f64, one term after the other in
the order of the reduced extent, and rounded once, to the result's element type. Products of bf16,
f16 or f32 numbers are exact in f64. So a column of a matrix product, a tile of scores or a running
sum of values has the same bits however the rest is cut. That rules out what numpy offers for speed:
matrix products (BLAS), `sum` (pairwise) and `einsum` (SIMD lanes) choose an order by shape, and the
last bit of `exp` depends on the processor, in some builds on the array's length. Multiplication,
addition, division and square root are safe: IEEE 754 defines each to the last bit.
Meanings in other packages keep to this with `wide`, `ordered_sum`, `exp` and `finish`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from .tensors import Array, TensorSpec, rounded

Attributes = Mapping[str, Any]
"""Attributes of an operation by their name in the IR: numbers, or tuples of them; a flag that is set is 1."""

Operation = Callable[[Sequence[Array], Attributes, TensorSpec], Array]
"""Operands, attributes and the spec of the result give the result, a new array.

Raises: ValueError for a position or index that is outside its range.
"""

OPERATIONS: dict[str, Operation] = {}
"""What each `nn` operation computes, by its name in the IR; `cache_append` alone gives no result."""


def _meaning(function: Operation) -> Operation:
    """A function that is the meaning of the `nn` operation of its name."""
    OPERATIONS[f"nn.{function.__name__}"] = meaning = ieee(function)
    return meaning


def ieee(function: Operation) -> Operation:
    """Overflow gives infinities and invalid operations NaNs, as IEEE 754 says, without warnings."""
    return np.errstate(all="ignore")(function)


_NARROW_ELEMENTS = 256
"""Up to so many sums, one numpy call per sum is faster than two per term (measured)."""

_CHUNK_TERMS = 64
"""Rows that are widened to f64 at a time, so that they stay in cache."""


def wide(array: Array) -> Array:
    """The array in f64."""
    return array.astype(np.float64, order="C")


def finish(total: Array, result: TensorSpec) -> Array:
    """What was computed in f64 as the result, rounded once."""
    return rounded(total.reshape(result.shape), result.dtype)


def _index(position: Array, extent: int, what: str) -> int:
    index = int(position)
    if not 0 <= index < extent:
        raise ValueError(f"{what} {index} is outside 0 to {extent - 1}")
    return index


# Sums, always in order.


def ordered_sum(terms: Array) -> Array:
    """Sum over the last dimension, which stays as 1; `accumulate` goes in order by definition."""
    return np.add.accumulate(terms, axis=-1)[..., -1:]


def _add_products(total: Array, lhs: Array, rhs: Array) -> Array:
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


# Functions of one number, from operations that IEEE 754 defines to the last bit.

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.693147180369123816490  # 32 bits, so that its product with an exponent is exact
_LN2_LOW = 1.90821492927058770002e-10
_EXP_TERMS = np.cumprod([1.0, *(1.0 / k for k in range(1, 14))])[::-1]
"""1/13! down to 1/0!: the series of exp is below half an ulp of f64 for |x| <= ln(2)/2."""


def exp(x: Array) -> Array:
    """`exp` in f64 within two ulps, the same bits on every machine and for every array length.

    `exp(x) = 2^n * exp(r)` with `r = x - n ln 2` in `[-ln(2)/2, ln(2)/2]`; 0 or infinite beyond
    +-800.
    """
    x = np.clip(x, -800.0, 800.0)
    n = np.rint(x * _LOG2_E)
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    series = reduce(lambda sum_, term: sum_ * r + term, _EXP_TERMS, np.zeros_like(r))
    return np.ldexp(series, n.astype(np.int32))


@_meaning
def add(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Elementwise sum."""
    lhs, rhs = operands
    return finish(wide(lhs) + wide(rhs), result)


@_meaning
def mul(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Elementwise product."""
    lhs, rhs = operands
    return finish(wide(lhs) * wide(rhs), result)


@_meaning
def silu(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """`x / (1 + exp(-x))`."""
    x = wide(operands[0])
    return finish(x / (1.0 + exp(-x)), result)


@_meaning
def gelu(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """`x / 2 * (1 + tanh(u))` with `u = sqrt(2 / pi) * (x + 0.044715 x^3)`.

    Written as `x / (1 + exp(-2 u))`, which is the same.
    """
    x = wide(operands[0])
    u = np.sqrt(2.0 / np.pi) * (x + 0.044715 * x * x * x)
    return finish(x / (1.0 + exp(-2.0 * u)), result)


@_meaning
def cast(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """The same numbers in another element type."""
    return rounded(operands[0], result.dtype).reshape(result.shape).copy()


# Rows.


@_meaning
def embedding(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Rows of a table by their index."""
    ids, table = operands
    rows = [table[_index(row, len(table), "row")] for row in ids.ravel()]
    return finish(np.stack(rows), result)


@_meaning
def rms_norm(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """`x / sqrt(mean(x^2) + eps) * weight` over the last dimension."""
    x, weight = map(wide, operands)
    mean_square = ordered_sum(x * x) / x.shape[-1]
    return finish(x / np.sqrt(mean_square + attributes["eps"]) * weight, result)


@_meaning
def matmul(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Matrix product; `transposed`, the right side has a row for each column of the result."""
    lhs, rhs = operands
    rhs = rhs.swapaxes(-1, -2) if "transposed" in attributes else rhs
    return finish(_add_products(np.zeros(result.shape), lhs, rhs), result)


@_meaning
def argmax(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Index of the largest element of the last dimension, the first of equals."""
    return finish(np.argmax(wide(operands[0]), axis=-1), result)


@_meaning
def slice(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """The columns from `start` on, as many as the result has."""
    (x,), start = operands, int(attributes["start"])
    return x[..., start : start + result.shape[-1]].copy()


@_meaning
def concat(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """The columns of all operands, one behind the other."""
    return np.concatenate(operands, axis=-1)


# Rotary position embedding.


@_meaning
def rope(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Rotate pairs of every head by angles that grow with the position.

    Sine and cosine are numpy's: of the same array of angles however many heads a tile holds.
    """
    x, position = operands
    angles = int(position) * _frequencies(attributes, int(position))
    cos, sin = np.cos(angles), np.sin(angles)
    if "scale" in attributes:
        cos, sin = cos * attributes["scale"], sin * attributes["scale"]
    heads = wide(x).reshape(*x.shape[:-1], -1, attributes["head_dim"])
    rotating = heads[..., : 2 * len(angles)]
    if "interleaved" in attributes:
        first, second = rotating[..., 0::2], rotating[..., 1::2]
    else:
        first, second = rotating[..., : len(angles)], rotating[..., len(angles) :]
    rotated = first * cos - second * sin, second * cos + first * sin
    first[...], second[...] = rotated
    return finish(heads, result)


def _frequencies(attributes: Attributes, position: int) -> Array:
    """Radians per position of each pair; the long ones for what is too long for the others."""
    is_long = "long_from" in attributes and position >= attributes["long_from"]
    return np.array(attributes["long_frequencies" if is_long else "frequencies"], np.float64)


# Attention: of one token over a cache, and by tiles of the cache.


def cache_append(cache: Array, x: Array, position: Array) -> None:
    """Write `[B, G * D]` at a position of a cache `[B, G, context, D]`, in place.

    Raises: ValueError if the position is outside the context.
    """
    batch, groups, context, head_dim = cache.shape
    index = _index(position, context, "position")
    cache[:, :, index, :] = x.reshape(batch, groups, head_dim)


@_meaning
def attention_scores(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """`query . key * scale` for a tile: `[B, H * D]` and keys `[B, G, T, D]` give `[B, H, T]`."""
    query, keys = operands
    batch, groups, tile, head_dim = keys.shape
    query = query.reshape(batch, groups, -1, head_dim)
    zeros = np.zeros((*query.shape[:-1], tile))
    return finish(_add_products(zeros, query, keys.swapaxes(-1, -2)) * attributes["scale"], result)


@_meaning
def attention_softmax(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Softmax over the positions up to `position`; exact zeros behind it."""
    scores, position = operands
    count = _index(position, scores.shape[-1], "position") + 1
    scores = wide(scores[..., :count])
    weights = exp(scores - scores.max(axis=-1, keepdims=True))
    probabilities = result.zeros()
    probabilities[..., :count] = rounded(weights / ordered_sum(weights), result.dtype)
    return probabilities


@_meaning
def attention_values(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Accumulator `[B, H * D]` plus values `[B, G, T, D]` weighted by probabilities `[B, H, T]`."""
    probabilities, values, accumulator = operands
    batch, groups, tile, head_dim = values.shape
    probabilities = probabilities.reshape(batch, groups, -1, tile)
    total = wide(accumulator).reshape(*probabilities.shape[:-1], head_dim)
    return finish(_add_products(total, probabilities, values), result)


@_meaning
def attention(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """The three operations on tiles in a row: scores and softmax in f32, values in f64.

    Positions behind `position` are not read: their probabilities are zeros.
    """
    query, keys, values, position = operands
    batch, _, context, head_dim = keys.shape
    count = _index(position, context, "position") + 1
    row = TensorSpec((batch, query.shape[-1] // head_dim, count), "f32")
    scores = attention_scores((query, keys[:, :, :count]), attributes, row)
    probabilities = attention_softmax((scores, position), {}, row)
    total = TensorSpec(query.shape, "f64")
    operands = (probabilities, values[:, :, :count], total.zeros())
    return finish(attention_values(operands, {}, total), result)
