"""The rule of weights of fewer bits: how codes, scales and what they stand for fit together."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from ..stored_formats import (
    FORMATS,
    codes_shape,
    has_tensor_scale,
    packed_axis,
    scales_shape,
    tensor_scale_shape,
)
from .rule import Call, Kind, Rule, Tensor, expect, is_integer


def _format(call: Call) -> str:
    """Raises: RuleError unless one of the formats is given."""
    given = [name.removeprefix("format_") for name in call.attributes if name.startswith("format_")]
    known = ", ".join(FORMATS)
    expect(len(given) == 1, f"formats given: {', '.join(given) or 'none'}; it takes one of {known}")
    expect(given[0] in FORMATS, f"format '{given[0]}'; known: {known}")
    return given[0]


def _has_zeros(call: Call) -> bool:
    """Whether there are zero points."""
    return len(call.operands) > 2 and is_integer(call.operands[2].dtype)


def _types(call: Call) -> None:
    format_, shape, block = _format(call), call.made.shape, call.numbers("block")
    pieces = call.numbers("pieces") or (0,) * len(block)
    expect(len(shape) > 0, "a scalar has no blocks")
    for what, given in (("block", block), ("pieces", pieces)):
        expect(len(given) == len(shape), f"{what} is {[*given]}, the result has {len(shape)} dimensions")
    expect(min(block) > 0, f"block is {[*block]}; each is at least 1")
    for extent, piece in zip(shape, pieces, strict=True):
        fits = piece >= 0 and (piece == 0 or extent <= piece or extent % piece == 0)
        expect(fits, f"pieces of {piece} along an axis of {extent}")
    made = call.made
    expect(not made.dtype.startswith("f8"), lambda: f"result is a {made}; numbers take 16 bits at least")
    along = call.number("along")
    expect(0 <= along < len(shape), f"along is {along}, the result has {len(shape)} dimensions")
    _check_codes(call, format_)
    _check_scales(call, format_, scales_shape(shape, block, pieces))
    if len(call.operands) > 2 and not _has_zeros(call):
        given, of_pieces = call.operands[2].shape, tensor_scale_shape(shape, pieces)
        expect(given == of_pieces, f"the scale of the tensor is {given}, should be {of_pieces}")


def _check_codes(call: Call, format_: str) -> None:
    shape, codes = call.made.shape, call.operands[0]
    per_byte, extent = FORMATS[format_].codes_per_byte, shape[packed_axis(len(shape))]
    expect(extent % per_byte == 0, f"{extent} codes of {format_} are no whole bytes")
    wanted = Tensor(codes_shape(shape, format_), "i8")
    fits = (codes.shape, codes.dtype) == (wanted.shape, wanted.dtype)
    expect(fits, lambda: f"codes are a {codes}, should be a {wanted}")


def _check_scales(call: Call, format_: str, wanted: tuple[int, ...]) -> None:
    scales = call.operands[1]
    blocks = [*call.numbers("block")]
    expect(scales.shape == wanted, lambda: f"scales are {scales.shape}; blocks {blocks} make {wanted}")
    needs = has_tensor_scale(format_, scales.dtype)
    if len(call.operands) < 3:
        expect(not needs, f"{format_} with scales of 8 bits has a scale of the tensor, too")
        return
    extra = call.operands[2]
    if _has_zeros(call):
        expect(FORMATS[format_].is_whole, f"{format_} has no zero points")
        expect((extra.shape, extra.dtype) == (wanted, "i8"), lambda: f"zero points are a {extra}")
        return
    expect(needs, f"{format_} has no scale of the tensor")


def _flops(call: Call) -> int:
    """A product for each number, and a difference where there are zero points."""
    return prod(call.made.shape) * (2 if _has_zeros(call) else 1)


_FORMAT_FLAGS: Mapping[str, Kind] = {f"format_{name}": "flag" for name in FORMATS}

STORED: Mapping[str, Rule] = {
    "nn.dequantize": Rule(
        "ifn?",
        "f",
        _types,
        _flops,
        needs={"block": "integers"},
        may={"pieces": "integers", "along": "integer", **_FORMAT_FLAGS},
    )
}
