"""From the statements of a body, a layer's or the step's, to nn operations. Loops are unrolled."""

from __future__ import annotations

import re

from xdsl.dialects.func import ReturnOp
from xdsl.ir import SSAValue
from xdsl.utils.lexer import Span

from ..dialects.nn import ObserveOp
from .diagnostics import counted, error
from .expressions import Expressions
from .limits import MOST_LAYERS
from .scope import evaluate, whole
from .syntax import Assign, Call, Discard, Expression, Loop, Name, Observe, Return, Statement, Text

_MOST_ITERATIONS = MOST_LAYERS
"""A longer loop is taken for a mistake: its body would stand that often in the IR."""


class Body:
    """Appends the operations of statements to the block of `expressions`."""

    def __init__(self, expressions: Expressions):
        self._expressions = expressions
        self._scope = expressions.scope
        self._labels: set[str] = set()
        self._loops = 0
        self._returned: tuple[SSAValue, ...] | None = None

    def statement(self, statement: Statement) -> None:
        """Append a statement's operations.

        Raises: ParseError if it is wrong, or stands behind the return.
        """
        if self._returned is not None:
            raise error(statement.span, "nothing runs after 'return'", "let 'return' come last")
        match statement:
            case Assign():
                self._assign(statement)
            case Discard():
                self._discard(statement.value)
            case Loop():
                self._loop(statement)
            case Observe():
                self._observe(statement)
            case Return():
                self._return(statement)

    def results(self, owner: str, span: Span) -> tuple[SSAValue, ...]:
        """What the body returns.

        Raises: ParseError if it has no return.
        """
        if self._returned is None:
            raise error(span, f"{owner} returns nothing", "end its body with 'return …'")
        return self._returned

    def _assign(self, statement: Assign) -> None:
        values, targets = self._expressions.tensors(statement.value), statement.targets
        if len(values) != len(targets):
            message = f"{counted(len(targets), 'name')} for {counted(len(values), 'value')}"
            raise error(statement.span, message, "give each value its name")
        for target, value in zip(targets, values, strict=True):
            self._scope.assign(target, value)
            if value.name_hint is None:
                value.name_hint = target.text

    def _discard(self, value: Expression) -> None:
        if isinstance(value, Call) and not self._expressions.operations(value)[-1].results:
            return
        raise error(value.span, "this value is not used", f"give it a name: y = {value.span.text}")

    def _loop(self, loop: Loop) -> None:
        start = whole(loop.start, self._scope)
        stop = whole(loop.stop, self._scope)
        if not start < stop <= start + _MOST_ITERATIONS:
            message = f"the loop from {start} to {stop} runs {max(stop - start, 0)} times"
            help = f"the end is not reached; it runs at least once and at most {_MOST_ITERATIONS} times"
            raise error(Span(loop.start.span.start, loop.stop.span.end, loop.span.input), message, help)
        self._scope.declare(loop.variable, start)
        self._loops += 1
        for number in range(start, stop):
            self._scope.set_number(loop.variable, number)
            for statement in loop.body:
                self.statement(statement)
        self._loops -= 1
        self._scope.forget(loop.variable)

    def _observe(self, observe: Observe) -> None:
        if not self._expressions.in_step:
            help = "return the value and observe it in the step"
            raise error(observe.span, "a layer cannot observe", help)
        value, label = self._expressions.tensor(observe.value), self._label(observe.label)
        if label in self._labels:
            help = 'number the label in a loop: "hidden {i}"'
            raise error(observe.label.span, f"'{label}' is observed twice", help)
        self._labels.add(label)
        self._expressions.emit(ObserveOp(value, label), observe.span)

    def _label(self, text: Text) -> str:
        def number(match: re.Match[str]) -> str:
            start = text.span.start + 1 + match.start(1)
            span = Span(start, start + len(match[1]), text.span.input)
            return str(evaluate(Name(span, match[1]), self._scope))

        return re.sub(r"\{([^{}]*)\}", number, text.text)

    def _return(self, statement: Return) -> None:
        if self._loops:
            raise error(statement.span, "a loop cannot return", "let 'return' stand behind the loop")
        values = [value for entry in statement.values for value in self._expressions.tensors(entry)]
        self._returned = tuple(values)
        self._expressions.emit(ReturnOp(*values), statement.span)
