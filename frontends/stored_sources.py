"""Where the parts of a weight of fewer bits come from: tensors of their own, or a layout that packs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

from xdsl.dialects.builtin import (
    AnyFloat,
    Float8E4M3FNType,
    Float8E8M0FNUType,
    TensorType,
    bf16,
    f16,
    f32,
    i8,
)
from xdsl.ir import Attribute
from xdsl.utils.lexer import Span

from ..dialects.stored_formats import (
    CODES,
    SCALES,
    TENSOR_SCALE,
    ZEROS,
    Format,
    codes_shape,
    has_tensor_scale,
    scales_shape,
    tensor_scale_shape,
)
from ..dialects.stored_layouts import LAYOUTS, declaration_fault
from ..dialects.weight_parts import names_experts
from .diagnostics import error, similar
from .scope import Scope
from .sources import Origin, Stack, origin
from .syntax import Source, Text, Weight

_SCALE_TYPES: Mapping[str, AnyFloat] = {
    "f32": f32,
    "f16": f16,
    "bf16": bf16,
    "f8e4m3": Float8E4M3FNType(),
    "f8e8m0": Float8E8M0FNUType(),
}
_BESIDE = {"scales": SCALES, "zeros": ZEROS}
"""The words before tensors that stand beside that of the codes."""


@dataclass(frozen=True)
class Wanted:
    """What a declaration says of one layer's weight."""

    format: Format
    shape: tuple[int, ...]
    block: tuple[int, ...]
    scale_type: str
    zeros: bool

    def parts(self) -> dict[str, TensorType[Attribute]]:
        """The type of each part."""
        scales = scales_shape(self.shape, self.block)
        found: dict[str, TensorType[Attribute]] = {
            CODES: TensorType(i8, codes_shape(self.shape, self.format.name)),
            SCALES: TensorType(_SCALE_TYPES[self.scale_type], scales),
        }
        if self.zeros:
            found[ZEROS] = TensorType(i8, scales)
        if has_tensor_scale(self.format.name, self.scale_type):
            found[TENSOR_SCALE] = TensorType(f32, tensor_scale_shape(self.shape))
        return found


def layout_of(item: Weight, wanted: Wanted) -> str:
    """The layout of a weight's tensors; empty where there is none.

    Raises: ParseError for one that is unknown, for one with more than a prefix and columns, and for one that
        does not hold what is declared.
    """
    source = item.source
    if source is None or source.layout is None:
        return ""
    name = source.layout.text
    if name not in LAYOUTS:
        message = f"'{name}' is no layout of stored weights{similar(name, LAYOUTS)}"
        raise error(source.layout.span, message, f"layouts are {', '.join(LAYOUTS)}")
    if source.transposed or source.rows or source.beside:
        message = f"{name} names a prefix, and columns that are outputs; it says itself how the tensors lie"
        raise error(source.span, message, f'from {name} "{source.tensor.text}"')
    _check_layout(item, source, name, wanted)
    return name


def _check_layout(item: Weight, source: Source, name: str, wanted: Wanted) -> None:
    """Raises: ParseError where a layout does not hold what is declared."""
    shape, block, layout = wanted.shape, wanted.block, LAYOUTS[name]
    assert item.stored is not None, "all that have a layout are stored"
    if set(block[:-2]) - {1}:
        message = f"{name} has scales for each matrix of a stack, not one for {max(block[:-2])} of them"
        raise error(item.stored.span, message, f"scale[{', '.join(map(str, (*_ones(block), *block[-2:])))}]")
    if names_experts(source.tensor.text):
        shape, block = shape[1:], block[1:]
    fault = declaration_fault(name, wanted.format.name, shape, block, has_columns=source.columns is not None)
    if fault is not None:
        raise error(item.declaration.span, *fault)
    if wanted.scale_type not in layout.scale_types:
        message = f"the scales of {name} are {' or '.join(layout.scale_types)}, not {wanted.scale_type}"
        where = item.stored.span if item.stored.element_type is None else item.stored.element_type.span
        raise error(where, message, f"scale[…]: {layout.scale_types[0]}")
    if layout.has_zeros and not wanted.zeros:
        message = f"{name} has zero points, and the weight has none"
        raise error(item.stored.span, message, "declare it with them: scale[…] zeros")


def _ones(block: tuple[int, ...]) -> tuple[int, ...]:
    return (1,) * (len(block) - 2)


def origin_of(source: Source | None, part: str, wanted: Wanted, scope: Scope, stack: Stack | None) -> Origin:
    """Where a part comes from.

    Raises: ParseError where the source of codes names none for it.
    """
    if source is None:
        return Origin()
    if source.layout is not None:
        whole = replace(source, columns=None) if part == TENSOR_SCALE else source
        return origin(whole, wanted.shape, scope, stack)
    codes = origin(replace(source, beside=()), wanted.shape, scope, stack)
    if wanted.format.codes_per_byte > 1:
        known = [name for name, one in LAYOUTS.items() if wanted.format.name in one.formats]
        message = f"codes of {wanted.format.name} are packed, and it is not said how"
        raise error(source.span, message, f'name a layout: from {known[0]} "…"; they are {", ".join(known)}')
    tensors = _beside(source, wanted)
    if part == CODES:
        return codes
    if part not in tensors:
        word = next(word for word, one in _BESIDE.items() if one == part)
        message = f"the codes come from a checkpoint, and it is not said where their {word} are"
        raise error(source.span, message, f'name them behind it: {word} "…"')
    rest = replace(source, tensor=tensors[part], rows=None, columns=None, beside=())
    there = origin(rest, scales_shape(wanted.shape, wanted.block), scope, stack)
    lies = (-2, -1) if not codes.transposed else (-1, -2)
    return replace(
        there,
        rows=_in_blocks(source, codes.rows, wanted, lies[0] if len(wanted.shape) > 1 else -1),
        columns=_in_blocks(source, codes.columns, wanted, lies[1]),
    )


def _beside(source: Source, wanted: Wanted) -> dict[str, Text]:
    found: dict[str, Text] = {}
    for one in source.beside:
        part = _BESIDE.get(one.word.text)
        if part is None or (part == ZEROS and not wanted.zeros):
            known = [word for word, own in _BESIDE.items() if own != ZEROS or wanted.zeros]
            message = f"'{one.word.text}' is no part of this weight{similar(one.word.text, known)}"
            raise error(one.word.span, message, f"it has {' and '.join(known)}")
        if part in found:
            raise error(one.span, f"'{one.word.text}' are given twice", "keep one of the two")
        found[part] = one.tensor
    return found


def _in_blocks(
    source: Source, part: tuple[int, int, int] | None, wanted: Wanted, axis: int
) -> tuple[int, int, int] | None:
    """The part of the scales that belongs to one of the codes; None where all numbers of it share theirs.

    A single block may be one of those of the tensor, or all of it: then it has but one scale, whose part is
    itself.

    Raises: ParseError where it ends within a block.
    """
    if part is None:
        return None
    block = wanted.block[axis]
    first, last, each = part
    cut = any(number % block for number in part)
    if cut and block >= wanted.shape[axis]:
        return None
    if cut:
        shown = f"{first}..{last}" + (f" each {each}" if each else "")
        message = f"{shown} is no whole number of blocks, of {block}"
        raise error(source.span, message, "a part of a stored weight begins and ends with a scale's block")
    return first // block, last // block, each // block


def refuse_source(source: Source | None) -> None:
    """Raises: ParseError for words of stored weights in the source of one that is none."""
    if source is None:
        return
    if source.layout is not None:
        _no_codes(source.layout.span, source.layout.text)
    if source.beside:
        _no_codes(source.beside[0].word.span, source.beside[0].word.text)


def _no_codes(span: Span, word: str) -> NoReturn:
    message = f"'{word}' stands with weights that have codes and scales"
    raise error(span, message, "declare it so: w[…]: f8e4m3 scale[128, 128] from …")
