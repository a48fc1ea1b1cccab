"""Calls whose operands may be stacks, sliced at the index of the call: of layers, and of kernels."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    FlatSymbolRefAttr,
    FlatSymbolRefAttrConstr,
    FunctionType,
    IntegerAttr,
    MemRefType,
    SymbolRefAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    opt_prop_def,
    prop_def,
    var_operand_def,
    var_result_def,
)
from xdsl.utils.exceptions import VerifyException

from .tensors import listed, shape_of


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


class SlicedCallOp(IRDLOperation):
    """A call; the base of `nn.call` and `kernel.call`.

    With an index, every operand with one leading dimension more than the callee's parameter is sliced there.
    """

    callee = prop_def(FlatSymbolRefAttrConstr)
    index = opt_prop_def(IntegerAttr.constr(i64))
    """Slice of the stacked operands."""
    arguments = var_operand_def()
    res = var_result_def()

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
            properties={
                "callee": callee,
                "index": IntegerAttr(index, i64) if index is not None else None,
            },
        )
