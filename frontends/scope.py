"""What names mean, and the rules of names: declared before use, declared once, never hidden by another.

Values (results of expressions, arguments of a body) may be assigned again; whatever is declared may not.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import FlatSymbolRefAttr, MemRefType, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.utils.exceptions import ParseError
from xdsl.utils.lexer import Span

from ..dialects.spelling import Number, Value
from .diagnostics import error, similar
from .syntax import Name

__all__ = ["Global", "LayerKind", "Meaning", "Number", "Scope", "Value", "kind_of"]


@dataclass(frozen=True)
class Global:
    """A weight or cache of the module, known in the IR by its symbol."""

    symbol: str
    type: TensorType[Attribute] | MemRefType[Attribute]
    """Type of the whole symbol: for a weight of a layer kind, with the leading dimension of layers."""
    sliced: TensorType[Attribute] | MemRefType[Attribute]
    """Type where it is used: one layer's share."""


@dataclass(frozen=True)
class LayerKind:
    """The signature of a layer body; its function takes the parameters, then the globals the body reads."""

    callee: FlatSymbolRefAttr
    count: int
    parameters: tuple[tuple[str, Attribute], ...]
    globals: tuple[Global, ...]
    results: tuple[Attribute, ...]


Meaning = Value | Global | LayerKind


def kind_of(meaning: Meaning) -> str:
    """What a name stands for, in words."""
    match meaning:
        case int() | float():
            return "a number"
        case Global(type=MemRefType()):
            return "a cache"
        case Global():
            return "a weight"
        case LayerKind():
            return "a layer"
        case _:
            return "a value"


class Scope:
    """The names of one body or of the file, each with the place of its declaration."""

    def __init__(self, reserved: frozenset[str], later: dict[str, Span], outer: Scope | None = None):
        """`reserved` names belong to the language, `later` ones are declared somewhere in the file."""
        self._reserved = reserved
        self._later = later
        self._entries: dict[str, tuple[Meaning, Span]] = dict(outer._entries) if outer else {}

    def inner(self) -> Scope:
        """A scope that starts with the names of this one."""
        return Scope(self._reserved, self._later, self)

    def declare(self, name: Name, meaning: Meaning) -> None:
        """Give a new name its meaning.

        Raises: ParseError if the name is taken.
        """
        self._require_unreserved(name)
        if name.text in self._entries:
            meaning_there, span = self._entries[name.text]
            where = f"{kind_of(meaning_there)} declared in line {span.get_location().line}"
            raise error(name.span, f"'{name.text}' is already {where}", "choose another name")
        self._entries[name.text] = (meaning, name.span)

    def assign(self, name: Name, value: SSAValue) -> None:
        """Bind a name to a value, in place of the value it may have had.

        Raises: ParseError if the name stands for anything but a value.
        """
        entry = self._entries.get(name.text)
        if entry is None or not isinstance(entry[0], SSAValue):
            self.declare(name, value)
        else:
            self._entries[name.text] = (value, entry[1])

    def set_number(self, name: Name, number: int) -> None:
        """Give the variable of a loop its next number."""
        self._entries[name.text] = (number, name.span)

    def forget(self, name: Name) -> None:
        """End the life of a name: the variable of a loop after it."""
        del self._entries[name.text]

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __getitem__(self, name: Name) -> Meaning:
        """The meaning of a name.

        Raises: ParseError if it has none.
        """
        entry = self._entries.get(name.text)
        if entry is None:
            raise self._unknown(name)
        return entry[0]

    def _require_unreserved(self, name: Name) -> None:
        if name.text in self._reserved:
            message = f"'{name.text}' belongs to the language"
            raise error(name.span, message, "choose another name")

    def _unknown(self, name: Name) -> ParseError:
        if name.text in self._reserved:
            message = f"'{name.text}' is an operator; give it arguments: {name.text}(…)"
            return error(name.span, message)
        if name.text in self._later:
            line = self._later[name.text].get_location().line
            message = f"'{name.text}' is declared further down, in line {line}"
            return error(name.span, message, "move its declaration up; names are declared before use")
        known = similar(name.text, self._entries.keys() | self._reserved)
        return error(name.span, f"unknown name '{name.text}'{known}")
