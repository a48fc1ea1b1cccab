"""What the dialects share about tensors: shapes, sizes, slices of stacks."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from xdsl.dialects.builtin import AnyFloat, IntegerType, MemRefType, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.utils.exceptions import VerifyException


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
    element = element_type_of(value)
    assert isinstance(element, AnyFloat | IntegerType), f"{element} has a fixed width"
    return prod(shape_of(value)) * element.bitwidth // 8


def expect(condition: bool, message: str) -> None:
    """Raises: VerifyException with `message` unless `condition` holds."""
    if not condition:
        raise VerifyException(message)


def slice_type(stack: Attribute) -> Attribute:
    """The type of one slice of a stack: the same tensor or memref without its leading dimension."""
    match stack:
        case TensorType():
            return TensorType(stack.get_element_type(), stack.get_shape()[1:])
        case MemRefType():
            return MemRefType(stack.get_element_type(), stack.get_shape()[1:])
        case _:
            raise VerifyException(f"{stack} has no slices")


def listed(types: Iterable[Attribute]) -> str:
    """Types as a user writes them."""
    return ", ".join(map(str, types)) or "nothing"
