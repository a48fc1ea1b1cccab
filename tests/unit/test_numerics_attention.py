"""Attention over the whole past as an oracle, and bits that ignore tiles, for all options of attention."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from kl.backends.arithmetic import tanh
from kl.backends.meanings import operations
from kl.backends.numerics_attention import cache_append, slot_of
from kl.backends.tensors import TensorSpec

BATCH, GROUPS, GROUP, DIM = 2, 2, 3, 4
HEADS = GROUPS * GROUP


def run(name: str, operands, shape: tuple[int, ...], dtype: str = "f32", **attributes) -> NDArray:
    """One operation on arrays."""
    return operations()[f"nn.{name}"](operands, attributes, TensorSpec(shape, dtype))


@st.composite
def options(draw: st.DrawFn) -> dict[str, float]:
    """Any attributes of attention over 8 slots; sinks and slopes are flags."""
    given_ = {"window": draw(st.integers(1, 8)), "softcap": draw(st.floats(0.5, 50)), "sinks": 1, "slopes": 1}
    return {name: value for name, value in given_.items() if draw(st.booleans())}


def by_head(rng: np.random.Generator, attributes: dict[str, float]) -> list[NDArray]:
    """The operands that the flags ask for."""
    names = [name for name in ("sinks", "slopes") if name in attributes]
    return [rng.standard_normal(HEADS).astype(np.float32) for _ in names]


def test_tanh_is_exact_to_some_ulps():
    rng = np.random.default_rng(0)
    small = 10.0 ** rng.uniform(-30, 0, 5000)
    x = np.concatenate([rng.uniform(-20, 20, 5000), rng.uniform(-1, 1, 5000), small])
    wanted = np.tanh(x.astype(np.longdouble)).astype(np.float64)
    assert_allclose(tanh(x), wanted, rtol=1e-15)
    ends = np.array([0.0, -0.0, np.inf, -np.inf])
    with np.errstate(invalid="ignore"):  # as for every meaning
        assert_array_equal(tanh(ends), [0.0, -0.0, 1.0, -1.0])
    for value in x[::100]:
        assert tanh(np.array([value])) == tanh(x)[x == value][0]


def wanted_attention(
    query: NDArray, keys: NDArray, values: NDArray, position: int, attributes: dict[str, float], terms
) -> NDArray:
    """Over the past `[position + 1, B, G, D]`, oldest first, in plain numpy; a loop over heads."""
    first = max(0, position + 1 - int(attributes.get("window", position + 1)))
    terms, result = list(terms), np.zeros((BATCH, HEADS, DIM))
    sinks = terms.pop(0) if "sinks" in attributes else None
    slopes = terms.pop(0) if "slopes" in attributes else None
    for row in range(BATCH):
        for head in range(HEADS):
            group, seen = head // GROUP, np.arange(first, position + 1)
            scores = keys[seen, row, group].astype(float) @ query.reshape(BATCH, HEADS, DIM)[row, head] * 0.5
            if "softcap" in attributes:
                scores = attributes["softcap"] * np.tanh(scores / attributes["softcap"])
            if slopes is not None:
                scores = scores + float(slopes[head]) * (seen - position)
            weights = np.exp(scores)
            below = weights.sum() + (0 if sinks is None else np.exp(float(sinks[head])))
            result[row, head] = weights @ values[seen, row, group] / below
    return result.reshape(BATCH, HEADS * DIM)


@given(st.integers(0, 2**32 - 1), st.integers(0, 30), options(), st.booleans())
def test_attention_is_that_over_the_whole_past(
    seed: int, position: int, attributes: dict[str, float], in_ring: bool
):
    rng, slots = np.random.default_rng(seed), 8 if in_ring else 31
    past = rng.standard_normal((2, position + 1, BATCH, GROUPS, DIM)).astype(np.float32)
    query = rng.standard_normal((BATCH, HEADS * DIM)).astype(np.float32)
    caches = np.zeros((2, BATCH, GROUPS, slots, DIM), np.float32)
    for at in range(position + 1):
        for cache, row in zip(caches, past[:, at], strict=True):
            cache_append(cache, row.reshape(BATCH, -1), np.array(at, np.int32), ring=in_ring)
    terms, given_ = by_head(rng, attributes), attributes | ({"ring": 1} if in_ring else {})
    operands = (query, *caches, np.array(position, np.int32), *terms)
    found = run("attention", operands, query.shape, scale=0.5, **given_)
    masked = {"window": 8} | attributes if in_ring else attributes
    wanted = wanted_attention(query, *past, position, masked, terms)
    assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@given(st.integers(0, 2**32 - 1), st.integers(0, 30), options(), st.booleans(), st.data())
def test_tiles_have_the_bits_of_the_whole(
    seed: int, position: int, attributes: dict[str, float], in_ring: bool, data: st.DataObject
):
    rng, at = np.random.default_rng(seed), np.array(position if in_ring else position % 8, np.int32)
    query = rng.standard_normal((BATCH, HEADS * DIM)).astype(np.float32)
    keys, values = rng.standard_normal((2, BATCH, GROUPS, 8, DIM)).astype(np.float32)
    attributes |= {"ring": 1} if in_ring else {}
    terms = by_head(rng, attributes)
    whole = run("attention", (query, keys, values, at, *terms), query.shape, "f64", scale=0.5, **attributes)
    cuts = [0, *sorted(data.draw(st.sets(st.integers(1, 7)))), 8]
    rows = [
        run("attention_scores", (query, keys[:, :, a:b]), (BATCH, HEADS, b - a), scale=0.5, **attributes)
        for a, b in pairwise(cuts)
    ]
    shape, total = (BATCH, HEADS, 8), np.zeros(query.shape)
    masks = {name: value for name, value in attributes.items() if name != "softcap"}
    weights = run("attention_softmax", (np.concatenate(rows, axis=-1), at, *terms), shape, **masks)
    for a, b in pairwise(cuts):
        total = run("attention_values", (weights[..., a:b], values[:, :, a:b], total), query.shape, "f64")
    assert total.tobytes() == whole.tobytes()


def test_masked_slots_have_exact_zeros():
    scores = np.zeros((1, 1, 5), np.float32)
    ringed = run("attention_softmax", (scores, np.array(11, np.int32)), scores.shape, ring=1, window=2)
    assert_array_equal(ringed[0, 0], [0.5, 0.5, 0, 0, 0])  # slots 1 and 0 hold the positions 11 and 10


def test_a_sink_takes_weight_and_may_be_the_largest():
    scores, sinks = np.zeros((1, 1, 1), np.float32), np.array([800.0], np.float32)
    given_ = run("attention_softmax", (scores, np.array(0, np.int32), sinks), scores.shape, sinks=1)
    assert 0 <= given_[0, 0, 0] < 1e-30
    even = run("attention_softmax", (scores, np.array(0, np.int32), sinks * 0), scores.shape, sinks=1)
    assert even[0, 0, 0] == 0.5


def test_a_ring_has_room_for_every_position_from_0_on():
    assert [slot_of(position, 3, ring=True) for position in (0, 2, 3, 10**9)] == [0, 2, 0, 1]
    with pytest.raises(ValueError, match="position -1 is outside 0 on"):
        slot_of(-1, 3, ring=True)
    with pytest.raises(ValueError, match="position 3 is outside 0 to 2"):
        slot_of(3, 3, ring=False)
