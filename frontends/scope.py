"""What names and numbers mean; names are declared before use, declared once, never hidden by another.

Values (results of expressions, arguments of a body) may be assigned again; whatever is declared may not.
Numbers are literals, parameters, elements of constants, and what signs and functions make of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from xdsl.dialects.builtin import FlatSymbolRefAttr, MemRefType, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.utils.exceptions import ParseError
from xdsl.utils.lexer import Span

from ..dialects.spelling import Number, Value
from .diagnostics import error, similar
from .numbers import FUNCTIONS, apply, combine, literal
from .syntax import Argument, Binary, Call, Expression, Lookup, Name, Negate
from .syntax import Number as Literal


@dataclass(frozen=True)
class Global:
    """A weight or cache of the module, known in the IR by its symbol."""

    symbol: str
    type: TensorType[Attribute] | MemRefType[Attribute]
    """Type of the whole symbol: for a weight of a layer kind, with the leading dimension of layers."""
    sliced: TensorType[Attribute] | MemRefType[Attribute]
    """Type where it is used: one layer's share."""
    ring: bool = False
    """It is a cache in which a new position takes the place of the oldest."""


@dataclass(frozen=True)
class StoredGlobal:
    """A weight of fewer bits: its codes, its scales, and its zero points or the scale of its scales."""

    parts: tuple[Global, ...]
    format: str
    block: tuple[int, ...]
    """How many numbers along each axis share a scale."""
    type: TensorType[Attribute]
    """Of the numbers that it stands for, where it is used."""


@dataclass(frozen=True)
class LayerKind:
    """The signature of a layer body; its function takes the parameters, then the globals the body reads."""

    callee: FlatSymbolRefAttr
    count: int
    parameters: tuple[tuple[str, Attribute], ...]
    globals: tuple[Global, ...]
    results: tuple[Attribute, ...]


@dataclass(frozen=True)
class Constant:
    """Numbers of the model, which are a weight, too, where they are used as a tensor."""

    values: tuple[float, ...]
    tensor: Global


Meaning = Value | Global | StoredGlobal | Constant | LayerKind


def kind_of(meaning: Meaning) -> str:
    """What a name stands for, in words."""
    match meaning:
        case int() | float():
            return "a number"
        case Global(type=MemRefType()):
            return "a cache"
        case Global() | StoredGlobal():
            return "a weight"
        case Constant():
            return "a constant"
        case LayerKind():
            return "a layer"
        case _:
            return "a value"


_SHORT = 2
"""Reserved words of so few letters are no guess: `i8` for `i`."""


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
        """Give a variable its next number."""
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
        if name.text == "layer":
            return error(name.span, "'layer' is a number behind 'at' alone", "layer kind[…](…) at 2 * layer")
        if name.text in self._later:
            line = self._later[name.text].get_location().line
            message = f"'{name.text}' is declared further down, in line {line}"
            return error(name.span, message, "move its declaration up; names are declared before use")
        words = {word for word in self._reserved if len(word) > _SHORT}
        known = similar(name.text, self._entries.keys() | words)
        return error(name.span, f"unknown name '{name.text}'{known}")


_NUMBERS = "numbers are made of literals, params and elements of constants"


def evaluate(expression: Expression, scope: Scope) -> Number:
    """The number an expression stands for.

    Raises: ParseError if it holds anything but numbers, or does not work out.
    """
    match expression:
        case Literal():
            return literal(expression)
        case Name():
            meaning = scope[expression]
            if not isinstance(meaning, int | float):
                _not_a_number(expression, kind_of(meaning))
            return meaning
        case Negate(operand=operand):
            return -evaluate(operand, scope)
        case Binary(lhs=lhs, rhs=rhs):
            return combine(expression, evaluate(lhs, scope), evaluate(rhs, scope))
        case Lookup(table=table):
            constant = scope[table]
            if not isinstance(constant, Constant):
                message = f"'{table.text}' is {kind_of(constant)}, a constant is needed here"
                raise error(table.span, message, _NUMBERS)
            return element(expression, constant, scope)
        case Call(operator=Name(text=name)) if name in FUNCTIONS:
            return apply(name, expression.span, [_argument(a, scope) for a in expression.arguments])
        case Call():
            _not_a_number(expression, "a value", f"functions of numbers are {', '.join(FUNCTIONS)}")
        case _:
            _not_a_number(expression, "a value")


def _not_a_number(expression: Expression, kind: str, help: str = _NUMBERS) -> NoReturn:
    message = f"'{expression.span.text}' is {kind}, a number is needed here"
    raise error(expression.span, message, help)


def _argument(argument: Argument, scope: Scope) -> Number:
    """What a function of numbers is given."""
    if argument.keyword is not None:
        raise error(argument.keyword.span, "functions of numbers have no keywords", "give the number alone")
    return evaluate(argument.value, scope)


def element(lookup: Lookup, constant: Constant, scope: Scope) -> float:
    """The element `constant[index]`.

    Raises: ParseError if it has no such element.
    """
    index, count = whole(lookup.index, scope), len(constant.values)
    if not 0 <= index < count:
        message = f"'{lookup.span.text}' is element {index}; '{lookup.table.text}' has {count}, from 0"
        raise error(lookup.index.span, message)
    return constant.values[index]


def whole(expression: Expression, scope: Scope) -> int:
    """The whole number an expression stands for.

    Raises: ParseError if it is none.
    """
    number = evaluate(expression, scope)
    if not isinstance(number, int):
        message = f"'{expression.span.text}' is {number}, a whole number is needed here"
        raise error(expression.span, message)
    return number


def extent(expression: Expression, scope: Scope) -> int:
    """An extent of a shape or a count of layers: a whole number from one.

    Raises: ParseError if it is none.
    """
    number = whole(expression, scope)
    if number < 1:
        shown = expression.span.text
        value = f"'{shown}' is {number}" if shown != str(number) else f"this is {number}"
        raise error(expression.span, f"{value}, at least 1 is needed here")
    return number
