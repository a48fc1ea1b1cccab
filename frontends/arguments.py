"""Operators and their arguments by parameter; each getter checks the kind of argument that it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from xdsl.dialects.builtin import AnyFloat, MemRefType, TensorType, i32
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import ParseError
from xdsl.utils.lexer import Span

from ..dialects.nn import element_type_of, shape_of
from .diagnostics import counted, error, similar
from .element_types import shown
from .scope import Value
from .syntax import Argument, Call


def _is_tensor(value: Value) -> TypeGuard[SSAValue[TensorType[Attribute]]]:
    return isinstance(value, SSAValue) and isinstance(value.type, TensorType)


def described(value: Value) -> str:
    """A value in words: `f32[1, 8]`, `the number 4`."""
    return shown(value.type) if isinstance(value, SSAValue) else f"the number {value}"


@dataclass(frozen=True)
class Arguments:
    """The values of one call by parameter, and where each stands; `call` is the place of the whole."""

    call: Span
    values: dict[str, Value]
    spans: dict[str, Span]

    def __contains__(self, parameter: str) -> bool:
        return parameter in self.values

    def wrong(self, parameter: str, message: str, help: str = "") -> ParseError:
        """An error at one argument."""
        return error(self.spans[parameter], message, help)

    def _needed(self, parameter: str, what: str) -> ParseError:
        given = described(self.values[parameter])
        return self.wrong(parameter, f"{parameter} is {given}, {what} is needed")

    def number(self, parameter: str) -> float:
        """A number.

        Raises: ParseError if the argument is a tensor or a cache.
        """
        value = self.values[parameter]
        if isinstance(value, SSAValue):
            raise self._needed(parameter, "a number")
        return float(value)

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

    def indices(self, parameter: str, rank: int) -> SSAValue:
        """A tensor of i32 of `rank` dimensions, rank 0 a scalar.

        Raises: ParseError if the argument is anything else.
        """
        value = self.values[parameter]
        if not _is_tensor(value) or element_type_of(value) != i32 or len(shape_of(value)) != rank:
            raise self._needed(parameter, "an i32 scalar" if rank == 0 else "i32[…]")
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


@dataclass(frozen=True)
class Operator:
    """An operator that is called by name; arguments bind to its parameters by position or by keyword."""

    name: str
    parameters: tuple[str, ...]
    build: Callable[[Arguments], Operation]
    """raises ParseError if the arguments do not fit"""
    optional: tuple[str, ...] = ()
    """parameters that may be left out; they are given by keyword"""

    @property
    def signature(self) -> str:
        """How it is called: `attention(query, keys, values, position, scale = …)`."""
        keywords = (f"{name} = …" for name in self.optional)
        return f"{self.name}({', '.join((*self.parameters, *keywords))})"

    def bind(self, call: Call, values: Sequence[Value]) -> Arguments:
        """The values of a call's arguments by parameter.

        Raises: ParseError if an argument is missing, unknown or given twice.
        """
        bound: dict[str, Value] = {}
        spans: dict[str, Span] = {}
        for number, (argument, value) in enumerate(zip(call.arguments, values, strict=True)):
            parameter = self._parameter_of(argument, number)
            if parameter in bound:
                raise error(argument.span, f"'{parameter}' is given twice", self._usage)
            bound[parameter], spans[parameter] = value, argument.value.span
        missing = [name for name in self.parameters if name not in bound]
        if missing:
            raise error(call.span, f"{self.name} lacks {', '.join(missing)}", self._usage)
        return Arguments(call.span, bound, spans)

    def _parameter_of(self, argument: Argument, number: int) -> str:
        if argument.keyword is None:
            if number >= len(self.parameters):
                message = f"{self.name} takes {counted(len(self.parameters), 'argument')} without keyword"
                raise error(argument.span, message, self._usage)
            return self.parameters[number]
        keyword, known = argument.keyword, (*self.parameters, *self.optional)
        if keyword.text not in known:
            message = f"{self.name} has no '{keyword.text}'{similar(keyword.text, known)}"
            raise error(keyword.span, message, self._usage)
        return keyword.text

    @property
    def _usage(self) -> str:
        return f"it is called as {self.signature}"
