"""The numpy meaning of elements and norms: right numbers against `math` and numpy, bits that ignore tiles."""

import math
from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from kl.backends import arithmetic
from kl.backends.numerics import OPERATIONS
from kl.backends.tensors import TensorSpec, rounded

SEEDS = st.integers(0, 2**32 - 1)
FLOATS = st.sampled_from(["bf16", "f16", "f32"])


def run(name: str, operands, shape, dtype="f64", **attributes) -> NDArray:
    """One operation on arrays."""
    return OPERATIONS[f"nn.{name}"](operands, attributes, TensorSpec(shape, dtype))


def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> NDArray:
    """Normal numbers of magnitudes from 1/64 to 64."""
    return rounded(rng.standard_normal(shape) * 2.0 ** rng.integers(-6, 7, shape), dtype)


def bits(array: NDArray, dtype: str) -> bytes:
    """Those of f64 numbers in a narrower type, some of them too large for it."""
    with np.errstate(over="ignore"):
        return rounded(array, dtype).tobytes()


# Functions of one number.


def of_each(function: Callable[[float], float], x: NDArray) -> NDArray:
    return np.array([function(float(number)) for number in x.flat]).reshape(x.shape)


WIDE: dict[str, tuple[Callable[[float], float], tuple[float, float], float]] = {
    "expm1": (math.expm1, (-700, 0), 1e-15),
    "tanh": (math.tanh, (-30, 30), 1e-15),
    "log1p": (math.log1p, (0, 1), 1e-15),
    "erfc": (math.erfc, (-8, 26), 2e-13),
}
"""Of each function in f64: its oracle, its range, its error relative to the result."""


@pytest.mark.parametrize("name", WIDE)
@given(seed=SEEDS)
def test_functions_in_f64_are_close_to_those_of_the_c_library(name: str, seed: int):
    oracle, (low, high), error = WIDE[name]
    rng = np.random.default_rng(seed)
    x = np.concatenate([rng.uniform(low, high, 40), (rng.random(10) - (high <= 0)) * 2.0**-20])
    assert_allclose(getattr(arithmetic, name)(x), of_each(oracle, x), rtol=error, atol=0)


ELEMENTS: dict[str, Callable[[float], float]] = {
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "relu": lambda x: max(x, 0.0),
    "exp": math.exp,
    "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
    "sqrt": lambda x: math.sqrt(abs(x)),
    "gelu_erf": lambda x: x / 2 * math.erfc(-x / math.sqrt(2)),
}


@pytest.mark.parametrize("name", ELEMENTS)
@given(seed=SEEDS, dtype=FLOATS)
def test_activations_round_the_right_number_once(name: str, seed: int, dtype: str):
    x = draw(np.random.default_rng(seed), (3, 7), dtype)
    x = np.abs(x) if name == "sqrt" else x
    wanted = run(name, (x,), x.shape)
    assert_allclose(wanted, of_each(ELEMENTS[name], x), rtol=3e-13, atol=1e-300)
    assert run(name, (x,), x.shape, dtype).tobytes() == bits(wanted, dtype)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("sigmoid", [0, 0.5, 1, np.nan]),
        ("tanh", [-1, 0, 1, np.nan]),
        ("relu", [0, 0, np.inf, np.nan]),
        ("exp", [0, 1, np.inf, np.nan]),
        ("softplus", [0, math.log(2), np.inf, np.nan]),
        ("sqrt", [np.nan, 0, np.inf, np.nan]),
    ],
)
def test_activations_at_the_edges(name: str, wanted: list[float]):
    x = np.array([-np.inf, 0, np.inf, np.nan])
    assert_allclose(run(name, (x,), (4,)), wanted, rtol=1e-15)


def test_a_function_of_zero_is_zero_where_it_says_so():
    """What `OF_ZEROS` promises to the padding of heads."""
    from kl.dialects.nn import NN
    from kl.dialects.nn_elementwise import ElementwiseOp

    zero, kept = np.zeros(1), set()
    numbers = {"number": 3.0, "low": 1.0, "high": 2.0}
    for operation in NN.operations:
        if issubclass(operation, ElementwiseOp):
            names = [name for name, _ in operation.get_irdl_definition().operands]
            result = OPERATIONS[operation.name]([zero] * len(names), numbers, TensorSpec((1,), "f64"))
            kinds = {"zeros": result[0] == 0, "numbers": np.isfinite(result[0]), "poles": True}
            assert kinds[operation.OF_ZEROS], operation.name
            kept.add(operation.OF_ZEROS)
    assert kept == {"zeros", "numbers", "poles"}


# Two tensors, and a tensor and a number.


@given(SEEDS, FLOATS, st.sampled_from([(3, 7), (7,), ()]), st.booleans())
def test_a_smaller_operand_is_repeated(seed: int, dtype: str, shape: tuple[int, ...], left: bool):
    rng = np.random.default_rng(seed)
    a, b = draw(rng, (3, 7), dtype), draw(rng, shape, dtype)
    a, b = (b, a) if left else (a, b)
    wide_a, wide_b = np.broadcast_arrays(a.astype(np.float64), b.astype(np.float64))
    with np.errstate(divide="ignore"):
        wanted = {
            "add": wide_a + wide_b,
            "sub": wide_a - wide_b,
            "mul": wide_a * wide_b,
            "div": wide_a / wide_b,
        }
    for name, exact in wanted.items():
        assert run(name, (a, b), (3, 7), dtype).tobytes() == bits(exact, dtype)


@given(SEEDS, FLOATS, st.floats(0.01, 100))
def test_numbers_are_f64(seed: int, dtype: str, number: float):
    x = draw(np.random.default_rng(seed), (3, 7), dtype)
    wide = x.astype(np.float64)
    wanted = {
        "add_scalar": wide + number,
        "mul_scalar": wide * number,
        "div_scalar": wide / number,
        "rsub_scalar": number - wide,
        "rdiv_scalar": number / wide,
    }
    for name, exact in wanted.items():
        assert run(name, (x,), (3, 7), dtype, number=number).tobytes() == bits(exact, dtype)


def test_a_number_is_not_rounded_to_the_type_of_the_tensor():
    x = np.array([3.0], ml_dtypes.bfloat16)
    assert run("mul_scalar", (x,), (1,), "f32", number=1 + 2.0**-20) == np.float32(3 + 3 * 2.0**-20)


def test_clamp_keeps_what_lies_between():
    x = np.array([-np.inf, -3, 0.5, 3, np.nan])
    assert_array_equal(run("clamp", (x,), (5,), low=-2.0, high=2.5), [-2, -2, 0.5, 2.5, np.nan])


# Norms.


def norm_case(seed: int, dtype: str, groups: int, parameters: str):
    """x `[3, groups * 6]`, and the gain or bias as each of the ways in which it may come."""
    rng = np.random.default_rng(seed)
    x = draw(rng, (3, groups * 6), dtype)
    shape = {"shared": (6,), "flat": (groups * 6,), "heads": (groups, 6)}[parameters]
    return x, draw(rng, shape, "f32"), draw(rng, shape, "f32")


PARAMETERS = st.sampled_from(["shared", "flat", "heads"])


@given(SEEDS, FLOATS, st.sampled_from([1, 2, 5]), PARAMETERS)
def test_norms_of_groups(seed: int, dtype: str, groups: int, parameters: str):
    x, gain, bias = norm_case(seed, dtype, groups, parameters)
    rows = x.astype(np.float64).reshape(3, groups, 6)
    own = [array.astype(np.float64).reshape(-1, 6) for array in (gain, bias)]
    root = np.sqrt(np.mean(rows**2, -1, keepdims=True) + 1e-3)
    centred = rows - np.mean(rows, -1, keepdims=True)
    deviation = np.sqrt(np.var(rows, -1, keepdims=True) + 1e-3)
    attributes = {"eps": 1e-3, "group": 6}
    cases = [
        ("rms_norm", (x,), rows / root),
        ("rms_norm", (x, gain), rows / root * own[0]),
        ("layer_norm", (x,), centred / deviation),
        ("layer_norm", (x, gain), centred / deviation * own[0]),
        ("layer_norm", (x, gain, bias), centred / deviation * own[0] + own[1]),
    ]
    for name, operands, wanted in cases:
        given_ = run(name, operands, x.shape, **attributes)
        assert_allclose(given_, wanted.reshape(x.shape), rtol=1e-11, atol=1e-11)


@given(SEEDS, FLOATS, st.sampled_from(["rms_norm", "layer_norm"]), st.sampled_from(["shared", "flat"]))
def test_tiles_of_whole_groups_have_the_same_bits(seed: int, dtype: str, name: str, parameters: str):
    x, gain, _ = norm_case(seed, dtype, 5, parameters)
    attributes = {"eps": 1e-3, "group": 6}
    whole = run(name, (x, gain), x.shape, **attributes)
    for tile in (slice(0, 6), slice(6, 18), slice(18, 30)):
        own = gain if parameters == "shared" else gain[tile]
        part = run(name, (x[:, tile], own), (3, tile.stop - tile.start), **attributes)
        assert part.tobytes() == whole[:, tile].tobytes()


@given(SEEDS, FLOATS, st.integers(1, 3))
def test_a_row_in_parts_is_scaled_as_a_whole(seed: int, dtype: str, copies: int):
    """`copies` sockets have each part, so that its squares count so often."""
    x, gain, _ = norm_case(seed, dtype, 2, "flat")
    parts = [x[:, :6], x[:, 6:]]
    total = copies * sum(run("square_sum", (part,), (3, 1)) for part in parts)
    wanted = run("rms_norm", (x, gain), x.shape, eps=1e-3)
    for part, own, whole in zip(parts, (gain[:6], gain[6:]), (wanted[:, :6], wanted[:, 6:]), strict=True):
        scaled = run("rms_scale", (part, total, own), part.shape, eps=1e-3, count=12 * copies)
        assert_allclose(scaled, whole, rtol=1e-12)


@given(SEEDS, st.sampled_from(["sigmoid", "tanh", "exp", "softplus", "gelu_erf"]))
def test_functions_of_tiles_have_the_same_bits(seed: int, name: str):
    x = draw(np.random.default_rng(seed), (2, 37), "f32")
    whole = run(name, (x,), x.shape)
    cut = [run(name, (x[:, tile],), x[:, tile].shape) for tile in (slice(0, 1), slice(1, 20), slice(20, 37))]
    assert np.concatenate(cut, axis=1).tobytes() == whole.tobytes()
