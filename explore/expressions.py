"""Known constraints: predicates over named parameters, as Python functions or as text.

The text is a Python expression without attributes, keywords, powers and calls other than `abs`, `min`, `max`,
`len` and `log2`; so a saved space can hold it, and reading one runs nothing else. A name that is none in
Python stands in backquotes: "`tile-stages.tile-bytes` % 64 == 0". Only numbers are added, multiplied and
divided, and a text has at most `MOST_CHARACTERS`: no expression takes much time or memory.
"""

from __future__ import annotations

import ast
import inspect
import operator
import re
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import log2
from numbers import Real
from typing import Any

from .errors import SpaceError
from .parameters import Value

FUNCTIONS: dict[str, Callable[..., object]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "len": len,
    "log2": log2,
}
"""What a text may call."""

ALLOWED = (
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.BinOp),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Compare, ast.Eq, ast.NotEq, ast.Lt),
    *(ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.IfExp, ast.Constant, ast.Name, ast.Load, ast.Call),
    *(ast.Subscript, ast.Tuple, ast.List),
)
"""The kinds of nodes a text may have."""

MOST_CHARACTERS = 4_000
"""Of a text. Assumed: many times what anyone writes; products grow with what is multiplied."""
SHOWN_CHARACTERS = 80
"""Of a text that a message is about."""


def _of_numbers(function: Callable[[Any, Any], object]) -> Callable[[Any, Any], object]:
    """An operation that takes numbers alone: of texts and lists it could make large ones."""

    def checked(left: Any, right: Any) -> object:
        for operand in (left, right):
            if not isinstance(operand, Real):
                raise TypeError(f"{_short(repr(operand))} is no number")
        return function(left, right)

    return checked


OPERATIONS: dict[type[ast.operator], tuple[str, Callable[[Any, Any], object]]] = {
    kind: (f"_{function.__name__}", _of_numbers(function))
    for kind, function in {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.FloorDiv: operator.floordiv,
        ast.Mod: operator.mod,
    }.items()
}
"""What stands for each operation in the code of a text: a name that no text has, and its function."""


QUOTED = re.compile(r"`([^`]+)`")
"""A name in backquotes."""


@dataclass(frozen=True)
class Constraint:
    """A predicate over the parameters `names`; it holds wherever one of them is absent.

    `function` takes their values in this order. `text` is None where it was given as a function.
    """

    names: tuple[str, ...]
    function: Callable[..., object]
    text: str | None
    what: str = "constraint"
    """What messages call it."""

    def __str__(self) -> str:
        return self.text or f"{self.function.__name__}({', '.join(self.names)})"

    def holds(self, point: Mapping[str, Value]) -> bool:
        """Whether a point satisfies it.

        Raises: SpaceError where it cannot be evaluated.
        """
        return not all(name in point for name in self.names) or bool(self.value(point))

    def value(self, point: Mapping[str, Value]) -> object:
        """What it evaluates to at a point that has all its parameters.

        Raises: SpaceError where it cannot be evaluated.
        """
        try:
            return self.function(*(point[name] for name in self.names))
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            values = ", ".join(f"{name} = {point[name]!r}" for name in self.names)
            raise SpaceError(
                f"{self.what} '{_short(str(self))}' fails at {_short(values)}: {error}"
            ) from error


def make_constraint(source: str | Callable[..., object], what: str = "constraint") -> Constraint:
    """A constraint from a text, or from a function whose arguments are named as the parameters.

    `what` is what messages call it.

    Raises: SpaceError where the text is not an expression of the allowed kind.
    """
    if not isinstance(source, str):
        return Constraint(tuple(inspect.signature(source).parameters), source, None, what)
    shown = f"{what} {_short(source)!r}"
    if len(source) > MOST_CHARACTERS:
        raise SpaceError(f"{shown} has {len(source)} characters, the most is {MOST_CHARACTERS}")
    stand_ins = {quoted: f"_quoted_{n}" for n, quoted in enumerate(dict.fromkeys(QUOTED.findall(source)))}
    with _readable(shown):
        tree = ast.parse(QUOTED.sub(lambda match: stand_ins[match[1]], source).strip(), mode="eval")
    for node in ast.walk(tree):
        _check_node(shown, node)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called]
    function = _compiled(shown, tree, names)
    meant = {name: quoted for quoted, name in stand_ins.items()}
    return Constraint(
        tuple(meant.get(name, name) for name in dict.fromkeys(names)), function, source.strip(), what
    )


@contextmanager
def _readable(shown: str) -> Generator[None]:
    """Raises: SpaceError for what Python cannot read: other syntax, brackets too deep, half a character."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            yield
    except (RecursionError, MemoryError):  # how Python's parser says it, depending on what is deep
        raise SpaceError(f"{shown} has brackets or operators too deep in each other") from None
    except (SyntaxError, ValueError) as error:
        raise SpaceError(f"{shown} is not an expression: {getattr(error, 'msg', error)}") from error


class _Checking(ast.NodeTransformer):
    """Puts the functions of `OPERATIONS` in the place of operators."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.Call:
        """The call of the operator's function."""
        name, _ = OPERATIONS[type(node.op)]
        return ast.Call(ast.Name(name, ast.Load()), [self.visit(node.left), self.visit(node.right)], [])


def _compiled(shown: str, tree: ast.Expression, names: Iterable[str]) -> Callable[..., object]:
    """The function that evaluates a tree which has been checked; it takes its names in their order."""
    arguments = ast.arguments([], [ast.arg(name) for name in dict.fromkeys(names)], None, [], [], None, [])
    with _readable(shown):
        body = _Checking().visit(tree.body)
        function = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, body)))
        code = compile(function, "<constraint>", "eval")
    return eval(code, {"__builtins__": {}, **FUNCTIONS, **dict(OPERATIONS.values())})


def _short(text: str) -> str:
    """A text as messages show it."""
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _check_node(shown: str, node: ast.AST) -> None:
    match node:
        case ast.Constant(value=value) if not isinstance(value, int | float | str | None):
            raise SpaceError(f"{shown} may not use {_short(repr(value))}")
        case ast.Name(id=name) if name in dict(OPERATIONS.values()):
            raise SpaceError(f"{shown} may not use the name {name}")
        case ast.Call(func=function, keywords=keywords):
            if not isinstance(function, ast.Name) or function.id not in FUNCTIONS or keywords:
                raise SpaceError(f"{shown} may call only {', '.join(FUNCTIONS)}")
        case _ if not isinstance(node, ALLOWED):
            raise SpaceError(f"{shown} may not use {type(node).__name__}")
        case _:
            pass
