"""The numpy meaning of the `nn` operations: right numbers, and bits that ignore the tiling."""

from itertools import pairwise

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from kl.backends import numerics
from kl.backends.meanings import KNOWN, OF_A_SOCKET, operations
from kl.backends.numerics_attention import cache_append
from kl.backends.tensors import TensorSpec, rounded
from kl.dialects.nn import NN, CacheAppendOp
from kl.dialects.operation import ComputeOp

SEEDS = st.integers(0, 2**32 - 1)
FLOATS = st.sampled_from(["bf16", "f16", "f32"])
RESULTS = st.sampled_from(["bf16", "f32", "f64"])
"""With f64, where nothing is rounded at the end, the order of a sum always shows."""

POSITION = np.array(5, np.int32)


def run(name, operands, shape, dtype="f32", **attributes) -> NDArray:
    """One operation on arrays."""
    return operations()[f"nn.{name}"](operands, attributes, TensorSpec(shape, dtype))


def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> NDArray:
    """Normal numbers of magnitudes from 1/64 to 64, so that the order of a sum shows."""
    return rounded(rng.standard_normal(shape) * 2.0 ** rng.integers(-6, 7, shape), dtype)


def assert_same_bits(given: NDArray, wanted: NDArray) -> None:
    """Equal in type, shape and every bit: a negative zero differs from a positive one."""
    assert (given.dtype, given.shape) == (wanted.dtype, wanted.shape)
    assert given.tobytes() == wanted.tobytes()


def cuts(draw_: st.DrawFn, extent: int) -> list[slice]:
    """A random partition of an extent into slices."""
    points = draw_(st.sets(st.integers(1, extent - 1))) if extent > 1 else set()
    ends = [0, *sorted(points), extent]
    return [slice(a, b) for a, b in pairwise(ends)]


def test_every_operation_of_the_dialect_has_a_meaning():
    compute = {op.name for op in NN.operations if issubclass(op, ComputeOp)}
    assert operations().keys() == {*KNOWN} - {*OF_A_SOCKET} == compute - {CacheAppendOp.name}


# Right numbers.


def test_exp_is_within_two_ulps():
    x = np.random.default_rng(0).uniform(-700, 700, 20_000)
    error = np.abs(numerics.exp(x) / np.exp(x.astype(np.longdouble)) - 1)
    assert error.max() < 2 * np.finfo(np.float64).eps


@pytest.mark.parametrize(
    ("x", "wanted"), [(0.0, 1.0), (-np.inf, 0.0), (np.inf, np.inf), (-1e9, 0.0), (np.nan, np.nan)]
)
def test_exp_at_the_edges(x: float, wanted: float):
    with np.errstate(all="ignore"):
        assert_array_equal(numerics.exp(np.array([x])), [wanted])


@given(SEEDS, FLOATS)
def test_elementwise_operations_round_the_exact_result(seed: int, dtype: str):
    rng = np.random.default_rng(seed)
    a, b = draw(rng, (3, 7), dtype), draw(rng, (3, 7), dtype)
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    tanh = np.tanh(np.sqrt(2 / np.pi) * (wide_a + 0.044715 * wide_a**3))
    cases = {
        "add": ((a, b), wide_a + wide_b),
        "mul": ((a, b), wide_a * wide_b),
        "silu": ((a,), wide_a / (1 + np.exp(-wide_a))),
        "gelu": ((a,), wide_a / 2 * (1 + tanh)),
    }
    for name, (operands, wanted) in cases.items():
        assert_allclose(run(name, operands, (3, 7), "f64"), wanted, rtol=1e-13, atol=1e-13)
        given_ = run(name, operands, (3, 7), dtype)
        assert_same_bits(given_, rounded(run(name, operands, (3, 7), "f64"), dtype))


def test_extreme_inputs_give_infinities_without_warnings():
    x = np.array([[-np.inf, -3e38, 3e38, np.inf, np.nan]], np.float32)
    assert_array_equal(run("silu", (x,), (1, 5))[0, 1:4], [0, np.float32(3e38), np.inf])
    squares = run("mul", (x, x), (1, 5), "bf16").astype(np.float32)
    assert_array_equal(squares, [[np.inf] * 4 + [np.nan]])
    assert_array_equal(run("cast", (x,), (1, 5), "f16")[0, 1:3], [-np.inf, np.inf])


@given(SEEDS, FLOATS)
def test_matmul_is_the_matrix_product(seed: int, dtype: str):
    rng = np.random.default_rng(seed)
    lhs, rhs = draw(rng, (3, 50), dtype), draw(rng, (50, 100), dtype)
    wanted = lhs.astype(np.float64) @ rhs.astype(np.float64)
    assert_allclose(run("matmul", (lhs, rhs), (3, 100)), wanted, rtol=1e-6, atol=1e-6)


def test_matmul_adds_in_order_and_rounds_once():
    # 2^24 + 1 + 1 in f32 would stay 2^24 at each step; in f64 the sum is exact.
    lhs, rhs = np.array([[2.0**24, 1, 1]], np.float32), np.ones((3, 1), np.float32)
    assert run("matmul", (lhs, rhs), (1, 1)) == 2.0**24 + 2
    # 1 + 2^-8 is a tie of bf16; the 2^-30 behind it decides, and f32 could not hold it.
    lhs = np.array([[1, 2.0**-8, 2.0**-30]], np.float32)
    assert run("matmul", (lhs, rhs), (1, 1), "bf16") == 1 + 2.0**-7


@given(SEEDS)
def test_rms_norm(seed: int):
    rng = np.random.default_rng(seed)
    x, weight = draw(rng, (2, 64), "f32"), draw(rng, (64,), "f32")
    wanted = x / np.sqrt(np.mean(x.astype(np.float64) ** 2, -1, keepdims=True) + 1e-5) * weight
    assert_allclose(run("rms_norm", (x, weight), (2, 64), eps=1e-5), wanted, rtol=1e-6)


def test_rope_turns_each_pair_of_halves():
    x = np.arange(1, 9, dtype=np.float32).reshape(1, 8)  # two heads of 4: pairs (1,3), (2,4), …
    given_ = run("rope", (x, POSITION), (1, 8), head_dim=4, frequencies=(1.0, 0.1))
    turned = [
        (a + 1j * b) * np.exp(1j * 5 * f) for a, b, f in ((1, 3, 1), (2, 4, 0.1), (5, 7, 1), (6, 8, 0.1))
    ]
    p, q, r, s = turned
    wanted = [p.real, q.real, p.imag, q.imag, r.real, s.real, r.imag, s.imag]
    assert_allclose(given_, [wanted], rtol=1e-6)


def test_rope_turns_neighbours_where_they_are_interleaved():
    x = np.arange(1, 9, dtype=np.float32).reshape(1, 8)
    halves = x.reshape(2, 2, 2).swapaxes(1, 2).reshape(1, 8)
    turned = run("rope", (halves, POSITION), (1, 8), head_dim=4, frequencies=(1.0, 0.1))
    wanted = turned.reshape(2, 2, 2).swapaxes(1, 2).reshape(1, 8)
    given_ = run("rope", (x, POSITION), (1, 8), head_dim=4, frequencies=(1.0, 0.1), interleaved=1)
    assert_same_bits(given_, wanted)


@pytest.mark.parametrize("flags", [{}, {"interleaved": 1}])
def test_rope_leaves_what_it_does_not_rotate(flags: dict[str, int]):
    x = draw(np.random.default_rng(0), (2, 30), "f32")
    given_ = run("rope", (x, POSITION), (2, 30), head_dim=10, frequencies=(1.0, 0.1, 0.01), **flags)
    heads, turned = x.reshape(2, 3, 10), given_.reshape(2, 3, 10)
    assert_same_bits(turned[..., 6:], heads[..., 6:])
    rotating = heads[..., :6].reshape(2, 18)
    wanted = run("rope", (rotating, POSITION), (2, 18), head_dim=6, frequencies=(1.0, 0.1, 0.01), **flags)
    assert_same_bits(turned[..., :6].reshape(2, 18), wanted)


def test_the_scale_of_rope_stretches_what_rotates():
    x = draw(np.random.default_rng(0), (1, 6), "f64")
    plain = run("rope", (x, POSITION), (1, 6), "f64", head_dim=6, frequencies=(1.0, 0.1))
    scaled = run("rope", (x, POSITION), (1, 6), "f64", head_dim=6, frequencies=(1.0, 0.1), scale=2.0)
    assert_same_bits(scaled, plain * np.array([2, 2, 2, 2, 1, 1]))


def test_rope_takes_the_long_frequencies_for_longer_sequences():
    x = draw(np.random.default_rng(0), (1, 4), "f64")
    tables = {"short": (1.0, 0.1), "long": (0.5, 0.01)}
    for position in range(12):
        at = np.array(position, np.int32)
        both = {"frequencies": tables["short"], "long_frequencies": tables["long"], "long_from": 6}
        given_ = run("rope", (x, at), (1, 4), "f64", head_dim=4, **both)
        # Six tokens, positions 0 to 5, are as many as the short table is for.
        table = tables["long" if position + 1 > 6 else "short"]
        assert_same_bits(given_, run("rope", (x, at), (1, 4), "f64", head_dim=4, frequencies=table))


def test_embedding_reads_rows():
    table = np.arange(12, dtype=np.float32).reshape(4, 3)
    given_ = run("embedding", (np.array([2, 0], np.int32), table), (2, 3))
    assert_array_equal(given_, table[[2, 0]])


@pytest.mark.parametrize("row", [-1, 4])
def test_embedding_refuses_a_row_outside_the_table(row: int):
    with pytest.raises(ValueError, match=f"row {row} is outside 0 to 3"):
        run("embedding", (np.array([row], np.int32), np.zeros((4, 3), np.float32)), (1, 3))


def test_argmax_takes_the_first_of_equals():
    x = np.array([[1, 3, 3], [2, 2, 1]], ml_dtypes.bfloat16)
    given_ = run("argmax", (x,), (2,), "i32")
    assert_same_bits(given_, np.array([1, 0], np.int32))


def test_cast_copies():
    x = np.ones((1, 2), np.float32)
    assert not np.shares_memory(run("cast", (x,), (1, 2), "f32"), x)


def test_cache_append_writes_one_position_of_each_head():
    cache = np.zeros((1, 2, 8, 3), np.float32)
    cache_append(cache, np.arange(1, 7, dtype=np.float32).reshape(1, 6), POSITION)
    assert_array_equal(cache[0, :, 5], [[1, 2, 3], [4, 5, 6]])
    assert np.count_nonzero(cache) == 6
    with pytest.raises(ValueError, match="position 8 is outside 0 to 7"):
        cache_append(cache, np.zeros((1, 6), np.float32), np.array(8, np.int32))


def attention_case(seed: int, dtype: str, batch: int, groups: int, context: int):
    """Query, keys and values of 3 query heads per group, head extent 4."""
    rng = np.random.default_rng(seed)
    shape = (batch, groups, context, 4)
    query = draw(rng, (batch, groups * 3 * 4), dtype)
    return query, draw(rng, shape, dtype), draw(rng, shape, dtype)


@given(SEEDS)
def test_attention_is_softmax_of_scores_times_values(seed: int):
    query, keys, values = attention_case(seed, "f32", 2, 2, 8)
    given_ = run("attention", (query, keys, values, POSITION), query.shape, scale=0.5)
    keys, values = (np.repeat(x[:, :, :6].astype(np.float64), 3, axis=1) for x in (keys, values))
    scores = np.einsum("bhd,bhtd->bht", query.reshape(2, 6, 4).astype(np.float64), keys) * 0.5
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    wanted = np.einsum("bht,bhtd->bhd", weights / weights.sum(-1, keepdims=True), values)
    assert_allclose(given_, wanted.reshape(2, 24), rtol=2e-4, atol=2e-4)


def test_softmax_gives_exact_zeros_behind_the_position():
    scores = np.full((1, 1, 9), np.nan, np.float32)
    scores[..., :6] = 0
    given_ = run("attention_softmax", (scores, POSITION), (1, 1, 9))
    assert_array_equal(given_[0, 0], [np.float32(1 / 6)] * 6 + [0.0] * 3)


def test_attention_refuses_a_position_outside_the_context():
    query, keys, values = attention_case(0, "f32", 1, 1, 5)
    with pytest.raises(ValueError, match="position 5 is outside 0 to 4"):
        run("attention", (query, keys, values, POSITION), query.shape, scale=1.0)


# Bits that do not depend on tiling.


@st.composite
def matmul_tilings(draw_: st.DrawFn):
    extents = st.integers(1, 5), st.integers(1, 150), st.integers(1, 120)
    m, k, n = map(draw_, extents)
    return (m, k, n), cuts(draw_, m), cuts(draw_, n)


@given(SEEDS, FLOATS, RESULTS, matmul_tilings())
def test_matmul_tiles_have_the_bits_of_the_whole(seed: int, dtype: str, result: str, tiling):
    (m, k, n), rows, columns = tiling
    rng = np.random.default_rng(seed)
    lhs, rhs = draw(rng, (m, k), dtype), draw(rng, (k, n), dtype)
    whole = run("matmul", (lhs, rhs), (m, n), result)
    for row in rows:
        for column in columns:
            wanted = whole[row, column]
            tile = run("matmul", (lhs[row], rhs[:, column]), wanted.shape, result)
            assert_same_bits(tile, wanted)


@given(SEEDS, FLOATS, st.data())
def test_elementwise_tiles_have_the_bits_of_the_whole(seed: int, dtype: str, data: st.DataObject):
    rng = np.random.default_rng(seed)
    a, b = draw(rng, (2, 40), dtype), draw(rng, (2, 40), dtype)
    tiles = cuts(data.draw, 40)
    for name, operands in {"add": (a, b), "mul": (a, b), "silu": (a,), "gelu": (a,)}.items():
        whole = run(name, operands, (2, 40), dtype)
        parts = [run(name, [x[:, tile] for x in operands], whole[:, tile].shape, dtype) for tile in tiles]
        assert_same_bits(np.concatenate(parts, axis=1), whole)


ROPES = (
    {"head_dim": 6, "frequencies": (1.0, 0.1, 0.01)},
    {"head_dim": 6, "frequencies": (1.0, 0.1), "scale": 0.7, "interleaved": 1},
    {"head_dim": 6, "frequencies": (1.0,), "long_frequencies": (0.3,), "long_from": 4},
)


@given(SEEDS, FLOATS, st.data())
def test_rope_heads_have_the_bits_of_the_whole(seed: int, dtype: str, data: st.DataObject):
    x = draw(np.random.default_rng(seed), (2, 48), dtype)
    attributes = data.draw(st.sampled_from(ROPES))
    whole = run("rope", (x, POSITION), (2, 48), dtype, **attributes)
    for head in cuts(data.draw, 8):
        tile = x[:, head.start * 6 : head.stop * 6]
        given_ = run("rope", (tile, POSITION), tile.shape, dtype, **attributes)
        assert_same_bits(given_, whole[:, head.start * 6 : head.stop * 6])


@given(SEEDS, FLOATS, RESULTS, st.integers(1, 2), st.integers(1, 3), st.integers(1, 90), st.data())
def test_attention_by_tiles_has_the_bits_of_the_whole(
    seed: int, dtype: str, result: str, batch: int, groups: int, context: int, data: st.DataObject
):
    query, keys, values = attention_case(seed, dtype, batch, groups, context)
    position = np.array(data.draw(st.integers(0, context - 1)), np.int32)
    whole = run("attention", (query, keys, values, position), query.shape, result, scale=0.5)
    tiles, heads = cuts(data.draw, context), groups * 3
    scores = [
        run(
            "attention_scores",
            (query, keys[:, :, tile]),
            (batch, heads, tile.stop - tile.start),
            scale=0.5,
        )
        for tile in tiles
    ]
    row = np.concatenate(scores, axis=-1)
    probabilities = run("attention_softmax", (row, position), row.shape)
    total = np.zeros(query.shape)
    for tile in cuts(data.draw, context):
        operands = (probabilities[..., tile], values[:, :, tile], total)
        total = run("attention_values", operands, query.shape, "f64")
    assert_same_bits(run("cast", (total,), query.shape, result), whole)


@given(SEEDS)
def test_the_two_ways_of_adding_agree(seed: int):
    # Few sums go through `accumulate`, many through a loop over the terms.
    rng = np.random.default_rng(seed)
    lhs, rhs = draw(rng, (1, 200), "f32"), draw(rng, (200, 400), "f32")
    whole = run("matmul", (lhs, rhs), (1, 400), "f64")
    narrow = [run("matmul", (lhs, rhs[:, [i]]), (1, 1), "f64") for i in range(400)]
    assert_same_bits(np.concatenate(narrow, axis=1), whole)


@given(SEEDS)
def test_operations_do_not_depend_on_strides(seed: int):
    rng = np.random.default_rng(seed)
    lhs, rhs = draw(rng, (2, 30), "f32"), draw(rng, (30, 20), "f32")
    whole = run("matmul", (lhs, rhs), (2, 20))
    turned = run("matmul", (np.asfortranarray(lhs), np.repeat(rhs, 2, 1)[:, ::2]), (2, 20))
    assert_same_bits(turned, whole)
