"""C of the operations on elements: an expression of f64 numbers each, rounded once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, prod
from typing import Any

from .body import Body, Buffer

EXPRESSIONS: Mapping[str, str] = {
    "nn.add": "{0} + {1}",
    "nn.sub": "{0} - {1}",
    "nn.mul": "{0} * {1}",
    "nn.div": "{0} / {1}",
    "nn.add_scalar": "{0} + {number}",
    "nn.mul_scalar": "{0} * {number}",
    "nn.div_scalar": "{0} / {number}",
    "nn.rsub_scalar": "{number} - {0}",
    "nn.rdiv_scalar": "{number} / {0}",
    "nn.clamp": "kl_clamp({0}, {low}, {high})",
    "nn.cast": "{0}",
    "nn.sqrt": "sqrt({0})",
    **{
        f"nn.{name}": f"kl_{name}({{0}})"
        for name in ("exp", "gelu", "gelu_erf", "relu", "sigmoid", "silu", "softplus", "tanh")
    },
}
"""By the operation: operands by their numbers, attributes by their names."""


def number(value: float) -> str:
    """A number as C has it, to the last bit."""
    if not isfinite(value):
        return "(double)NAN" if value != value else f"{'-' if value < 0 else ''}(double)INFINITY"
    return float(value).hex()


def emit_elements(
    body: Body, name: str, operands: Sequence[Buffer], attributes: Mapping[str, Any], result: Buffer
) -> None:
    """Each thread makes its columns of the result, row by row."""
    body.reads_own(result.columns, operands)
    numbers = {key: number(value) for key, value in attributes.items() if isinstance(value, int | float)}
    with body.shared(result.columns):
        row = "0"
        if result.rows > 1:
            row = "row"
            body.line(f"for (long row = 0; row < {result.rows}; row++)")
        body.line("for (long j = from; j < to; j++)")
        index = _index(row, result, result)
        elements = [one.at(_index(row, one, result)) for one in operands]
        body.line("  " + result.set(index, EXPRESSIONS[name].format(*elements, **numbers)))
    body.made(result, result.columns)


def _index(row: str, operand: Buffer, result: Buffer) -> str:
    """Where an operand has the element of a row and of column `j`: it may be repeated over either."""
    rows = operand.rows
    if rows == 1 or row == "0":
        return "j" if operand.columns == result.columns else "0"
    at = row if rows == result.rows else f"{row} % {rows}"
    if operand.columns != result.columns:
        return at
    return (
        f"{at} * {operand.columns} + j"
        if rows == prod(result.spec.shape[:-1])
        else f"({at}) * {operand.columns} + j"
    )
