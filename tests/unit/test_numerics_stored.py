"""Weights of fewer bits in numbers: codes against ml_dtypes, widening against plain loops, tiles, parts."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from kl.backends.collectives import shards
from kl.backends.numerics_stored import code_values, codes_of, dequantize, packed_codes, unpacked_codes
from kl.backends.tensors import Array, TensorSpec, rounded
from kl.dialects.stored_formats import FORMATS, codes_shape, packed_axis, scales_shape

JUDGES = {"f8e4m3": ml_dtypes.float8_e4m3fn, "f4e2m1": ml_dtypes.float4_e2m1fn, "i4": ml_dtypes.int4}


@pytest.mark.parametrize("name", JUDGES)
def test_codes_stand_for_what_ml_dtypes_says(name: str):
    bits = np.arange(1 << FORMATS[name].bits, dtype=np.uint8)
    judge = bits.view(JUDGES[name]).astype(np.float64)
    assert_array_equal(code_values(name), judge)
    if name != "i4":
        assert_array_equal(np.signbit(code_values(name)), np.signbit(judge))


def test_codes_of_whole_numbers_are_in_twos_complement():
    assert_array_equal(code_values("i8"), np.arange(256, dtype=np.uint8).view(np.int8))


def test_nearest_codes_are_those_of_ml_dtypes_but_at_the_end():
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal(20_000) * np.exp2(rng.integers(-13, 12, 20_000))
    halves = (code_values("f8e4m3")[:126] + code_values("f8e4m3")[1:127]) / 2
    numbers = np.clip(np.concatenate([numbers, halves, -halves]), -448, 448)
    wanted = numbers.astype(np.float32).astype(ml_dtypes.float8_e4m3fn)
    assert_array_equal(code_values("f8e4m3")[codes_of(numbers, "f8e4m3")], wanted.astype(np.float64))
    assert_array_equal(rounded(numbers, "f8E4M3FN").astype(np.float64), wanted.astype(np.float64))


def test_beyond_the_largest_number_of_8_bits_is_that_number():
    given = np.array([449.0, 465.0, 1e30, -np.inf, np.nan])
    for dtype in (np.float64, np.float32, ml_dtypes.bfloat16):
        found = rounded(given.astype(dtype), "f8E4M3FN").astype(np.float64)
        assert_array_equal(found, [448.0, 448.0, 448.0, -448.0, np.nan])


def test_what_is_cast_to_8_bits_is_rounded_once():
    tie = 1.0625  # between 1 and 1.125; the bits behind it decide, which f32 does not have
    given = np.array([tie, tie + 2.0**-40, tie - 2.0**-40])
    assert_array_equal(rounded(given, "f8E4M3FN").astype(np.float64), [1.0, 1.125, 1.0])


@pytest.mark.parametrize("shape", [(6,), (4, 3), (3, 6, 2)])
@pytest.mark.parametrize("name", FORMATS)
def test_codes_are_unpacked_as_they_were_packed(name: str, shape: tuple[int, ...]):
    codes = np.random.default_rng(1).integers(0, 1 << FORMATS[name].bits, shape, np.uint8)
    packed = packed_codes(codes, name)
    assert (packed.dtype, packed.shape) == (np.int8, codes_shape(shape, name))
    assert_array_equal(unpacked_codes(packed, name), codes)


def test_the_first_of_two_codes_is_in_the_low_bits():
    assert_array_equal(packed_codes(np.array([[1], [2]]), "i4"), [[0x21]])


def widened(format_: str, block: tuple[int, ...], operands: list[Array], shape: tuple[int, ...]) -> Array:
    """What codes and scales stand for, in bf16."""
    return dequantize(operands, {f"format_{format_}": 1, "block": block}, TensorSpec(shape, "bf16"))


def exactly(format_: str, block: tuple[int, ...], operands: list[Array], shape: tuple[int, ...]) -> Array:
    """The same one by one, in fractions, rounded once."""
    codes, scales, *extra = operands
    values = code_values(format_)[unpacked_codes(codes, format_)]
    found = np.zeros(shape, np.float64)
    for place in np.ndindex(*shape):
        own = tuple(index // size for index, size in zip(place, block, strict=True))
        code, scale = Fraction(float(values[place])), Fraction(float(scales[own]))
        if extra and extra[0].dtype == np.int8:
            code -= int(extra[0][own])
        elif extra:
            scale *= Fraction(float(extra[0].item()))
        found[place] = float(code * scale)
        assert Fraction(float(found[place])) == code * scale, "no product has more bits than f64"
    return rounded(found, "bf16")


def random_parts(
    rng: np.random.Generator, format_: str, shape: tuple[int, ...], block: tuple[int, ...]
) -> list[Array]:
    """Random codes and scales, with zero points or a scale of scales where the format has them."""
    codes = rng.integers(0, 1 << FORMATS[format_].bits, shape, np.uint8)
    if format_ == "f8e4m3":
        codes[codes & 127 == 127] = 0
    numbers = rng.standard_normal(scales_shape(shape, block)) + 2
    parts = [packed_codes(codes, format_), numbers.astype(np.float32)]
    if FORMATS[format_].is_whole:
        return [*parts, rng.integers(-8, 9, numbers.shape, np.int8)]
    if format_ == "f4e2m1":
        return [parts[0], rounded(numbers, "f8E4M3FN"), np.full((1, 1), rng.random(), np.float32)]
    return parts


@pytest.mark.parametrize("seed", range(12))
def test_widening_is_exact_for_any_shape_and_block(seed: int):
    rng = np.random.default_rng(seed)
    format_ = [*FORMATS][seed % 4]
    shape, block = (
        (2 * int(rng.integers(1, 6)), int(rng.integers(1, 12))),
        tuple(rng.integers(1, 8, 2).tolist()),
    )
    parts = random_parts(rng, format_, shape, block)
    assert_array_equal(widened(format_, block, parts, shape), exactly(format_, block, parts, shape))


@pytest.mark.parametrize("seed", range(12))
def test_tiles_of_whole_blocks_are_tiles_of_the_whole(seed: int):
    rng = np.random.default_rng(seed)
    format_, axis = [*FORMATS][seed % 4], seed // 4 % 2
    block = (2 * int(rng.integers(1, 4)), int(rng.integers(1, 6)))
    shape = (2 * int(rng.integers(3, 9)), int(rng.integers(3, 17)))
    parts = random_parts(rng, format_, shape, block)
    whole, tile = widened(format_, block, parts, shape), block[axis] * int(rng.integers(1, 3))
    per_byte = FORMATS[format_].codes_per_byte if axis == packed_axis(2) else 1
    for first in range(0, shape[axis], tile):
        last = min(first + tile, shape[axis])
        own = [np.take(parts[0], range(first // per_byte, last // per_byte), axis)]
        scales = range(first // block[axis], -(-last // block[axis]))
        own += [part if part.size == 1 else np.take(part, scales, axis) for part in parts[1:]]
        wanted = np.take(whole, range(first, last), axis)
        assert_array_equal(widened(format_, block, own, wanted.shape), wanted)


def test_pieces_have_blocks_of_their_own():
    codes, scales = np.ones((1, 6), np.int8), np.array([[1.0, 2.0, 3.0, 4.0]], np.float32)
    attributes = {"format_i8": 1, "block": (1, 2), "pieces": (0, 3)}
    found = dequantize([codes, scales], attributes, TensorSpec((1, 6), "bf16"))
    assert_array_equal(found.astype(np.float64), [[1.0, 1.0, 2.0, 3.0, 3.0, 4.0]])


def test_repeated_scales_of_parts_are_those_of_the_whole():
    # 768 columns in blocks of 128 on 16 sockets: 48 columns each, in blocks of 16.
    rng = np.random.default_rng(0)
    shape, block = (4, 768), (4, 128)
    codes, scales = random_parts(rng, "f8e4m3", shape, block)
    whole = widened("f8e4m3", block, [codes, scales], shape)
    parts = zip(shards(codes, 1, 16, 16), shards(scales, 1, 16, 16, (), 8), strict=True)
    found = [widened("f8e4m3", (4, 16), [*part], (4, 48)) for part in parts]
    assert_array_equal(np.concatenate(found, 1), whole)


def test_what_repeated_scales_have_too_much_is_left_out():
    scales = np.arange(1, 6, dtype=np.float32)  # of 576 columns in blocks of 128, for 16 parts of 36
    parts = shards(scales, 0, 16, 16, (144, 0), 32)
    assert_array_equal(np.concatenate(parts), scales[np.arange(144) // 32])
