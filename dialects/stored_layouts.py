"""Layouts in which checkpoints hold matrices of few bits: the tensors of each, their types and their shapes.

A layout is named in a text behind `from`, and the name behind it is the prefix of its tensors. Programs are
read and checked without numpy; `backends/stored_layouts.py` unpacks what lies there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

from .stored_formats import FORMATS, codes_shape, scales_shape

FLOATS = ("F32", "F16", "BF16")
"""Types of scales that are floats."""
WORD_BITS = 32
"""Of the words that GPTQ, AWQ and compressed-tensors pack codes into."""


@dataclass(frozen=True)
class StoredMatrix:
    """A matrix of codes, or a stack of them, whatever holds it."""

    shape: tuple[int, ...]
    """`[…, in, out]`, as a text declares it."""
    format: str
    block: tuple[int, int]
    """How many elements along `in` and along `out` share a scale; the last block may be cut off."""

    def __post_init__(self) -> None:
        if self.format not in FORMATS or len(self.shape) < 2 or min(self.block) < 1:
            raise ValueError(f"{self} is no matrix of codes")

    @property
    def bits(self) -> int:
        """Bits of a code."""
        return FORMATS[self.format].bits

    @property
    def codes_shape(self) -> tuple[int, ...]:
        """The shape of its codes in bytes: two 4-bit codes a byte, along `in`."""
        return codes_shape(self.shape, self.format)

    @property
    def blocks(self) -> tuple[int, ...]:
        """The shape of its scales: one for each block."""
        stack = (1,) * (len(self.shape) - 2)
        return scales_shape(self.shape, (*stack, *self.block))


@dataclass(frozen=True)
class HeldTensor:
    """One of the tensors that hold a matrix."""

    dtypes: tuple[str, ...]
    """The types of safetensors files that it may have."""
    shape: tuple[int, ...]
    optional: bool = False

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of a shape is this one: a single number may have an axis of its own."""
        return shape == self.shape or (self.shape == () and shape == (1,))


Parts = Mapping[str, HeldTensor]


@dataclass(frozen=True)
class Layout:
    """A way of holding matrices of few bits."""

    formats: tuple[str, ...]
    """The stored types that it holds."""
    parts: Callable[[StoredMatrix], Parts]
    """Its tensors, by what stands behind the prefix."""
    outputs: tuple[str, int]
    """The tensor and the axis of it along which it has one index for each output."""
    scale_types: tuple[str, ...] = ("f16", "bf16", "f32")
    """Those that a text may declare."""
    has_zeros: bool = False
    """Whether all weights of it have zero points."""


def _gptq(matrix: StoredMatrix) -> Parts:
    inputs, outputs = _plane(matrix)
    groups, per_word = matrix.blocks[0], WORD_BITS // matrix.bits
    return {
        ".qweight": HeldTensor(("I32",), (ceil(inputs / per_word), outputs)),
        ".qzeros": HeldTensor(("I32",), (groups, ceil(outputs / per_word))),
        ".scales": HeldTensor(FLOATS, (groups, outputs)),
        ".g_idx": HeldTensor(("I32",), (inputs,), optional=True),
    }


def _awq(matrix: StoredMatrix) -> Parts:
    inputs, outputs = _plane(matrix)
    groups, words = matrix.blocks[0], ceil(outputs * matrix.bits / WORD_BITS)
    return {
        ".qweight": HeldTensor(("I32",), (inputs, words)),
        ".qzeros": HeldTensor(("I32",), (groups, words)),
        ".scales": HeldTensor(FLOATS, (groups, outputs)),
    }


def _packed(matrix: StoredMatrix) -> Parts:
    inputs, outputs = _plane(matrix)
    groups, per_word = matrix.blocks[0], WORD_BITS // matrix.bits
    return {
        ".weight_packed": HeldTensor(("I32",), (outputs, ceil(inputs / per_word))),
        ".weight_scale": HeldTensor(FLOATS, (outputs, groups)),
        ".weight_zero_point": HeldTensor(("I32",), (ceil(outputs / per_word), groups), optional=True),
        ".weight_shape": HeldTensor(("I64", "I32"), (2,), optional=True),
    }


def _mxfp4(matrix: StoredMatrix) -> Parts:
    *stack, inputs, outputs = matrix.shape
    groups = ceil(inputs / 32)
    return {
        "_blocks": HeldTensor(("U8",), (*stack, outputs, groups, 16)),
        "_scales": HeldTensor(("U8", "F8_E8M0"), (*stack, outputs, groups)),
    }


def _nvfp4(matrix: StoredMatrix) -> Parts:
    inputs, outputs = _plane(matrix)
    return {
        ".weight": HeldTensor(("U8",), (outputs, inputs // 2)),
        ".weight_scale": HeldTensor(("F8_E4M3",), (outputs, ceil(inputs / 16))),
        ".weight_scale_2": HeldTensor(("F32",), ()),
    }


class _Stacked(ValueError):
    """A stack of matrices where a layout holds single ones."""


def _plane(matrix: StoredMatrix) -> tuple[int, int]:
    """Raises: ValueError for a stack, which these layouts hold as one matrix after the other."""
    if len(matrix.shape) != 2:
        raise _Stacked(f"it holds matrices, not a stack of shape {[*matrix.shape]}")
    return matrix.shape[0], matrix.shape[1]


LAYOUTS: Mapping[str, Layout] = {
    "awq": Layout(("i4",), _awq, (".scales", 1), has_zeros=True),
    "gptq": Layout(("i4", "i8"), _gptq, (".scales", 1)),
    "gptq_v2": Layout(("i4", "i8"), _gptq, (".scales", 1)),
    "mxfp4": Layout(("f4e2m1",), _mxfp4, ("_blocks", -3), ("f8e8m0",)),
    "nvfp4": Layout(("f4e2m1",), _nvfp4, (".weight", 0), ("f8e4m3",)),
    "packed": Layout(("i4", "i8"), _packed, (".weight_packed", 0)),
}
"""All layouts: AutoAWQ's, AutoGPTQ's with zero points less one and without, gpt-oss's, modelopt's,
compressed-tensors'."""


def parts_of(layout: str, matrix: StoredMatrix) -> Parts:
    """The tensors that hold a matrix in a layout, by what stands behind the prefix.

    Raises: ValueError where the layout holds no such matrix.
    """
    found = LAYOUTS[layout]
    if matrix.format not in found.formats:
        raise ValueError(f"{layout} holds {' or '.join(found.formats)}, not {matrix.format}")
    _check_whole(layout, matrix)
    return found.parts(matrix)


def declaration_fault(
    layout: str, format_: str, shape: tuple[int, ...], block: tuple[int, ...], *, has_columns: bool
) -> tuple[str, str] | None:
    """Why a layout does not hold a weight as declared, of a tensor's rank, and the way out; None if it does.

    Of a weight that has some columns of a matrix it is not known how many the matrix has.
    """
    if len(shape) < 2:
        return f"{layout} holds matrices, not a vector", "store it as it is, without a scale"
    outputs = shape[-1] * (WORD_BITS if has_columns else 1)
    along_in, along_out = block[-2:]
    try:
        parts_of(layout, StoredMatrix((*shape[:-1], outputs), format_, (along_in, along_out)))
    except _Stacked as error:
        return f"{layout}: {error}", f'name the prefix of each of them: from {layout} "….{{expert}}.…"'
    except ValueError as error:
        return str(error), f"declare what {layout} has: {_declared(layout)}"
    return None


def _declared(layout: str) -> str:
    """What a text says of weights that a layout holds."""
    found = LAYOUTS[layout]
    shares, zeros = GROUPS.get(layout, "…"), " zeros" if found.has_zeros else ""
    return f"{' or '.join(found.formats)} scale[{shares}, 1]: {found.scale_types[0]}{zeros}"


GROUPS: Mapping[str, int] = {"mxfp4": 32, "nvfp4": 16}
"""How many elements along `in` share a scale, where a layout says it."""


def _check_whole(layout: str, matrix: StoredMatrix) -> None:
    """Raises: ValueError for blocks that the layout does not have, and extents that are no whole blocks."""
    inputs, outputs = matrix.shape[-2:]
    along_in, along_out = matrix.block
    wanted = GROUPS.get(layout, along_in)
    if along_out != 1 or along_in != wanted:
        raise ValueError(f"{layout} has scales of [{wanted}, 1] elements, not {[*matrix.block]}")
    if inputs % along_in:
        raise ValueError(f"{inputs} inputs are no whole groups of {along_in}")
    words = {
        "inputs": (inputs, layout not in ("awq",)),
        "outputs": (outputs, layout in ("awq", "gptq", "gptq_v2")),
    }
    per_word = (WORD_BITS if layout not in GROUPS else 8) // matrix.bits
    for what, (extent, packs) in words.items():
        if packs and extent % per_word:
            raise ValueError(f"{layout} packs {per_word} codes a word; {extent} {what} are no whole words")
