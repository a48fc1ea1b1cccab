"""What the dialects share: shapes and sizes of tensors, slices of stacks, ends of bodies, tiles, and calls.

**Tiles.** Through the channels of a network flow tiles, which cut tensors along one axis, or tokens.

**Calls.** The operands of a call, of a layer or of a kernel, may be stacks, sliced at the index of the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from math import prod
from typing import ClassVar

from xdsl.dialects.builtin import (
    AnyFloat,
    FlatSymbolRefAttr,
    FlatSymbolRefAttrConstr,
    FunctionType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    SymbolRefAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import (
    irdl_attr_definition,
    irdl_to_attr_constraint,
    opt_prop_def,
    prop_def,
    var_operand_def,
    var_result_def,
)
from xdsl.utils.exceptions import VerifyException

from .alike import AlikeOp, number_of

FLOAT_TENSOR = irdl_to_attr_constraint(TensorType[AnyFloat])
FLOAT_MEMREF = irdl_to_attr_constraint(MemRefType[AnyFloat])
NUMBER_TENSOR = irdl_to_attr_constraint(TensorType[AnyFloat | IntegerType])
"""What operands and results are, made once: in every operation anew it is a fifth of importing them."""


def shape_of(value: SSAValue | Attribute) -> tuple[int, ...]:
    """The shape of a tensor or memref, given as a value or as its type."""
    type_ = value.type if isinstance(value, SSAValue) else value
    assert isinstance(type_, TensorType | MemRefType), f"{type_} has a shape by the op's definition"
    return type_.get_shape()


def element_type_of(value: SSAValue | Attribute) -> Attribute:
    """The element type of a tensor or memref, given as a value or as its type."""
    type_ = value.type if isinstance(value, SSAValue) else value
    assert isinstance(type_, TensorType | MemRefType), f"{type_} has elements by the op's definition"
    return type_.get_element_type()


def size_bytes_of(value: SSAValue | Attribute) -> int:
    """Bytes of a tensor or memref, packed."""
    return _size_bytes(value.type if isinstance(value, SSAValue) else value)


@lru_cache(maxsize=1024)
def _size_bytes(type_: Attribute) -> int:
    element = element_type_of(type_)
    assert isinstance(element, AnyFloat | IntegerType), f"{element} has a fixed width"
    return prod(shape_of(type_)) * element.bitwidth // 8


def expect(condition: bool, message: str | Callable[[], str]) -> None:
    """Raises: VerifyException with `message` unless `condition` holds; a function makes one that costs."""
    if not condition:
        raise VerifyException(message if isinstance(message, str) else message())


def expect_known(what: str, word: str, known: Sequence[str]) -> None:
    """Raises: VerifyException unless a word belongs to a closed vocabulary."""
    expect(word in known, f"{what} '{word}'; known: {', '.join(known)}")


@lru_cache(maxsize=1024)
def slice_type(stack: Attribute) -> Attribute:
    """The type of one slice of a stack: the same tensor or memref without its leading dimension."""
    match stack:
        case TensorType():
            return TensorType(stack.get_element_type(), stack.get_shape()[1:])
        case MemRefType():
            return MemRefType(stack.get_element_type(), stack.get_shape()[1:])
        case _:
            raise VerifyException(f"{stack} has no slices")


def stack_type(slice_: Attribute, length: int) -> Attribute:
    """The type of `length` tensors or memrefs of a type, one behind another."""
    match slice_:
        case TensorType():
            return TensorType(slice_.get_element_type(), [length, *slice_.get_shape()])
        case MemRefType():
            return MemRefType(slice_.get_element_type(), [length, *slice_.get_shape()])
        case _:
            raise VerifyException(f"{slice_} makes no stacks")


def end_of(block: Block) -> Operation:
    """The operation that ends a body which has been verified."""
    assert block.last_op is not None, "the verifier wants a terminator"
    return block.last_op


def ending_types(block: Block, end: type[Operation], what: str) -> list[Attribute]:
    """The types that a body hands out where it ends.

    Raises: VerifyException where another operation ends it.
    """
    expect(isinstance(block.last_op, end), f"{what} ends without {end.name}")
    return list(end_of(block).operand_types)


def listed(types: Iterable[Attribute]) -> str:
    """Types as a user writes them."""
    return ", ".join(map(str, types)) or "nothing"


@irdl_attr_definition
class TokenType(ParametrizedAttribute, TypeAttribute):
    """A tile without data: it says that something has happened."""

    name = "dataflow.token"


@irdl_attr_definition
class ChannelType(ParametrizedAttribute, TypeAttribute):
    """A queue of tiles of one type: `!dataflow.channel<tensor<1x512xbf16>>`."""

    name = "dataflow.channel"

    tile: Attribute

    def verify(self) -> None:
        if isinstance(self.tile, TokenType):
            return
        if not (isinstance(self.tile, TensorType) and self.tile.has_static_shape()):
            raise VerifyException(f"a channel of {self.tile}; it takes static tensors or tokens")
        if self.tile_bytes <= 0:
            raise VerifyException(f"a channel of {self.tile}, which has no elements")

    @property
    def tile_bytes(self) -> int:
        """Bytes of one tile, packed; a token has none."""
        return 0 if isinstance(self.tile, TokenType) else size_bytes_of(self.tile)


def tile_of(channel: SSAValue) -> Attribute:
    """The type of the tiles in a channel."""
    assert isinstance(channel.type, ChannelType), "checked by the op's definition"
    return channel.type.tile


def data_tile_of(channel: SSAValue, whole: Attribute, what: str) -> TensorType[Attribute]:
    """The type of the tiles in a channel that carries parts of `whole`.

    Raises: VerifyException where it carries tokens or tiles of another element type.
    """
    tile = tile_of(channel)
    if not isinstance(tile, TensorType) or tile.get_element_type() != element_type_of(whole):
        raise VerifyException(f"{what} is a {whole}, its channel carries {tile}")
    return tile


def expect_tokens(channels: Sequence[SSAValue], what: str) -> None:
    """Raises: VerifyException where a channel carries anything but tokens."""
    for channel in channels:
        expect(isinstance(tile_of(channel), TokenType), f"{what} needs tokens, not {tile_of(channel)}")


def _is_stack_of(given: Attribute, wanted: Attribute) -> bool:
    """Whether `given` is a stack of `wanted`; asked for each operand of each call, so it builds no type."""
    if not isinstance(given, TensorType | MemRefType) or type(given) is not type(wanted):
        return False
    assert isinstance(wanted, TensorType | MemRefType), "of the same class as `given`"
    shapes_fit = given.get_num_dims() > 0 and given.get_shape()[1:] == wanted.get_shape()
    return shapes_fit and given.get_element_type() == wanted.get_element_type()


def _operand_fault(given: Attribute, wanted: Attribute, index: int | None, callee: str) -> str | None:
    """What is wrong with an operand of a call, or None."""
    if given == wanted:
        return None
    if not _is_stack_of(given, wanted):
        return f"is a {given}, not a {wanted}"
    if index is None:
        return f"is a stack of {wanted}; give the slice: @{callee}[0]"
    length = shape_of(given)[0]
    return None if 0 <= index < length else f"is a stack of {length}; slice {index} is outside"


def verify_call_signature(
    operand_types: Sequence[Attribute],
    result_types: Sequence[Attribute],
    index: int | None,
    callee: str,
    signature: FunctionType,
) -> None:
    """Check a call against the callee's signature; an operand may be a stack, sliced at `index`.

    Raises: VerifyException naming the callee and the operand that does not fit.
    """
    expected = signature.inputs.data
    given_count, wanted_count = len(operand_types), len(expected)
    if given_count != wanted_count:
        raise VerifyException(f"@{callee} takes {wanted_count} operands, the call has {given_count}")
    for number, (given, wanted) in enumerate(zip(operand_types, expected, strict=True)):
        fault = _operand_fault(given, wanted, index, callee)
        if fault is not None:
            raise VerifyException(f"operand {number} of the call of @{callee} {fault}")
    if tuple(result_types) != signature.outputs.data:
        returns = listed(signature.outputs.data)
        raise VerifyException(f"@{callee} returns {returns}, the call {listed(result_types)}")


class SlicedCallOp(AlikeOp):
    """A call; the base of `nn.call` and `kernel.call`.

    With an index, every operand with one leading dimension more than the callee's parameter is sliced there.
    """

    callee = prop_def(FlatSymbolRefAttrConstr)
    index = opt_prop_def(IntegerAttr.constr(i64))
    """Slice of the stacked operands."""
    arguments = var_operand_def()
    res = var_result_def()

    VARIES: ClassVar = ("index",)

    assembly_format = (
        "$callee (`[` $index^ `]`)? `(` $arguments `)` attr-dict `:` functional-type($arguments, $res)"
    )

    def __init__(
        self,
        callee: str | FlatSymbolRefAttr,
        arguments: Sequence[SSAValue],
        result_types: Sequence[Attribute],
        index: int | None = None,
    ):
        if isinstance(callee, str):
            callee = SymbolRefAttr(callee)
        super().__init__(
            operands=[arguments],
            result_types=[result_types],
            properties={"callee": callee, "index": IntegerAttr(index, i64) if index is not None else None},
        )

    @property
    def number(self) -> int:
        """The index, whose bounds are those of the stacks."""
        return number_of(self.properties.get("index"))
