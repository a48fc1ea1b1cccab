"""Element types of the language."""

from __future__ import annotations

from xdsl.dialects.builtin import AnyFloat, IntegerType, i32

from ..dialects.spelling import FLOAT_TYPES
from .diagnostics import error, similar
from .syntax import Name

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
