"""Weights of fewer bits: their codes and scales, which are weights of their own, and what reads them."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    TensorType,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.lexer import Span

from ..dialects.nn import DequantizeOp, GatherSlicesOp, WeightOp
from ..dialects.spelling import FLOAT_TYPES
from ..dialects.stored_formats import (
    DEFAULT_SCALE_TYPE,
    FORMATS,
    SCALE_TYPES,
    SUFFIXES,
    StoredPart,
    packed_axis,
)
from .diagnostics import counted, error, location_of, similar
from .scope import Global, Scope, StoredGlobal, extent
from .sources import Stack
from .stored_sources import Wanted, layout_of, origin_of
from .syntax import Stored, Weight


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
    layout = layout_of(item, wanted)
    name = item.declaration.name
    symbol = name.text if stack is None else f"{stack.kind}.{name.text}"
    leading = () if stack is None else (stack.count,)
    entries: list[Global] = []
    weights: list[WeightOp] = []
    for part, type_ in wanted.parts().items():
        whole = TensorType(type_.get_element_type(), [*leading, *type_.get_shape()])
        where = origin_of(item.source, part, wanted, scope, stack)
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

    Raises: ParseError for a stack of vectors whose codes are packed: a byte would belong to two of them. And
        for a stack whose slices share scales.
    """
    stored = op.operands[0].owner if op.operands else None
    if not isinstance(op, GatherSlicesOp) or not isinstance(stored, DequantizeOp):
        return [op]
    if FORMATS[stored.format.data].codes_per_byte > 1 and len(stored.blocks) == 2:
        message = f"a stack of vectors of {stored.format.data} has no slices of its own"
        raise error(span, message, "store it in a type of 8 bits or more")
    if (sharing := stored.blocks[0]) != 1:
        message = f"{sharing} slices of this stack share their scales, and ids name single ones"
        one = ", ".join(map(str, (1, *stored.blocks[1:])))
        raise error(span, message, f"declare it with scales of its own for each: scale[{one}]")
    made = _dequantized_last(op, stored)
    op.erase()
    if stored.result.first_use is None:
        stored.detach()
        stored.erase()
    return made


def _dequantized_last(view: GatherSlicesOp, stored: DequantizeOp) -> list[Operation]:
    """Slices of a dequantized stack as the dequantized slices of its codes and scales.

    So memory is read for codes and scales of the chosen slices, and nothing else is widened.
    """
    shape = view.slice_shape
    new_axes = len(shape) - len(stored.blocks) + 1
    slices = [GatherSlicesOp(one, view.ids, view.axis, as_rows=new_axes > 0) for one in stored.operands]
    for slice_, operand in zip(slices, stored.operands, strict=True):
        slice_.result.name_hint = operand.name_hint
    values = [slice_.result for slice_ in slices]
    block, pieces = (1,) * new_axes + stored.blocks[1:], [0] * len(shape)
    pieces[view.axis] = shape[view.axis]
    needed = pieces[view.axis] % block[view.axis] or (stored.extra is not None and not stored.has_zeros)
    extra = values[2] if len(values) > 2 else None
    made = DequantizeOp(
        values[0], values[1], extra, stored.format.data, block, view.result.type, pieces if needed else ()
    )
    return [*slices, made]


def _wanted(item: Weight, scope: Scope) -> Wanted:
    declaration, stored = item.declaration, item.stored
    named = declaration.element_type
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
    found = Wanted(FORMATS[named.text], shape, block, _scale_type(stored), _zeros(stored, named.text))
    extent_in = shape[packed_axis(len(shape))]
    if extent_in % found.format.codes_per_byte:
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
