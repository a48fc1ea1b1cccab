"""How an operation is spelled in the model language: its name, its parameters, and what it asks of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeGuard

from xdsl.dialects.builtin import AnyFloat, MemRefType, TensorType, bf16, f16, f32, f64, i32
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import ParseError
from xdsl.utils.lexer import Span

from .rules.shapes import repeats
from .tensors import element_type_of, shape_of
from .vocabulary import HELP_MARK

Number = int | float
Value = SSAValue | Number
"""What an expression of the language stands for."""

FLOAT_TYPES: dict[str, AnyFloat] = {"bf16": bf16, "f16": f16, "f32": f32, "f64": f64}
"""Float types by name; each is also the operator that converts to it."""

Others = Callable[[], Iterable[type[Operation]]]
"""Gives the operations of other packages."""

LEFT, RIGHT = "the left side", "the right side"
"""The parameters of `+ - * / @`, as messages name them."""
TRANSPOSED = "transposed"
"""Given with `@` where the right side stands in `transposed(…)`, and so with what takes it likewise."""


def no_others() -> Iterable[type[Operation]]:
    """No operations but ours."""
    return ()


def error(span: Span, message: str, help: str = "") -> ParseError:
    """An error at a place of the text; `help` is the way out and stands on a line of its own."""
    return ParseError(span, f"{message}{HELP_MARK}{help}" if help else message)


def shown(type_: Attribute) -> str:
    """A type in the language's words: `bf16[1, 4096]`, `i32` for a scalar, `cache bf16[1, 2]` for a cache."""
    match type_:
        case TensorType() | MemRefType():
            extents = ", ".join(map(str, type_.get_shape()))
            name = f"{type_.get_element_type()}" + (f"[{extents}]" if extents else "")
            return f"cache {name}" if isinstance(type_, MemRefType) else name
        case _:
            return str(type_)


def described(value: Value) -> str:
    """A value in words: `f32[1, 8]`, `the number 4`."""
    return shown(value.type) if isinstance(value, SSAValue) else f"the number {value}"


def conversion(given: Attribute, wanted: Attribute) -> str:
    """The way out where two types differ in their element type alone: `convert it: bf16(…)`."""
    if not isinstance(given, TensorType) or not isinstance(wanted, TensorType):
        return ""
    same = given.get_shape() == wanted.get_shape() and str(wanted.element_type) in FLOAT_TYPES
    return f"convert it: {wanted.element_type}(…)" if same else ""


@dataclass(frozen=True)
class Spelling:
    """An operator of the language; arguments bind to its parameters by position or by keyword.

    A name that is no word is one of the signs `@ + - * /` between two values, or `[]` for `table[ids]`.
    """

    name: str
    parameters: tuple[str, ...]
    optional: tuple[str, ...] = ()
    """Parameters that may be left out; those that are none of `parameters` are given by keyword."""
    others: tuple[str, ...] = ()
    """Further names; `Arguments.name` is the one that is called."""
    many: str | None = None
    """What may follow the parameters by position, as often as one likes."""
    constants: tuple[str, ...] = ()
    """Parameters that take the numbers of a constant; to all others a constant is a tensor."""
    transposable: tuple[str, ...] = ()
    """Parameters that may stand in `transposed(…)`, of which the operation finds `TRANSPOSED`."""

    @property
    def names(self) -> tuple[str, ...]:
        """All names."""
        return (self.name, *self.others)

    def usage(self, name: str) -> str:
        """How it is called: `it is called as rms_norm(x, [gain], eps, groups = …)`."""
        places = (f"[{name}]" if name in self.optional else name for name in self.parameters)
        many = (self.many, "…") if self.many else ()
        keywords = (f"{parameter} = …" for parameter in self.optional if parameter not in self.parameters)
        return f"it is called as {name}({', '.join((*places, *many, *keywords))})"

    @property
    def needed(self) -> tuple[str, ...]:
        """The parameters that have to be given."""
        return tuple(parameter for parameter in self.parameters if parameter not in self.optional)


def _is_tensor(value: Value) -> TypeGuard[SSAValue[TensorType[Attribute]]]:
    return isinstance(value, SSAValue) and isinstance(value.type, TensorType)


@dataclass(frozen=True)
class Arguments:
    """The values of one call by parameter, and where each stands; each getter checks what it gives."""

    name: str
    """Of the operator, as it is called."""
    call: Span
    """The place of the whole."""
    values: dict[str, Value]
    spans: dict[str, Span]
    constants: dict[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    """The numbers of constants, for the parameters that take them."""
    rings: Collection[SSAValue] = ()
    """The caches of which a new position takes the place of the oldest."""

    def __contains__(self, parameter: str) -> bool:
        return parameter in self.values or parameter in self.constants

    def several(self, many: str) -> list[str]:
        """The names of what a spelling takes as often as one likes, in order: `extent 1`, `extent 2`."""
        return [name for name in self.values if name.startswith(f"{many} ")]

    def refused(self, message: str, help: str = "") -> ParseError:
        """An error of the whole call."""
        return error(self.call, message, help)

    def wrong(self, parameter: str, message: str, help: str = "") -> ParseError:
        """An error at one argument."""
        return error(self.spans[parameter], message, help)

    def _needed(self, parameter: str, what: str, help: str = "") -> ParseError:
        given = described(self.values[parameter])
        return self.wrong(parameter, f"{parameter} is {given}, {what} is needed", help)

    def number(self, parameter: str, default: float | None = None) -> float:
        """A number; the default where it is not given.

        Raises: ParseError if the argument is a tensor or a cache.
        """
        value = self.values[parameter] if default is None else self.values.get(parameter, default)
        if isinstance(value, SSAValue):
            raise self._needed(parameter, "a number")
        return float(value)

    def constant(self, parameter: str) -> tuple[float, ...]:
        """The numbers of a constant.

        Raises: ParseError if the argument is anything else.
        """
        if parameter in self.values:
            raise self._needed(parameter, "the name of a constant")
        return self.constants[parameter]

    def positive(self, parameter: str) -> float:
        """A number above zero.

        Raises: ParseError if the argument is anything else.
        """
        number = self.number(parameter)
        if number <= 0:
            raise self._needed(parameter, "a number above zero")
        return number

    def whole(self, parameter: str) -> int:
        """A whole number from one.

        Raises: ParseError if the argument is anything else.
        """
        value = self.values[parameter]
        if not isinstance(value, int) or value < 1:
            raise self._needed(parameter, "a whole number from 1")
        return value

    def floats(self, parameter: str, rank: int | None = None) -> SSAValue:
        """A tensor of floats, of `rank` dimensions if that is given.

        Raises: ParseError if the argument is anything else.
        """
        value = self.values[parameter]
        if not _is_tensor(value) or not isinstance(element_type_of(value), AnyFloat):
            raise self._needed(parameter, "a tensor of floats")
        if rank is not None and len(shape_of(value)) != rank:
            raise self._needed(parameter, f"a tensor of {rank} dimensions")
        return value

    def indices(self, parameter: str, rank: int, way_out: str = "") -> SSAValue:
        """A tensor of i32 of `rank` dimensions, rank 0 a scalar; `way_out` is for one of another rank.

        Raises: ParseError if the argument is anything else.
        """
        value = self.values[parameter]
        what = "an i32 scalar" if rank == 0 else f"i32[{', '.join('…' * rank)}]"
        if not _is_tensor(value) or element_type_of(value) != i32:
            raise self._needed(parameter, what)
        if len(shape_of(value)) != rank:
            raise self._needed(parameter, what, way_out)
        return value

    def index(self, parameter: str) -> SSAValue:
        """An i32 scalar or a tensor `i32[…]` of one dimension.

        Raises: ParseError if the argument is anything else.
        """
        value = self.values[parameter]
        if not _is_tensor(value) or element_type_of(value) != i32 or len(shape_of(value)) > 1:
            raise self._needed(parameter, "an i32 scalar or i32[…]")
        return value

    def cache(self, parameter: str) -> SSAValue:
        """A cache `[batch, kv_heads, context, head_dim]` of floats.

        Raises: ParseError if the argument is anything else.
        """
        value = self.values[parameter]
        fits = (
            isinstance(value, SSAValue)
            and isinstance(value.type, MemRefType)
            and isinstance(element_type_of(value), AnyFloat)
            and len(shape_of(value)) == 4
        )
        if not fits:
            raise self._needed(parameter, "a cache [batch, kv_heads, context, head_dim]")
        assert isinstance(value, SSAValue)
        return value

    def is_ring(self, parameter: str) -> bool:
        """Whether an argument is a cache that was declared a ring."""
        return self.values[parameter] in self.rings

    def same_ring(self, parameter: str, other: str) -> bool:
        """Whether two caches are rings.

        Raises: ParseError if one of them is, and the other one is not.
        """
        if self.is_ring(parameter) != self.is_ring(other):
            one, two = ("a ring" if self.is_ring(name) else "no ring" for name in (parameter, other))
            message = f"{parameter} are {one}, {other} {two}"
            raise self.wrong(other, message, "declare both with `ring`, or none")
        return self.is_ring(parameter)

    def alike(self) -> tuple[SSAValue, SSAValue]:
        """Both sides of a sign: tensors of floats of one type, of which one may be repeated over the other.

        It has the last extents of that alone, or a single column.

        Raises: ParseError if they differ.
        """
        lhs, rhs = self.floats(LEFT), self.floats(RIGHT)
        one, two = map(shape_of, (lhs, rhs))
        if not repeats(one, two) and not repeats(two, one):
            message = f"shapes differ: {extents(lhs)} and {extents(rhs)}"
            help = (
                "both sides need the same shape, or one the last extents of the other, [hidden], "
                "or a single column, [batch, 1]"
            )
            raise self.refused(message, help)
        if element_type_of(lhs) != element_type_of(rhs):
            message = f"element types differ: {shown(lhs.type)} and {shown(rhs.type)}"
            raise self.refused(message, f"convert one side: {element_type_of(lhs)}(…)")
        return lhs, rhs

    def gain(self, parameter: str, x: SSAValue) -> SSAValue:
        """A tensor of floats with the last extent of `x`, as norms take it.

        Raises: ParseError if the argument is anything else.
        """
        value = self.floats(parameter)
        if shape_of(value) != shape_of(x)[-1:] or not shape_of(x):
            message = f"{parameter} is {shown(value.type)}, x is {shown(x.type)}"
            raise self.wrong(parameter, message, f"the {parameter} has the last extent of x: [hidden]")
        return value

    def eps(self) -> float:
        """The number `eps` of a norm.

        Raises: ParseError if it is negative.
        """
        eps = self.number("eps")
        if eps < 0:
            raise self.wrong("eps", f"eps is {eps}, it must not be negative")
        return eps


def extents(value: SSAValue) -> str:
    """A shape in the language's words: `[1, 4096]`."""
    return f"[{', '.join(map(str, shape_of(value)))}]"
