"""Numbers of a model file: literals, parameters, sums and products of them, and the extents of shapes."""

from __future__ import annotations

from math import isfinite
from typing import NoReturn

from xdsl.utils.lexer import Span

from .diagnostics import error
from .scope import Number, Scope, kind_of
from .syntax import Binary, Expression, Name, Negate
from .syntax import Number as Literal

_LARGEST = 2**63 - 1
_DIGITS = len(str(_LARGEST))


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
        case _:
            _not_a_number(expression, "a value")


def _not_a_number(expression: Expression, kind: str) -> NoReturn:
    message = f"'{expression.span.text}' is {kind}, a number is needed here"
    raise error(expression.span, message, "numbers are literals and params, joined by + - * /")


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


def literal(number: Literal) -> Number:
    """The number a literal stands for; it is whole if written without point and exponent.

    Raises: ParseError if it is too large.
    """
    if number.text.isdecimal():
        digits = number.text.lstrip("0")
        return checked(int(digits or "0") if len(digits) <= _DIGITS else _LARGEST + 1, number.span)
    return checked(float(number.text), number.span)


def checked(number: Number, span: Span) -> Number:
    """The number itself.

    Raises: ParseError if it leaves the range of 64-bit integers or of floats.
    """
    fits = abs(number) <= _LARGEST if isinstance(number, int) else isfinite(number)
    if not fits:
        raise error(span, "this number is out of range; whole numbers have 64 bits, floats are finite")
    return number


def combine(expression: Binary, lhs: Number, rhs: Number) -> Number:
    """The sum, difference, product or quotient of two numbers; whole numbers must divide without a rest.

    Raises: ParseError if the result is no number, or not whole where it should be.
    """
    match expression.operator:
        case "+":
            result = lhs + rhs
        case "-":
            result = lhs - rhs
        case "*":
            result = lhs * rhs
        case "/":
            result = _divide(expression, lhs, rhs)
        case _:
            raise error(expression.span, "'@' multiplies matrices; write '*' for numbers")
    return checked(result, expression.span)


def _divide(expression: Binary, lhs: Number, rhs: Number) -> Number:
    if rhs == 0:
        raise error(expression.span, f"'{expression.span.text}' divides by zero")
    if isinstance(lhs, float) or isinstance(rhs, float):
        return lhs / rhs
    quotient, rest = divmod(lhs, rhs)
    if rest:
        message = f"'{expression.span.text}' is {lhs} / {rhs}, which leaves a rest of {rest}"
        raise error(expression.span, message, f"change one of them, or write {lhs}.0 for a fraction")
    return quotient
