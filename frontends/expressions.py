"""From expressions to nn operations; names, shapes and types are checked on the way.

Numbers are worked out here and never become values of the IR. Operators are in `operators.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects.builtin import FileLineColLoc, TensorType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.utils.exceptions import ParseError
from xdsl.utils.lexer import Span

from ..dialects.nn import CallOp, MulScalarOp
from ..dialects.spelling import (
    LEFT,
    RIGHT,
    TRANSPOSED,
    Arguments,
    Value,
    conversion,
    described,
    shown,
)
from .diagnostics import counted, error, location_of, similar
from .numbers import FUNCTIONS, combine, literal
from .operators import Given, Operators, not_transposable, sign
from .scope import (
    Constant,
    Global,
    LayerKind,
    Scope,
    StoredGlobal,
    element,
    evaluate,
    kind_of,
    whole,
)
from .stored import dequantized, with_dequantized_last
from .syntax import Argument, Binary, Call, Expression, LayerCall, Lookup, Name, Negate, Number, Transposed


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
        return self._checked_tensor(expression, self.value(expression))

    def tensors(self, expression: Expression) -> tuple[SSAValue, ...]:
        """The tensors an expression stands for: several where a layer or an operator gives several."""
        if isinstance(expression, LayerCall):
            return self._layer_call(expression)
        values = self._values(expression) if isinstance(expression, Call) else (self.value(expression),)
        return tuple(self._checked_tensor(expression, value) for value in values)

    def _checked_tensor(self, expression: Expression, value: Value) -> SSAValue:
        if not isinstance(value, SSAValue) or not isinstance(value.type, TensorType):
            message = f"'{expression.span.text}' is {described(value)}, a tensor is needed here"
            number = f"declare it outside: param n = {expression.span.text}"
            raise error(expression.span, message, "" if isinstance(value, SSAValue) else number)
        return value

    def value(self, expression: Expression) -> Value:
        """The tensor, cache or number an expression stands for."""
        match expression:
            case Number():
                return literal(expression)
            case Name():
                return self._name(expression)
            case Negate(operand=operand):
                return self._negated(expression, self.value(operand))
            case Binary(lhs=lhs, rhs=rhs):
                return self._binary(expression, self.value(lhs), self._right_side(expression.operator, rhs))
            case Lookup():
                return self._lookup(expression)
            case Transposed():
                raise not_transposable(expression.span)
            case Call():
                return self._only(self._values(expression), expression.span, f"{expression.operator.text}(…)")
            case LayerCall():
                return self._only(
                    self._layer_call(expression), expression.span, f"{expression.layer.text}[…](…)"
                )

    def operations(self, call: Call) -> Sequence[Operation]:
        """Append the operations of an operator's call; each gives one value, or a single one gives none."""
        return self._operations(call, self._given(call))

    def _given(self, call: Call) -> list[Given]:
        """The arguments of a call, constants as such."""
        if call.operator.text not in self._operators and call.operator.text not in FUNCTIONS:
            raise self._no_operator(call.operator)
        return [self._given_as(argument.value) for argument in call.arguments]

    def _given_as(self, expression: Expression) -> Given:
        """What an argument is: `transposed(w)` as w, and who binds it knows."""
        inner = expression.operand if isinstance(expression, Transposed) else expression
        return self._constant(inner) or self.value(inner)

    def _constant(self, expression: Expression) -> Constant | None:
        meaning = self.scope[expression] if isinstance(expression, Name) else None
        return meaning if isinstance(meaning, Constant) else None

    def _tensor(self, constant: Constant, span: Span) -> SSAValue:
        return self._fetch(constant.tensor, span)

    def _operations(self, call: Call, given: Sequence[Given]) -> Sequence[Operation]:
        if call.operator.text not in self._operators:
            message = f"{call.operator.text} is a function of numbers, tensors have none of that name"
            raise error(call.span, message)
        made = self._operators.call(call, given, self._tensor, self._rings)
        return [self._emit_view(op, call.span) for op in made]

    def _emit_view(self, op: Operation, span: Span) -> Operation:
        """Append an operation that may be a view of a weight of fewer bits."""
        for one in (made := with_dequantized_last(op, span)):
            self.emit(one, span)
        return made[-1]

    def _stored(self, entry: StoredGlobal, span: Span) -> SSAValue:
        op = dequantized(entry, [self._fetch(part, span) for part in entry.parts])
        self.emit(op, span)
        return op.result

    def _name(self, name: Name) -> Value:
        meaning = self.scope[name]
        if isinstance(meaning, Global):
            value = self._fetch(meaning, name.span)
            if meaning.ring:
                self._rings.add(value)
            return value
        if isinstance(meaning, StoredGlobal):
            return self._stored(meaning, name.span)
        if isinstance(meaning, Constant):
            return self._tensor(meaning, name.span)
        if isinstance(meaning, LayerKind):
            raise error(name.span, f"'{name.text}' is a layer; call it: {name.text}[0](…)")
        return meaning

    def _binary(self, expression: Binary, lhs: Value, rhs: Value) -> Value:
        if isinstance(lhs, int | float) and isinstance(rhs, int | float):
            return combine(expression, lhs, rhs)
        spans = {LEFT: expression.lhs.span, RIGHT: expression.rhs.span}
        values = {LEFT: lhs, RIGHT: rhs}
        if isinstance(expression.rhs, Transposed):
            values[TRANSPOSED] = 1
        op = sign(Arguments(expression.operator, expression.span, values, spans))
        if op is None:
            message = f"'{expression.operator}' joins numbers, not tensors"
            raise error(expression.span, message, "tensors are joined by + - * / and @")
        return self.emit(op, expression.span).results[0]

    def _negated(self, expression: Negate, value: Value) -> Value:
        if not isinstance(value, SSAValue):
            return -value
        arguments = Arguments("-", expression.span, {RIGHT: value}, {RIGHT: expression.operand.span})
        return self.emit(MulScalarOp(arguments.floats(RIGHT), -1.0), expression.span).results[0]

    def _lookup(self, lookup: Lookup) -> Value:
        constant = self._constant(lookup.table)
        if constant is not None:
            return element(lookup, constant, self.scope)
        if isinstance(self.scope[lookup.table], StoredGlobal):
            message = f"'{lookup.table.text}' has codes and scales; rows are looked up in numbers as they are"
            raise error(lookup.table.span, message, "declare the table with a type of floats")
        table, ids = self._name(lookup.table), self.value(lookup.index)
        spans = {"table": lookup.table.span, "ids": lookup.index.span}
        op = sign(Arguments("[]", lookup.span, {"table": table, "ids": ids}, spans))
        assert op is not None, "nn.embedding has this sign"
        return self.emit(op, lookup.span).results[0]

    def _right_side(self, operator: str, rhs: Expression) -> Value:
        """The right side of a sign; that of a matrix product may be transposed."""
        return self.value(rhs.operand if operator == "@" and isinstance(rhs, Transposed) else rhs)

    def _values(self, call: Call) -> tuple[Value, ...]:
        """What a call gives: the number of a function of numbers, or the values of its operations."""
        given, name = self._given(call), call.operator.text
        if name in FUNCTIONS and all(isinstance(value, int | float) for value in given):
            return (evaluate(call, self.scope),)
        results = [op.results for op in self._operations(call, given)]
        if not results[-1]:
            message = f"{name} gives no value"
            raise error(call.span, message, "let it stand on a line of its own")
        return tuple(values[0] for values in results)

    def _no_operator(self, name: Name) -> ParseError:
        if name.text not in self.scope:
            known = self._operators.names
            close = similar(name.text, (*known, *FUNCTIONS))
            message = f"unknown operator '{name.text}'{close}"
            return error(name.span, message, "" if close else f"operators are {', '.join(known)}")
        meaning = self.scope[name]
        help = f"say which one: {name.text}[0](…)" if isinstance(meaning, LayerKind) else ""
        return error(name.span, f"'{name.text}' is {kind_of(meaning)}, no operator", help)

    def _only(self, results: Sequence[Value], span: Span, call: str) -> Value:
        if len(results) != 1:
            message = f"'{span.text}' gives {len(results)} values, one is needed here"
            raise error(span, message, f"name them first: a, b = {call}")
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
