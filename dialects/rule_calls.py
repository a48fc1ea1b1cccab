"""Operations of the IR as the rules see them: types as plain data, attributes as numbers."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from xdsl.dialects.builtin import (
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    MemRefType,
    StringAttr,
    TensorType,
    UnitAttr,
)
from xdsl.ir import Attribute, Operation
from xdsl.utils.exceptions import VerifyException

from .rules import Call, Rule, RuleError, Tensor


@lru_cache(maxsize=4096)
def tensor_of(type_: Attribute) -> Tensor:
    """A tensor or memref type as plain data."""
    assert isinstance(type_, TensorType | MemRefType), f"{type_} has a shape by the op's definition"
    element = str(type_.get_element_type())
    return Tensor(type_.get_shape(), element, in_memory=isinstance(type_, MemRefType))


def attributes_of(op: Operation) -> dict[str, int | float | tuple[float, ...]]:
    """The numbers, lists of numbers and flags among the properties of an operation; a word is a flag."""
    found: dict[str, int | float | tuple[float, ...]] = {}
    for name, value in op.properties.items():
        match value:
            case IntegerAttr() | FloatAttr():
                found[name] = value.value.data
            case DenseArrayBase():
                numbers: Any = value
                found[name] = tuple(numbers.get_values())
            case UnitAttr():
                found[name] = 1
            case StringAttr():
                found[f"{name}_{value.data}"] = 1
            case _:
                pass
    return found


def call_of(op: Operation) -> Call:
    """An operation that has one result, or none, as the rules see it."""
    operands = [tensor_of(operand.type) for operand in op.operands]
    result = tensor_of(op.results[0].type) if op.results else None
    return Call(op.name, operands, attributes_of(op), result)


def verify_by(rule: Rule, op: Operation) -> None:
    """Raises: VerifyException where the types and attributes of an operation do not fit its rule.

    How many operands there are, of which kinds, and which attributes, its definition says.
    """
    try:
        rule.types(call_of(op))
    except RuleError as error:
        raise VerifyException(str(error)) from None
