"""What is computed with numbers: the signs `+ - * / ^` and functions such as `min` and `exp`.

**The same bits on every machine.** Sums, products, quotients and square roots are those of IEEE 754.
Powers, `exp` and `log`, whose last bit depends on a machine's library, are worked out to 40 decimal digits
and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from math import ceil, floor, isfinite, sqrt

from xdsl.utils.lexer import Span

from ..dialects.spelling import Number
from .diagnostics import counted, error
from .syntax import Binary
from .syntax import Number as Literal

_LARGEST = 2**63 - 1
_DIGITS = len(str(_LARGEST))
_PRECISE = Context(prec=40, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


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


def alike(number: Number, other: Number) -> Number:
    """A number, whole where another is whole and it can be, and a float where the other is one."""
    if isinstance(other, int):
        return int(number) if isinstance(number, float) and number.is_integer() else number
    try:
        return float(number)
    except OverflowError:  # what reads the text refuses it
        return number


def combine(expression: Binary, lhs: Number, rhs: Number) -> Number:
    """What a sign makes of two numbers; whole numbers must divide without a rest.

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
        case "^":
            result = _power(expression, lhs, rhs)
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


def _power(expression: Binary, base: Number, exponent: Number) -> Number:
    shown = f"{base} ^ {exponent}" if base >= 0 else f"({base}) ^ {exponent}"
    if base == 0 and exponent < 0:
        raise error(expression.span, f"{shown} divides by zero")
    if isinstance(base, int) and isinstance(exponent, int):
        if exponent < 0 and abs(base) != 1:
            help = f"write {float(base)} ^ {exponent} for a fraction"
            raise error(expression.span, f"{shown} is no whole number", help)
        return base ** _exponent(base, exponent)
    if base < 0 and exponent != floor(exponent):
        help = "a power of a number below zero has a whole exponent"
        raise error(expression.span, f"{shown} is no number", help)
    if exponent == 0:
        return 1.0
    return float(_PRECISE.power(Decimal(base), Decimal(exponent)))


def _exponent(base: int, exponent: int) -> int:
    """An exponent with the same power, or one out of range as well, that is small enough to compute with."""
    if abs(base) <= 1:
        return exponent % 2 if base else min(exponent, 1)
    return min(exponent, _LARGEST.bit_length() + 1)


@dataclass(frozen=True)
class Function:
    """A function of numbers."""

    compute: Callable[..., Number]
    most: int | None = 1
    """It takes so many numbers; None is two or more."""
    takes: Callable[[Sequence[Number]], bool] = lambda _: True
    """Whether it has a value there."""
    domain: str = ""
    """Where it has one, in words."""


def _same_kind(choose: Callable[[Sequence[Number]], Number]) -> Callable[..., Number]:
    """The choice among numbers, a float if one of them is."""

    def compute(*numbers: Number) -> Number:
        return choose(numbers if all(isinstance(n, int) for n in numbers) else [*map(float, numbers)])

    return compute


FUNCTIONS: Mapping[str, Function] = {
    "min": Function(_same_kind(min), None),
    "max": Function(_same_kind(max), None),
    "floor": Function(floor),
    "ceil": Function(ceil),
    "sqrt": Function(sqrt, 1, lambda n: n[0] >= 0, "it takes numbers from zero"),
    "exp": Function(lambda x: float(_PRECISE.exp(Decimal(x)))),
    "log": Function(
        lambda x: float(_PRECISE.ln(Decimal(x))), 1, lambda n: n[0] > 0, "it takes numbers above zero"
    ),
    "mod": Function(lambda a, b: a % b, 2, lambda n: n[1] != 0, "the second number is not zero"),
}
"""The functions of numbers by name."""


def apply(name: str, span: Span, numbers: Sequence[Number]) -> Number:
    """The value of a function at some numbers.

    Raises: ParseError if it takes not so many, has no value there, or one out of range.
    """
    function, given = FUNCTIONS[name], len(numbers)
    if given != function.most and not (function.most is None and given > 1):
        wanted = "two numbers or more" if function.most is None else counted(function.most, "number")
        raise error(span, f"{name} takes {wanted}, got {given}")
    if not function.takes(numbers):
        raise error(span, f"{name}({', '.join(map(str, numbers))}) has no value", function.domain)
    return checked(function.compute(*numbers), span)
