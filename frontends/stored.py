"""Weights of fewer bits: their codes and scales, which are weights of their own, and what reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.lexer import Span

from ..dialects.nn import DequantizeOp, GatherSlicesOp, WeightOp
from ..dialects.nn_stored import dequantized_last
from ..dialects.spelling import FLOAT_TYPES
from ..dialects.stored_formats import (
    CODES,
    DEFAULT_SCALE_TYPE,
    FORMATS,
    LAYOUTS,
    SCALE_TYPES,
    SCALES,
    SUFFIXES,
    TENSOR_SCALE,
    ZEROS,
    Format,
    StoredPart,
    codes_shape,
    has_tensor_scale,
    packed_axis,
    scales_shape,
    tensor_scale_shape,
)
from .diagnostics import counted, error, location_of, similar
from .scope import Global, Scope, StoredGlobal, extent
from .sources import Origin, Stack, origin
from .syntax import Source, Stored, Text, Weight

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
class _Wanted:
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


def is_stored(item: Weight) -> bool:
    """Whether a weight has codes and scales."""
    named = item.declaration.element_type
    return item.stored is not None or (named is not None and named.text in FORMATS)


def declare_stored(
    item: Weight, scope: Scope, wide: Attribute, stack: Stack | None
) -> tuple[StoredGlobal, list[WeightOp]]:
    """Declare the codes and scales of a weight; its numbers are of the type `wide`.

    Raises: ParseError if its name is taken, or its shape, blocks or source are wrong.
    """
    wanted = _wanted(item, scope)
    layout = _layout(item.source)
    name = item.declaration.name
    symbol = name.text if stack is None else f"{stack.kind}.{name.text}"
    leading = () if stack is None else (stack.count,)
    entries: list[Global] = []
    weights: list[WeightOp] = []
    for part, type_ in wanted.parts().items():
        whole = TensorType(type_.get_element_type(), [*leading, *type_.get_shape()])
        where = _origin(item.source, part, wanted, scope, stack)
        entries.append(Global(symbol + SUFFIXES[part], whole, type_))
        op = WeightOp(
            symbol + SUFFIXES[part],
            whole,
            where.checkpoint,
            transposed=where.transposed,
            stacked=stack is not None,
            rows=where.rows,
            columns=where.columns,
            layers=where.layers,
            stored=StoredPart(part, wanted.format.name, wanted.shape, wanted.block, layout),
        )
        op.location = location_of(item.span)
        weights.append(op)
    entry = StoredGlobal(tuple(entries), wanted.format.name, wanted.block, TensorType(wide, [*wanted.shape]))
    scope.declare(name, entry)
    return entry, weights


def dequantized(entry: StoredGlobal, values: Sequence[SSAValue]) -> DequantizeOp:
    """What reads codes and scales: the numbers of a weight."""
    codes, scales, *extra = values
    op = DequantizeOp(codes, scales, extra[0] if extra else None, entry.format, entry.block, entry.type)
    op.result.name_hint = f"{entry.parts[0].symbol.rpartition('.')[2]}.wide"
    return op


def with_dequantized_last(op: Operation, span: Span) -> list[Operation]:
    """Slices of a stack of fewer bits as those of its codes and scales; any other operation as it is.

    Raises: ParseError for slices that share scales, and for vectors that share bytes as codes are packed.
    """
    stored = op.operands[0].owner if op.operands else None
    if not isinstance(op, GatherSlicesOp) or not isinstance(stored, DequantizeOp):
        return [op]
    if FORMATS[stored.format.data].codes_per_byte > 1 and len(stored.blocks) == 2:
        message = f"a stack of vectors of {stored.format.data} has no slices of its own"
        raise error(span, message, "store it in a type of 8 bits or more")
    if stored.blocks[0] > 1:
        message = f"blocks of {[*stored.blocks]} are of several slices, and each is read with its own scales"
        raise error(span, message, "let each have its own: scale[1, …]")
    made = dequantized_last(op, stored)
    op.erase()
    if stored.result.first_use is None:
        stored.detach()
        stored.erase()
    return made


def _wanted(item: Weight, scope: Scope) -> _Wanted:
    declaration, stored, named = item.declaration, item.stored, item.declaration.element_type
    if named is None or named.text not in FORMATS:
        assert stored is not None, "one of the two makes a weight stored"
        if named is not None and named.text not in (*FLOAT_TYPES, "i32"):
            message = f"unknown element type '{named.text}'{similar(named.text, FORMATS)}"
            raise error(named.span, message, f"types with scales are {', '.join(FORMATS)}")
        what = "a weight without a type of its own" if named is None else f"a weight of {named.text}"
        raise error(stored.span, f"{what} has no scales", f"types with scales are {', '.join(FORMATS)}")
    if stored is None:
        message = f"a weight of {named.text} has no scales"
        help = f"say how many elements share one: {declaration.span.text} scale[128, 128]"
        raise error(declaration.span, message, help)
    shape = tuple(extent(one, scope) for one in declaration.extents)
    block = tuple(extent(one, scope) for one in stored.block)
    if len(block) != len(shape):
        message = f"blocks of {counted(len(block), 'dimension')}, the weight has {len(shape)}"
        raise error(stored.span, message, "give an extent for each: how many elements along it share a scale")
    found = _Wanted(FORMATS[named.text], shape, block, _scale_type(stored), _zeros(stored, named.text))
    if (extent_in := shape[packed_axis(len(shape))]) % found.format.codes_per_byte:
        message = f"{extent_in} codes of {named.text} are no whole bytes"
        raise error(declaration.span, message, f"{found.format.codes_per_byte} of them stand in a byte")
    return found


def _scale_type(stored: Stored) -> str:
    if stored.element_type is None:
        return DEFAULT_SCALE_TYPE
    name = stored.element_type.text
    if name not in SCALE_TYPES:
        message = f"'{name}' is no type of scales{similar(name, SCALE_TYPES)}"
        raise error(stored.element_type.span, message, f"scales are of {', '.join(SCALE_TYPES)}")
    return name


def _zeros(stored: Stored, format_: str) -> bool:
    if stored.zeros is None:
        return False
    if not FORMATS[format_].is_whole:
        known = " and ".join(name for name, one in FORMATS.items() if one.is_whole)
        raise error(stored.zeros.span, f"{format_} has no zero points", f"{known} have")
    return True


# Where it comes from.


def _layout(source: Source | None) -> str:
    """Raises: ParseError for a layout that is unknown, and for one with more than a prefix and columns."""
    if source is None or source.layout is None:
        return ""
    name = source.layout.text
    if name not in LAYOUTS:
        message = f"'{name}' is no layout of stored weights{similar(name, LAYOUTS)}"
        raise error(source.layout.span, message, f"layouts are {', '.join(LAYOUTS)}")
    if source.transposed or source.rows or source.beside:
        message = f"{name} names a prefix, and columns that are outputs; it says itself how the tensors lie"
        raise error(source.span, message, f'from {name} "{source.tensor.text}"')
    return name


def _origin(source: Source | None, part: str, wanted: _Wanted, scope: Scope, stack: Stack | None) -> Origin:
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
        message = f"codes of {wanted.format.name} are packed, and it is not said how"
        raise error(
            source.span, message, f'name a layout: from {LAYOUTS[0]} "…"; they are {", ".join(LAYOUTS)}'
        )
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


def _beside(source: Source, wanted: _Wanted) -> dict[str, Text]:
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
    source: Source, part: tuple[int, int, int] | None, wanted: _Wanted, axis: int
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
    for word in (source.layout, *(one.word for one in source.beside)):
        if word is not None:
            _no_codes(word.span, word.text)


def _no_codes(span: Span, word: str) -> NoReturn:
    message = f"'{word}' stands with weights that have codes and scales"
    raise error(span, message, "declare it so: w[…]: f8e4m3 scale[128, 128] from …")
