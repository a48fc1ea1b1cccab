"""Packed matrices of checkpoints: what is packed comes back, and what does not fit is refused."""

from __future__ import annotations

from random import Random

import ml_dtypes
import numpy as np
import pytest
import stored_packing as packing
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from kl.backends.stored_layouts import Unpacked, unpacked
from kl.backends.tensors import Array
from kl.dialects.stored_layouts import LAYOUTS, StoredMatrix, parts_of

E2M1 = (0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6)
"""The numbers of f4e2m1 by their codes, as the OCP's format of microscaling says."""
BITS = {"i4": 4, "i8": 8}


def numbers(rng: Random, rows: int, columns: int, low: int, high: int) -> list[list[int]]:
    """Random whole numbers from `low` to `high`."""
    return [[rng.randint(low, high) for _ in range(columns)] for _ in range(rows)]


def halves(bytes_: Array) -> Array:
    """The 4-bit codes of bytes `[in / 2, out]`, as numbers from 0."""
    found = bytes_.view(np.uint8)
    both = np.stack([found & 15, found >> 4], axis=-2)
    return both.reshape(*found.shape[:-2], -1, found.shape[-1])


def matrix_of(found: Unpacked, matrix: StoredMatrix) -> Array:
    """The numbers of a matrix of whole codes, in f64."""
    codes = found.codes.astype(np.int64)
    if matrix.bits == 4:
        codes = (halves(found.codes).astype(np.int64) ^ 8) - 8
    groups = np.arange(matrix.shape[0]) // matrix.block[0]
    zeros = 0 if found.zeros is None else found.zeros.astype(np.int64)[groups]
    return (codes - zeros) * found.scales.astype(np.float64)[groups]


def expected(codes: list[list[int]], zeros: list[list[int]], scales: Array) -> Array:
    """`(code - zero) * scale`, as all the packages write it."""
    group = len(codes) // len(zeros)
    return np.array(
        [
            [(code - zeros[n // group][m]) * float(scales[n // group, m]) for m, code in enumerate(row)]
            for n, row in enumerate(codes)
        ]
    )


SHAPES = st.tuples(st.integers(1, 3), st.sampled_from([8, 16, 24]), st.sampled_from([8, 16]))
"""Groups, inputs in a group, outputs."""


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["gptq", "gptq_v2", "awq", "packed", "packed without zeros"]),
    SHAPES,
    st.sampled_from([4, 8]),
    st.integers(),
)
def test_whole_codes_with_zero_points(layout: str, shape: tuple[int, int, int], bits: int, seed: int):
    rng, (groups, group, outputs) = Random(seed), shape
    bits = 4 if layout == "awq" else bits
    top = (1 << bits) - 1
    codes = numbers(rng, groups * group, outputs, 0, top)
    zeros = numbers(rng, groups, outputs, 1 if layout == "gptq" else 0, top)
    scales = np.array(numbers(rng, groups, outputs, 1, 999), np.float16) / np.float16(512)
    match layout:
        case "gptq" | "gptq_v2":
            tensors = packing.gptq(codes, zeros, scales, bits, less=int(layout == "gptq"))
        case "awq":
            tensors = packing.awq(codes, zeros, scales)
        case "packed":
            tensors = packing.packed(codes, zeros, scales, bits)
        case _:
            tensors = packing.packed(codes, None, scales, bits)
            zeros = [[1 << (bits - 1)] * outputs for _ in range(groups)]
    matrix = StoredMatrix((groups * group, outputs), "i4" if bits == 4 else "i8", (group, 1))
    found = unpacked(layout.partition(" ")[0], tensors, matrix)
    assert found.codes.shape == matrix.codes_shape
    assert found.codes.dtype == np.int8
    assert found.scales.shape == matrix.blocks
    assert (found.zeros is None) == (layout == "packed without zeros")
    assert_array_equal(matrix_of(found, matrix), expected(codes, zeros, scales))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.integers(1, 9), st.integers())
def test_mxfp4(groups: int, outputs: int, seed: int):
    rng = Random(seed)
    codes, exponents = numbers(rng, 32 * groups, outputs, 0, 15), numbers(rng, groups, outputs, 0, 254)
    matrix = StoredMatrix((32 * groups, outputs), "f4e2m1", (32, 1))
    found = unpacked("mxfp4", packing.mxfp4(codes, exponents), matrix)
    assert found.codes.shape == matrix.codes_shape
    assert_array_equal(halves(found.codes), codes)
    assert_array_equal(found.scales.view(np.uint8), exponents)
    assert found.whole is None


def test_a_stack_of_mxfp4_is_that_of_its_matrices():
    rng = Random(3)
    parts = [packing.mxfp4(numbers(rng, 64, 6, 0, 15), numbers(rng, 2, 6, 0, 254)) for _ in range(3)]
    stack = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    found = unpacked("mxfp4", stack, StoredMatrix((3, 64, 6), "f4e2m1", (32, 1)))
    for number, part in enumerate(parts):
        one = unpacked("mxfp4", part, StoredMatrix((64, 6), "f4e2m1", (32, 1)))
        assert_array_equal(found.codes[number], one.codes)
        assert_array_equal(found.scales[number], one.scales)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.integers(1, 9), st.integers())
def test_nvfp4(groups: int, outputs: int, seed: int):
    rng = Random(seed)
    codes, scales = numbers(rng, 16 * groups, outputs, 0, 15), numbers(rng, groups, outputs, 0, 126)
    found = unpacked(
        "nvfp4",
        packing.nvfp4(codes, scales, 0.37),
        StoredMatrix((16 * groups, outputs), "f4e2m1", (16, 1)),
    )
    assert_array_equal(halves(found.codes), codes)
    assert_array_equal(found.scales.view(np.uint8), scales)
    assert found.whole == np.float32(0.37)


def test_a_row_of_gpt_oss_by_hand():
    """An output whose bytes are 0x10, 0x32, … has the numbers of codes 0, 1, 2, 3, …"""
    blocks = np.array([[[(2 * n + 1) % 16 << 4 | 2 * n % 16 for n in range(16)]]], np.uint8)
    tensors = {"_blocks": blocks, "_scales": np.array([[128]], np.uint8)}
    found = unpacked("mxfp4", tensors, StoredMatrix((32, 1), "f4e2m1", (32, 1)))
    assert found.scales.dtype == ml_dtypes.float8_e8m0fnu
    values = np.array(E2M1)[halves(found.codes)[:, 0]] * float(found.scales[0, 0])
    assert values.tolist() == [2.0 * E2M1[n % 16] for n in range(32)]


def test_a_word_of_awq_by_hand():
    """The word 0x75316420 holds 0 to 7 for outputs 0 to 7."""
    tensors = {
        ".qweight": np.array([[0x75316420], [0]], np.int32),
        ".qzeros": np.array([[0]], np.int32),
        ".scales": np.ones((1, 8), np.float16),
    }
    found = unpacked("awq", tensors, StoredMatrix((2, 8), "i4", (2, 1)))
    assert halves(found.codes)[0].tolist() == [(n - 8) % 16 for n in range(8)]


# What is refused.


def some_gptq(less: int = 1) -> dict[str, Array]:
    """A matrix of 16 inputs in two groups and 8 outputs, of zeros at 8."""
    return packing.gptq([[0] * 8] * 16, [[8] * 8] * 2, np.ones((2, 8), np.float16), 4, less)


GPTQ = StoredMatrix((16, 8), "i4", (8, 1))


def refused(tensors: dict[str, Array], message: str, layout: str = "gptq", matrix: StoredMatrix = GPTQ):
    """Unpacking fails with a message that matches."""
    with pytest.raises(ValueError, match=message):
        unpacked(layout, tensors, matrix)


def test_a_missing_tensor():
    tensors = some_gptq()
    del tensors[".scales"]
    refused(tensors, r"gptq needs a tensor that ends in '\.scales'")
    del tensors[".g_idx"]
    refused(tensors, r"'\.scales'")


def test_a_tensor_of_another_shape():
    refused(some_gptq() | {".scales": np.ones((4, 8))}, r"'\.scales' has shape \[4, 8\], not \[2, 8\]")


def test_inputs_in_another_order():
    order = np.array([0, 1] * 8, np.int32)
    refused(some_gptq() | {".g_idx": order}, "another order .*quantize with desc_act = false")


def test_a_zero_point_that_says_two_things():
    stored = some_gptq() | {".qzeros": np.full((2, 1), -1, np.int32)}
    refused(stored, "holds 15, which GPTQ's first version writes for 16 or for 0: .*gptq_v2")
    assert (unpacked("gptq_v2", stored, GPTQ).zeros == 7).all()


def test_a_shape_that_says_another():
    tensors = packing.packed([[0] * 8] * 16, None, np.ones((2, 8), np.float16), 4)
    tensors[".weight_shape"] = np.array([8, 8])
    refused(tensors, r"'\.weight_shape' is \[8, 8\], not \[8, 16\]", "packed")


WRONG = {
    "another type": ("awq", ((16, 8), "i8", (8, 1)), "awq holds i4, not i8"),
    "blocks of outputs": ("gptq", ((16, 8), "i4", (8, 2)), r"scales of \[8, 1\] elements, not \[8, 2\]"),
    "another group": ("mxfp4", ((64, 8), "f4e2m1", (16, 1)), r"scales of \[32, 1\] elements, not \[16, 1\]"),
    "a group that is cut off": ("nvfp4", ((24, 8), "f4e2m1", (16, 1)), "24 inputs are no whole groups of 16"),
    "a word that is cut off": ("gptq", ((12, 8), "i4", (6, 1)), "8 codes a word; 12 inputs are no whole"),
    "outputs that are cut off": ("awq", ((16, 12), "i4", (8, 1)), "8 codes a word; 12 outputs are no whole"),
    "a stack": ("nvfp4", ((2, 16, 8), "f4e2m1", (16, 1)), r"not a stack of shape \[2, 16, 8\]"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_matrix_that_a_layout_does_not_hold(case: str):
    layout, (shape, format_, block), message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        parts_of(layout, StoredMatrix(shape, format_, block))


def test_every_layout_can_be_unpacked():
    for layout, found in LAYOUTS.items():
        matrix = StoredMatrix((64, 8), found.formats[0], (16 if layout == "nvfp4" else 32, 1))
        with pytest.raises(ValueError, match="needs a tensor"):
            unpacked(layout, {}, matrix)
