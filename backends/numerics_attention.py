"""The numpy meaning of attention and its caches, whole and by tiles, to the rules of `numerics.py`.

**Slots.** A cache has a slot per position. In a ring of `extent` slots position p lies in slot p mod extent,
so that slot s holds position p - ((p - s) mod extent) when p was the last one written; what lies before
position 0 does not count. Whatever is added up is added in the order of slots, ring or not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .arithmetic import OPERATIONS, Attributes, exp, finish, ieee, ordered_sum, tanh, wide
from .numerics import add_products
from .tensors import Array, TensorSpec, rounded

# Slots of caches.


def slot_of(position: int, extent: int, *, ring: bool) -> int:
    """Where a cache of so many slots holds a position.

    Raises: ValueError for a position that it has no room for.
    """
    if position < 0 or (position >= extent and not ring):
        last = "on" if ring else f"to {extent - 1}"
        raise ValueError(f"position {position} is outside 0 {last}")
    return position % extent


def _held(position: int, extent: int, *, ring: bool) -> NDArray[np.int64]:
    """The position that each slot holds, where `position` is the last one; below 0 it holds none.

    Raises: ValueError for a position that the cache has no room for.
    """
    slot_of(position, extent, ring=ring)
    slots = np.arange(extent)
    return position - (position - slots) % extent if ring else slots


def cache_append(cache: Array, x: Array, position: Array, *, ring: bool = False) -> None:
    """Write `[B, G * D]` at a position of a cache `[B, G, context, D]`, in place.

    Raises: ValueError if the position is outside the context.
    """
    batch, groups, context, head_dim = cache.shape
    cache[:, :, slot_of(int(position), context, ring=ring), :] = x.reshape(batch, groups, head_dim)


# Attention: of one token over a cache, and by tiles of the cache.


def attention_scores(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """`query . key * scale` for a tile: `[B, H * D]` and keys `[B, G, T, D]` give `[B, H, T]`.

    With `softcap` c a score s becomes `c * tanh(s / c)`.
    """
    query, keys = operands
    batch, groups, tile, head_dim = keys.shape
    query = query.reshape(batch, groups, -1, head_dim)
    zeros = np.zeros((*query.shape[:-1], tile))
    scores = add_products(zeros, query, keys.swapaxes(-1, -2)) * attributes["scale"]
    if "softcap" in attributes:
        scores = attributes["softcap"] * tanh(scores / attributes["softcap"])
    return finish(scores, result)


def attention_softmax(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Softmax of `[B, H, T]` over the slots that count at `position`; exact zeros in all others.

    With `window` the last so many positions count, with `ring` slots are those of a ring. With `slopes`
    `[H]`, `slope * (j - position)` is added to the score of position j first; with `sinks` `[H]`, `exp(sink)`
    is added to the sum that weights are divided by, last.
    """
    scores, at, *by_head = operands
    position = int(at)
    held = _held(position, scores.shape[-1], ring="ring" in attributes)
    first = max(0, position + 1 - int(attributes.get("window", position + 1)))
    counts = (held >= first) & (held <= position)
    sinks = wide(by_head.pop(0))[:, None] if "sinks" in attributes else None
    scores = wide(scores[..., counts])
    if "slopes" in attributes:
        scores = scores + wide(by_head.pop(0))[:, None] * (held[counts] - position)
    largest = scores.max(axis=-1, keepdims=True)
    if sinks is not None:
        largest = np.maximum(largest, sinks)
    weights = exp(scores - largest)
    total = ordered_sum(weights)
    if sinks is not None:
        total = total + exp(sinks - largest)
    probabilities = result.zeros()
    probabilities[..., counts] = rounded(weights / total, result.dtype)
    return probabilities


def attention_values(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Accumulator `[B, H * D]` plus values `[B, G, T, D]` weighted by probabilities `[B, H, T]`.

    With `value_dim` the values are the first so many columns.
    """
    probabilities, values, accumulator = operands
    values = values[..., : attributes.get("value_dim", values.shape[-1])]
    batch, groups, tile, head_dim = values.shape
    probabilities = probabilities.reshape(batch, groups, -1, tile)
    total = wide(accumulator).reshape(*probabilities.shape[:-1], head_dim)
    return finish(add_products(total, probabilities, values), result)


def attention(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """The three operations on tiles in a row: scores and softmax in f32, values in f64.

    Slots behind that of `position` are not read until a ring has come round: they hold nothing.
    """
    query, keys, values, position, *by_head = operands
    batch, _, context, head_dim = keys.shape
    last = slot_of(int(position), context, ring="ring" in attributes)
    count = context if int(position) >= context else last + 1
    row = TensorSpec((batch, query.shape[-1] // head_dim, count), "f32")
    scores = attention_scores((query, keys[:, :, :count]), attributes, row)
    probabilities = attention_softmax((scores, position, *by_head), attributes, row)
    total = TensorSpec(result.shape, "f64")
    operands = (probabilities, values[:, :, :count], total.zeros())
    return finish(attention_values(operands, attributes, total), result)


OPERATIONS.update(
    (f"nn.{one.__name__}", ieee(one))
    for one in (attention, attention_scores, attention_softmax, attention_values)
)
