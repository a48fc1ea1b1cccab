"""Known constraints: predicates over named parameters, as Python functions or as text.

The text is a Python expression without attributes, keywords, powers and calls other than `abs`, `min`, `max`,
`len` and `log2`; so a saved space can hold it, and reading one runs nothing else. A name that is none in
Python stands in backquotes: "`tile-stages.tile-bytes` % 64 == 0".
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log2

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
        except (ArithmeticError, TypeError, ValueError, IndexError) as error:
            values = ", ".join(f"{name} = {point[name]!r}" for name in self.names)
            raise SpaceError(f"constraint '{self}' fails at {values}: {error}") from error


def make_constraint(source: str | Callable[..., object]) -> Constraint:
    """A constraint from a text, or from a function whose arguments are named as the parameters.

    Raises: SpaceError where the text is not an expression of the allowed kind.
    """
    if not isinstance(source, str):
        return Constraint(tuple(inspect.signature(source).parameters), source, None)
    stand_ins = {quoted: f"_quoted_{n}" for n, quoted in enumerate(dict.fromkeys(QUOTED.findall(source)))}
    text = QUOTED.sub(lambda match: stand_ins[match[1]], source).strip()
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise SpaceError(f"constraint {source!r} is not an expression: {error.msg}") from error
    for node in ast.walk(tree):
        _check_node(source, node)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = (node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called)
    return _compile(source, tree, tuple(dict.fromkeys(names)), {v: k for k, v in stand_ins.items()})


def _compile(
    source: str, tree: ast.Expression, names: tuple[str, ...], quoted: Mapping[str, str]
) -> Constraint:
    """The constraint that evaluates a tree which has been checked; `quoted` has the names in backquotes."""
    arguments = ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])
    function = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, tree.body)))
    code = compile(function, "<constraint>", "eval")
    shown = tuple(quoted.get(name, name) for name in names)
    return Constraint(shown, eval(code, {"__builtins__": {}, **FUNCTIONS}), source.strip())


def _check_node(source: str, node: ast.AST) -> None:
    if not isinstance(node, ALLOWED):
        raise SpaceError(f"constraint {source!r} may not use {type(node).__name__}")
    if isinstance(node, ast.Call):
        _check_call(source, node)


def _check_call(source: str, node: ast.Call) -> None:
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords:
        raise SpaceError(f"constraint {source!r} may call only {', '.join(FUNCTIONS)}")
