"""Rules of lookups in tables and of matrix products."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from .rule import Call, Rule, expect, expect_same_elements, expect_shape


def lookup_types(call: Call) -> None:
    """Rows of a table by their ids, of a part of a table as well; it raises a RuleError."""
    ids, table = call.shapes()
    expect(len(ids) < 2, f"ids are {ids}; embedding takes one dimension, [batch], or a scalar")
    expect(len(table) == 2, f"table is {table}; embedding takes [rows, hidden]")
    expect_shape(call, (*ids, table[1]))
    expect_same_elements(call, 1)
    rows = call.number("rows", table[0])
    expect(rows > 0, f"rows is {rows}; a table has one at least")


def _matmul_types(call: Call) -> None:
    lhs, rhs = call.shapes()
    expect(len(lhs) == len(rhs) == 2, f"matmul takes two matrices, got {lhs} and {rhs}")
    way, columns = (" transposed", 0) if "transposed" in call.attributes else ("", 1)
    expect(lhs[1] == rhs[1 - columns], f"inner extents differ: {lhs} x {rhs}{way}")
    expect_shape(call, (lhs[0], rhs[columns]))


def _matmul_flops(call: Call) -> int:
    return 2 * prod(call.operands[0].shape) * call.made.shape[1]


def head_columns(call: Call) -> tuple[int, int]:
    """Columns of a head of x and of the result of an `nn.head_matmul` whose types fit."""
    x, w = call.shapes()
    result = call.made.shape
    heads = (x if "transposed" in call.attributes else result)[1] // w[1]
    return x[1] // heads, result[1] // heads


def _head_matmul_types(call: Call) -> None:
    x, w = call.shapes()
    result = call.made.shape
    expect(len(x) == len(w) == len(result) == 2, f"head_matmul takes matrices, got {x} and {w}")
    way = " transposed" if "transposed" in call.attributes else ""
    whole, rows = (x, result) if way else (result, x)
    heads = whole[1] // w[1] if w[1] else 0
    fits = heads > 0 and whole[1] == heads * w[1] and rows[1] == w[0] and rows[1] % heads == 0
    expect(fits and x[0] == result[0], f"{x} times heads of {w}{way} is no {result}")
    expect_same_elements(call)


def _head_matmul_flops(call: Call) -> int:
    return 2 * prod(call.operands[0].shape) * head_columns(call)[1]


PRODUCTS: Mapping[str, Rule] = {
    "nn.embedding": Rule("if", "f", lookup_types),
    "nn.head_matmul": Rule(
        "ff", "f", _head_matmul_types, _head_matmul_flops, (0, 1), may={"transposed": "flag"}
    ),
    "nn.matmul": Rule("ff", "f", _matmul_types, _matmul_flops, (0, 1), may={"transposed": "flag"}),
}
