"""From expressions to nn operations; names, shapes and types are checked on the way.

Numbers are worked out here and never become values of the IR. Operators are the operations that have a
spelling: ours are known from the start, and their names belong to the language. Those of other packages are
looked up when a call asks for a name that ours do not have; so a model that calls none does not wait for
them, and an installed package takes no name away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property

from xdsl.dialects.builtin import FileLineColLoc, TensorType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.utils.exceptions import ParseError
from xdsl.utils.lexer import Span

from ..dialects.nn import NN, CallOp
from ..dialects.operation import ComputeOp
from ..dialects.spelling import LEFT, RIGHT, Arguments, Others, Spelling, Value, conversion, described, shown
from .diagnostics import counted, error, location_of, similar
from .scope import Global, LayerKind, Scope, combine, evaluate, kind_of, literal, whole
from .syntax import Argument, Binary, Call, Expression, LayerCall, Lookup, Name, Negate, Number

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

    def call(self, call: Call, values: Sequence[Value], rings: Collection[SSAValue]) -> Operation:
        """The operation of a call by name; `rings` are the caches that are some.

        Raises: ParseError if the arguments do not fit, or if two packages have the name.
        """
        name = call.operator.text
        found = OURS.get(name) or self._others[name]
        if len(found) > 1:
            owners = " and ".join(operation.name for _, operation in found)
            raise error(call.operator.span, f"'{name}' is {owners}", "keep one of their packages installed")
        spelling, operation = found[0]
        op = operation.spelled(_bind(spelling, call, values, rings))
        if "ring" not in op.properties and any(value in rings for value in op.operands):
            raise error(call.span, f"{name} works on no rings", "declare the cache without `ring`")
        return op


def sign(arguments: Arguments) -> Operation | None:
    """The operation of a sign between two values, or of `table[ids]`; None where tensors have no such sign.

    Raises: ParseError if the arguments do not fit.
    """
    found = OURS.get(arguments.name)
    return found[0][1].spelled(arguments) if found else None


def _bind(spelling: Spelling, call: Call, values: Sequence[Value], rings: Collection[SSAValue]) -> Arguments:
    """The values of a call's arguments by parameter.

    Raises: ParseError if an argument is missing, unknown or given twice.
    """
    name = call.operator.text
    usage, bound = spelling.usage(name), Arguments(name, call.span, {}, {}, rings)
    for number, (argument, value) in enumerate(zip(call.arguments, values, strict=True)):
        parameter = _parameter(spelling, call.operator, argument, number)
        if parameter in bound:
            raise error(argument.span, f"'{parameter}' is given twice", usage)
        bound.values[parameter], bound.spans[parameter] = value, argument.value.span
    missing = [parameter for parameter in spelling.parameters if parameter not in bound]
    if missing:
        raise error(call.span, f"{name} lacks {', '.join(missing)}", usage)
    return bound


def _parameter(spelling: Spelling, operator: Name, argument: Argument, number: int) -> str:
    name, parameters, usage = operator.text, spelling.parameters, spelling.usage(operator.text)
    if argument.keyword is None:
        if number >= len(parameters):
            message = f"{name} takes {counted(len(parameters), 'argument')} without keyword"
            raise error(argument.span, message, usage)
        return parameters[number]
    keyword, known = argument.keyword, (*parameters, *spelling.optional)
    if keyword.text not in known:
        message = f"{name} has no '{keyword.text}'{similar(keyword.text, known)}"
        raise error(keyword.span, message, usage)
    return keyword.text


class Expressions:
    """Appends the operations of expressions to a block.

    `fetch` gives the value of a weight or cache inside this body; in the step layers can be called.
    """

    def __init__(
        self,
        scope: Scope,
        block: Block,
        fetch: Callable[[Global, Span], SSAValue],
        operators: Operators,
        *,
        in_step: bool,
    ):
        self.scope = scope
        self.in_step = in_step
        self._block = block
        self._fetch = fetch
        self._operators = operators
        self._rings: set[SSAValue] = set()
        self._locations: dict[int, FileLineColLoc] = {}

    def emit(self, op: Operation, span: Span) -> Operation:
        """Append an operation that stands for the text of `span`."""
        location = self._locations.get(span.start)
        if location is None:
            location = self._locations[span.start] = location_of(span)
        op.location = location
        self._block.add_op(op)
        return op

    def tensor(self, expression: Expression) -> SSAValue:
        """The tensor an expression stands for.

        Raises: ParseError if it is a number or a cache.
        """
        value = self.value(expression)
        if not isinstance(value, SSAValue) or not isinstance(value.type, TensorType):
            message = f"'{expression.span.text}' is {described(value)}, a tensor is needed here"
            number = f"declare it outside: param n = {expression.span.text}"
            raise error(expression.span, message, "" if isinstance(value, SSAValue) else number)
        return value

    def tensors(self, expression: Expression) -> tuple[SSAValue, ...]:
        """The tensors an expression stands for: several where a layer returns several."""
        if isinstance(expression, LayerCall):
            return self._layer_call(expression)
        return (self.tensor(expression),)

    def value(self, expression: Expression) -> Value:
        """The tensor, cache or number an expression stands for."""
        match expression:
            case Number():
                return literal(expression)
            case Name():
                return self._name(expression)
            case Negate(operand=operand):
                return -evaluate(operand, self.scope)
            case Binary(lhs=lhs, rhs=rhs):
                return self._binary(expression, self.value(lhs), self.value(rhs))
            case Lookup():
                return self._lookup(expression)
            case Call():
                return self._result(expression)
            case LayerCall():
                return self._only_result(expression)

    def operation(self, call: Call) -> Operation:
        """Append the operation of an operator's call; it may have no result."""
        if call.operator.text not in self._operators:
            raise self._no_operator(call.operator)
        values = [self.value(argument.value) for argument in call.arguments]
        return self.emit(self._operators.call(call, values, self._rings), call.span)

    def _name(self, name: Name) -> Value:
        meaning = self.scope[name]
        if isinstance(meaning, Global):
            value = self._fetch(meaning, name.span)
            if meaning.ring:
                self._rings.add(value)
            return value
        if isinstance(meaning, LayerKind):
            raise error(name.span, f"'{name.text}' is a layer; call it: {name.text}[0](…)")
        return meaning

    def _binary(self, expression: Binary, lhs: Value, rhs: Value) -> Value:
        if isinstance(lhs, int | float) and isinstance(rhs, int | float):
            return combine(expression, lhs, rhs)
        spans = {LEFT: expression.lhs.span, RIGHT: expression.rhs.span}
        op = sign(Arguments(expression.operator, expression.span, {LEFT: lhs, RIGHT: rhs}, spans))
        if op is None:
            message = f"'{expression.operator}' joins numbers, not tensors"
            raise error(expression.span, message, "tensors are joined by + * and @")
        return self.emit(op, expression.span).results[0]

    def _lookup(self, lookup: Lookup) -> Value:
        table, ids = self._name(lookup.table), self.value(lookup.index)
        spans = {"table": lookup.table.span, "ids": lookup.index.span}
        op = sign(Arguments("[]", lookup.span, {"table": table, "ids": ids}, spans))
        assert op is not None, "nn.embedding has this sign"
        return self.emit(op, lookup.span).results[0]

    def _result(self, call: Call) -> Value:
        op = self.operation(call)
        if not op.results:
            message = f"{call.operator.text} gives no value"
            raise error(call.span, message, "let it stand on a line of its own")
        return op.results[0]

    def _no_operator(self, name: Name) -> ParseError:
        if name.text not in self.scope:
            known = self._operators.names
            message = f"unknown operator '{name.text}'{similar(name.text, known)}"
            return error(name.span, message, f"operators are {', '.join(known)}")
        meaning = self.scope[name]
        help = f"say which one: {name.text}[0](…)" if isinstance(meaning, LayerKind) else ""
        return error(name.span, f"'{name.text}' is {kind_of(meaning)}, no operator", help)

    def _only_result(self, call: LayerCall) -> Value:
        results = self._layer_call(call)
        if len(results) != 1:
            message = f"'{call.layer.text}' returns {len(results)} values, one is needed here"
            raise error(call.span, message, f"name them first: a, b = {call.layer.text}[…](…)")
        return results[0]

    def _layer_call(self, call: LayerCall) -> tuple[SSAValue, ...]:
        kind = self._kind(call.layer)
        index = whole(call.index, self.scope)
        if not 0 <= index < kind.count:
            message = f"layer {index} of '{call.layer.text}' does not exist"
            raise error(call.index.span, message, f"its layers are 0 to {kind.count - 1}")
        operands = self._layer_arguments(call, kind)
        operands += [self._fetch(entry, call.span) for entry in kind.globals]
        op = CallOp(kind.callee, operands, kind.results, index)
        return tuple(self.emit(op, call.span).results)

    def _kind(self, name: Name) -> LayerKind:
        kind = self.scope[name]
        if not isinstance(kind, LayerKind):
            raise error(name.span, f"'{name.text}' is {kind_of(kind)}, no layer")
        if not self.in_step:
            raise error(name.span, "a layer cannot call layers", "call them one by one in the step")
        return kind

    def _layer_arguments(self, call: LayerCall, kind: LayerKind) -> list[SSAValue]:
        name, wanted, given = call.layer.text, kind.parameters, call.arguments
        if len(given) != len(wanted):
            names = ", ".join(parameter for parameter, _ in wanted)
            message = f"'{name}' takes {counted(len(wanted), 'argument')}, got {len(given)}"
            raise error(call.span, message, f"call it as {name}[…]({names})")
        return [
            self._layer_argument(argument, parameter, type_)
            for argument, (parameter, type_) in zip(given, wanted, strict=True)
        ]

    def _layer_argument(self, argument: Argument, parameter: str, wanted: Attribute) -> SSAValue:
        if argument.keyword is not None:
            help = "give them in the order of its declaration"
            raise error(argument.keyword.span, "arguments of a layer have no keywords", help)
        value = self.value(argument.value)
        if not isinstance(value, SSAValue) or value.type != wanted:
            message = f"'{parameter}' is {described(value)}, the layer takes {shown(wanted)}"
            help = conversion(value.type, wanted) if isinstance(value, SSAValue) else ""
            raise error(argument.span, message, help)
        return value
