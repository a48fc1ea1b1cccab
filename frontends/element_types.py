"""Element types of the language, and types as messages show them: `bf16[1, 4096]`."""

from __future__ import annotations

from xdsl.dialects.builtin import (
    AnyFloat,
    IntegerType,
    MemRefType,
    TensorType,
    bf16,
    f16,
    f32,
    f64,
    i32,
)
from xdsl.ir import Attribute

from .diagnostics import error, similar
from .syntax import Name

FLOAT_TYPES: dict[str, AnyFloat] = {"bf16": bf16, "f16": f16, "f32": f32, "f64": f64}
"""Float types by name; each is also the operator that converts to it."""

ELEMENT_TYPES: dict[str, AnyFloat | IntegerType] = {**FLOAT_TYPES, "i32": i32}
"""Every element type by name."""


def element_type_named(name: Name) -> AnyFloat | IntegerType:
    """The element type of a name.

    Raises: ParseError if there is none.
    """
    found = ELEMENT_TYPES.get(name.text)
    if found is None:
        message = f"unknown element type '{name.text}'{similar(name.text, ELEMENT_TYPES)}"
        raise error(name.span, message, f"element types are {', '.join(ELEMENT_TYPES)}")
    return found


def conversion(given: Attribute, wanted: Attribute) -> str:
    """The way out where two types differ in their element type alone: `convert it: bf16(…)`."""
    if not isinstance(given, TensorType) or not isinstance(wanted, TensorType):
        return ""
    same = given.get_shape() == wanted.get_shape() and str(wanted.element_type) in FLOAT_TYPES
    return f"convert it: {wanted.element_type}(…)" if same else ""


def shown(type_: Attribute) -> str:
    """A type in the language's words: `bf16[1, 4096]`, `i32` for a scalar, `cache bf16[1, 2]` for a cache."""
    match type_:
        case TensorType() | MemRefType():
            extents = ", ".join(map(str, type_.get_shape()))
            name = f"{type_.get_element_type()}" + (f"[{extents}]" if extents else "")
            return f"cache {name}" if isinstance(type_, MemRefType) else name
        case _:
            return str(type_)
