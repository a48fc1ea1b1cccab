"""Products, slices and joins of heads, and attention whose values are columns of its keys, as oracles."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from kl.backends.meanings import operations
from kl.backends.tensors import TensorSpec

BATCH, HEADS, INNER, OUTER = 2, 3, 4, 5


def run(name: str, operands, shape: tuple[int, ...], dtype: str = "f32", **attributes) -> NDArray:
    """One operation on arrays."""
    return operations()[f"nn.{name}"](operands, attributes, TensorSpec(shape, dtype))


def normal(*shape: int) -> NDArray:
    """Random numbers, of the same shape always the same ones."""
    return np.random.default_rng(shape).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("transposed", [False, True])
def test_each_head_is_multiplied_by_its_own_matrix(transposed: bool):
    x, matrices = normal(BATCH, HEADS * INNER), normal(HEADS, INNER, OUTER)
    lies = matrices.swapaxes(1, 2) if transposed else matrices
    w = np.ascontiguousarray(lies).reshape(-1, lies.shape[-1])
    given = run("head_matmul", (x, w), (BATCH, HEADS * OUTER), **({"transposed": 1} if transposed else {}))
    for head in range(HEADS):
        wanted = x[:, head * INNER : (head + 1) * INNER] @ matrices[head]
        assert_allclose(given[:, head * OUTER : (head + 1) * OUTER], wanted, rtol=1e-5)
    one = slice(OUTER, 2 * OUTER)
    rows = slice(*(n * (OUTER if transposed else INNER) for n in (1, 2)))
    part = run(
        "head_matmul",
        (x[:, INNER : 2 * INNER], w[rows]),
        (BATCH, OUTER),
        **({"transposed": 1} if transposed else {}),
    )
    assert_array_equal(part, given[:, one])


def test_heads_are_joined_and_split_one_by_one():
    a, b = normal(BATCH, HEADS * 4), normal(BATCH, HEADS * 2)
    joined = run("concat", (a, b), (BATCH, HEADS * 6), head_columns=(4, 2))
    wanted = np.concatenate([a.reshape(BATCH, HEADS, 4), b.reshape(BATCH, HEADS, 2)], axis=2)
    assert_array_equal(joined, wanted.reshape(BATCH, -1))
    assert_array_equal(run("slice", (joined,), a.shape, start=0, head_columns=6), a)
    assert_array_equal(run("slice", (joined,), b.shape, start=4, head_columns=6), b)


@pytest.mark.parametrize("position", [0, 3, 7])
def test_values_are_the_first_columns_of_the_cache(position: int):
    query, cache, at = normal(BATCH, HEADS * 6), normal(BATCH, 1, 8, 6), np.array(position, np.int32)
    values = np.ascontiguousarray(cache[..., :4])
    shape = (BATCH, HEADS * 4)
    given = run("attention", (query, cache, cache, at), shape, scale=0.5, value_dim=4)
    assert_array_equal(given, run("attention", (query, cache, values, at), shape, scale=0.5))
    heads, past = query.reshape(BATCH, HEADS, 6), cache[:, 0, : position + 1]
    weights = np.exp(0.5 * np.einsum("bhd,btd->bht", heads, past))
    weights /= weights.sum(axis=-1, keepdims=True)
    wanted = np.einsum("bht,btd->bhd", weights, past[..., :4])
    assert_allclose(given.reshape(wanted.shape), wanted, rtol=1e-5, atol=1e-6)
