"""How weights of fewer bits are stored: codes of a format, and scales that blocks of them share.

Plain data, and the arithmetic of blocks, without xDSL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A type of codes."""

    name: str
    bits: int
    is_whole: bool = False
    """Its codes are whole numbers, of which zero points may be taken."""

    @property
    def codes_per_byte(self) -> int:
        """Codes of 4 bits are packed along the axis `packed_axis`, the first one in the low bits."""
        return 8 // self.bits


FORMATS: Mapping[str, Format] = {
    one.name: one
    for one in (Format("f8e4m3", 8), Format("i8", 8, True), Format("i4", 4, True), Format("f4e2m1", 4))
}
"""All formats: `f8e4m3` as OCP's 8-bit specification has it (E4M3, no infinities), whole numbers in two's
complement, `f4e2m1` as OCP's specification of microscaling formats has it."""

SCALE_TYPES: Mapping[str, str] = {
    "f32": "f32",
    "f16": "f16",
    "bf16": "bf16",
    "f8e4m3": "f8E4M3FN",
    "f8e8m0": "f8E8M0FNU",
}
"""Types of scales, and their names in the IR; `f8e8m0` has powers of two alone."""

DEFAULT_SCALE_TYPE = "f32"


def has_tensor_scale(format_: str, scale_type: str) -> bool:
    """Whether scales are multiplied by an f32 of the whole tensor, as those of 8 bits with fractions are."""
    return format_ == "f4e2m1" and scale_type in ("f8e4m3", "f8E4M3FN")


def packed_axis(rank: int) -> int:
    """The axis along which several codes stand in a byte: `in` of `[in, out]`."""
    return max(rank - 2, 0)


def codes_shape(shape: Sequence[int], format_: str) -> tuple[int, ...]:
    """The bytes that codes of so many numbers take; the packed axis has to be a multiple."""
    axis, per_byte = packed_axis(len(shape)), FORMATS[format_].codes_per_byte
    return tuple(extent // per_byte if n == axis else extent for n, extent in enumerate(shape))


def blocks_of(extent: int, block: int, piece: int = 0) -> int:
    """How many blocks an axis has; with pieces of so many elements, each has blocks of its own."""
    if piece and extent > piece:
        return extent // piece * -(-piece // block)
    return -(-extent // block)


def scales_shape(shape: Sequence[int], block: Sequence[int], pieces: Sequence[int] = ()) -> tuple[int, ...]:
    """How many scales there are along each axis; `pieces` are extents, 0 for an axis that is in one piece."""
    each = pieces or [0] * len(shape)
    return tuple(blocks_of(*axis) for axis in zip(shape, block, each, strict=True))


def tensor_scale_shape(shape: Sequence[int], pieces: Sequence[int] = ()) -> tuple[int, ...]:
    """A scale for each matrix of a stack; with pieces, for each of them along its axis."""
    matrix = len(shape) - 2
    each = pieces or [0] * len(shape)
    return tuple(
        extent if axis < matrix else max(1, extent // piece) if piece else 1
        for axis, (extent, piece) in enumerate(zip(shape, each, strict=True))
    )


CODES, SCALES, ZEROS, TENSOR_SCALE = "codes", "scales", "zeros", "tensor_scale"
SUFFIXES: Mapping[str, str] = {CODES: "", SCALES: ".scale", ZEROS: ".zero", TENSOR_SCALE: ".tensor_scale"}
"""What a weight of fewer bits consists of, and how the names of these weights end."""

LAYOUTS = ("awq", "gptq", "gptq_v2", "mxfp4", "nvfp4", "packed")
"""Layouts in which several tensors of a checkpoint, named by their prefix, hold a weight."""


@dataclass(frozen=True)
class StoredPart:
    """Which part of a weight of fewer bits a weight is."""

    part: str
    format: str
    shape: tuple[int, ...]
    """Of the numbers that it stands for: of one layer, where layers are stacked."""
    block: tuple[int, ...]
    layout: str = ""
    """Of the checkpoint's tensors; empty where each part is a tensor of its own."""

    def __post_init__(self) -> None:
        if self.part not in SUFFIXES or self.format not in FORMATS or self.layout not in ("", *LAYOUTS):
            raise ValueError(f"{self} is no part of a stored weight")
        if min((*self.shape, *self.block), default=1) < 1:
            raise ValueError(f"{self} has extents or blocks of less than 1")
        if len(self.shape) != len(self.block):
            raise ValueError(f"{self} has blocks of {len(self.block)} dimensions")

    def fault(self, number: int, format_: str, block: Sequence[int], split: int | None) -> str:
        """What is wrong with it as operand `number` of an `nn.dequantize`; nothing if empty.

        Codes may have finer blocks along the axis that is `split` over sockets, counted from the end; what
        stands beside them does not say which axis that is.
        """
        if self.part not in _OPERANDS[number]:
            return f"has the {self.part}, and is read as the {' or '.join(_OPERANDS[number])}"
        axes = zip(reversed(self.shape), reversed(self.block), reversed(block), strict=False)
        fits = format_ == self.format and all(
            _fits(*axis, finer=self.part != CODES or split == -after) for after, axis in enumerate(axes, 1)
        )
        stored, read = [*self.block], [*block]
        if fits:
            return ""
        return f"is stored as {self.format} in blocks of {stored}, and read as {format_} in blocks of {read}"


_OPERANDS = ((CODES,), (SCALES,), (ZEROS, TENSOR_SCALE))
"""The parts that each operand of `nn.dequantize` may be."""


def _fits(extent: int, stored: int, read: int, *, finer: bool) -> bool:
    """Whether blocks along an axis are those that are stored, or, where they may be, finer ones."""
    if finer and (stored >= extent or stored % read == 0):
        return True
    return min(stored, extent) == min(read, extent)
