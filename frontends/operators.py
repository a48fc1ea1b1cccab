"""Operators: the operations that have a spelling, and the arguments of their calls.

Ours are known from the start, and their names belong to the language. Those of other packages are looked up
when a call asks for a name that ours do not have; so a model that calls none does not wait for them, and an
installed package takes no name away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property

from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import ParseError
from xdsl.utils.lexer import Span

from ..dialects.nn import NN
from ..dialects.operation import ComputeOp
from ..dialects.spelling import TRANSPOSED, Arguments, Others, Spelling, Value
from .diagnostics import counted, error, similar
from .scope import Constant
from .syntax import Argument, Call, Name, Transposed

Spelled = dict[str, list[tuple[Spelling, type[ComputeOp]]]]
"""The operations of each name; more than one is an error for who calls it."""


def _spelled(operations: Iterable[type[Operation]]) -> Spelled:
    found: Spelled = {}
    for operation in operations:
        if issubclass(operation, ComputeOp) and isinstance(operation.SPELLING, Spelling):
            for name in operation.SPELLING.names:
                found.setdefault(name, []).append((operation.SPELLING, operation))
    return found


OURS = _spelled(NN.operations)
OUR_NAMES = tuple(name for name in OURS if name.isidentifier())
"""The operators that belong to the language; signs are no names."""

Given = Value | Constant
"""What an argument is, before it is known what its parameter takes."""

Tensors = Callable[[Constant, Span], SSAValue]
"""Makes constants tensors, where they stand as such."""


class Operators:
    """Ours, and those of other packages."""

    def __init__(self, others: Others):
        self._give_others = others

    @cached_property
    def _others(self) -> Spelled:
        return _spelled(self._give_others())

    @property
    def names(self) -> tuple[str, ...]:
        """What can be called."""
        return tuple(dict.fromkeys((*OUR_NAMES, *self._others)))

    def __contains__(self, name: str) -> bool:
        return name in OURS or name in self._others

    def call(
        self, call: Call, given: Sequence[Given], tensor: Tensors, rings: Collection[SSAValue]
    ) -> Sequence[Operation]:
        """The operations of a call by name, several for several values.

        `tensor` makes a constant one; `rings` are the caches that are some.

        Raises: ParseError if the arguments do not fit, or if two packages have the name.
        """
        name = call.operator.text
        found = OURS.get(name) or self._others[name]
        if len(found) > 1:
            owners = " and ".join(operation.name for _, operation in found)
            raise error(call.operator.span, f"'{name}' is {owners}", "keep one of their packages installed")
        spelling, operation = found[0]
        made = operation.spelled_all(_bind(spelling, call, given, tensor, rings))
        for op in made:
            if "ring" not in op.properties and any(value in rings for value in op.operands):
                raise error(call.span, f"{name} works on no rings", "declare the cache without `ring`")
        return made


def not_transposable(span: Span) -> ParseError:
    """The error of a `transposed(…)` where nothing takes it."""
    help = "say how it is used: x @ transposed(table)"
    return error(span, "'transposed' stands on the right of '@', or where a product takes it", help)


def sign(arguments: Arguments) -> Operation | None:
    """The operation of a sign between two values, or of `table[ids]`; None where tensors have no such sign.

    Raises: ParseError if the arguments do not fit.
    """
    found = OURS.get(arguments.name)
    return found[0][1].spelled(arguments) if found else None


def _bind(
    spelling: Spelling,
    call: Call,
    given: Sequence[Given],
    tensor: Tensors,
    rings: Collection[SSAValue],
) -> Arguments:
    """The values of a call's arguments by parameter.

    Raises: ParseError if an argument is missing, unknown or given twice.
    """
    name = call.operator.text
    usage, bound = spelling.usage(name), Arguments(name, call.span, {}, {}, rings=rings)
    for number, (argument, value) in enumerate(zip(call.arguments, given, strict=True)):
        parameter = _parameter(spelling, call.operator, argument, number)
        if parameter in bound:
            raise error(argument.span, f"'{parameter}' is given twice", usage)
        bound.spans[parameter] = span = argument.value.span
        if isinstance(argument.value, Transposed):
            if parameter not in spelling.transposable:
                raise not_transposable(span)
            bound.values[TRANSPOSED] = 1
        if not isinstance(value, Constant):
            bound.values[parameter] = value
        elif parameter in spelling.constants:
            bound.constants[parameter] = value.values
        else:
            bound.values[parameter] = tensor(value, span)
    missing = [parameter for parameter in spelling.needed if parameter not in bound]
    if missing:
        raise error(call.span, f"{name} lacks {', '.join(missing)}", usage)
    return bound


def _parameter(spelling: Spelling, operator: Name, argument: Argument, number: int) -> str:
    name, parameters, usage = operator.text, spelling.parameters, spelling.usage(operator.text)
    if argument.keyword is None:
        if number >= len(parameters) and spelling.many is not None:
            return f"{spelling.many} {number - len(parameters) + 1}"
        if number >= len(parameters):
            message = f"{name} takes {counted(len(parameters), 'argument')} without keyword"
            raise error(argument.span, message, usage)
        return parameters[number]
    keyword, known = argument.keyword, (*parameters, *spelling.optional)
    if keyword.text not in known:
        message = f"{name} has no '{keyword.text}'{similar(keyword.text, known)}"
        raise error(keyword.span, message, usage)
    return keyword.text
