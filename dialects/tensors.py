"""What the dialects share about tensors: shapes, sizes, slices of stacks, and ops with a numpy meaning."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod

from xdsl.dialects.builtin import (
    AnyFloat,
    FunctionType,
    IntegerType,
    MemRefType,
    TensorType,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
)
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
        returns, takes = (
            ", ".join(map(str, types)) or "nothing" for types in (signature.outputs.data, result_types)
        )
        raise VerifyException(f"@{callee} returns {returns}, the call {takes}")


def _require_static(op: Operation) -> None:
    for value in (*op.operands, *op.results):
        type_ = value.type
        if isinstance(type_, TensorType | MemRefType) and not type_.has_static_shape():
            raise VerifyException(f"{op.name} needs static shapes, got {type_}")


class ComputeOp(IRDLOperation, ABC):
    """An operation with a numpy meaning: it verifies its shapes and counts its work."""

    @abstractmethod
    def flops(self) -> int:
        """Floating-point operations: a multiply-add counts two, anything else one per element."""

    def verify_(self) -> None:
        _require_static(self)
        self.verify_shapes()

    def verify_shapes(self) -> None:
        """Raises: VerifyException where the operand and result types do not fit together."""
