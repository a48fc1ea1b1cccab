"""Rules of what works on whole rows: softmax and sums, the best columns, what stands there, gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from .rule import Call, Rule, expect, expect_index_type, expect_kept, expect_same_elements, expect_shape

GROUPING = ("groups", "kept", "best")
"""Attributes of a choice in groups: their number, how many count, and of how many elements a score is."""


def grouping_fault(columns: int, count: int, groups: int, kept: int, best: int) -> str:
    """What is wrong with a choice of `count` of so many columns in groups; nothing if empty."""
    if not 1 <= count <= columns:
        return f"the {count} best of {columns}"
    if groups < 1 or columns % groups:
        return f"{columns} columns do not divide into {groups} groups"
    size = columns // groups
    if not 1 <= kept <= groups:
        return f"the {kept} best of {groups} groups"
    if not 1 <= best <= size:
        return f"the sum of the {best} best of {size} columns of a group"
    if count > kept * size:
        plural = "s" * (kept > 1)
        return f"{kept} group{plural} of {size} have {kept * size} columns, {count} are wanted"
    return ""


def _per_element(count: int) -> Callable[[Call], int]:
    """So many FLOPs for each element of the first operand."""
    return lambda call: count * prod(call.operands[0].shape)


def _expect_rows(call: Call) -> tuple[int, ...]:
    x = call.operands[0].shape
    expect(len(x) == 2 and x[1] > 0, f"{call.name} takes [batch, columns], got {x}")
    expect_same_elements(call)
    return x


def _softmax_types(call: Call) -> None:
    _expect_rows(call)
    expect_kept(call)


def _sum_types(call: Call) -> None:
    expect_shape(call, (_expect_rows(call)[0], 1))


def _argmax_types(call: Call) -> None:
    x = call.operands[0].shape
    expect(len(x) == 2, f"argmax takes [batch, vocabulary], got {x}")
    expect_shape(call, x[:-1])
    expect_index_type(call, x[1], "columns")


def _top_k_types(call: Call) -> None:
    x, count = call.operands[0].shape, call.number("count")
    expect(len(x) == 2, f"top_k takes [batch, columns], got {x}")
    given = {name in call.attributes for name in GROUPING}
    expect(len(given) == 1, "groups, kept and best are given together")
    groups, kept, best = (call.number(name, 1) for name in GROUPING)
    fault = grouping_fault(x[1], count, groups, kept, best)
    expect(not fault, fault)
    expect_shape(call, (x[0], count))
    expect_index_type(call, x[1], "columns")


def _top_k_flops(call: Call) -> int:
    """A comparison for each element and each column that is named, as `nn.argmax` has for its one."""
    rows, columns = call.operands[0].shape
    groups, kept, best = (call.number(name) for name in GROUPING)
    return rows * (call.number("count") * columns + best * columns + kept * groups)


def _take_types(call: Call) -> None:
    x, ids = call.shapes()
    expect(len(x) == len(ids) == 2, f"take takes two matrices, got {x} and {ids}")
    expect(x[0] == ids[0], f"ids are those of {ids[0]} rows, x has {x[0]}")
    expect_shape(call, ids)
    expect_same_elements(call)


def _spread_types(call: Call) -> None:
    weights, ids, experts = call.shapes()
    expect(len(weights) == 2 and weights == ids, f"weights are {weights}, ids {ids}; both are [B, K]")
    expect(len(experts) == 1, f"experts are {experts}; spread takes a row of them")
    expect_shape(call, (weights[0], experts[0]))
    expect_same_elements(call)


def _spread_flops(call: Call) -> int:
    """Each place adds up what a row gives it."""
    return prod(call.made.shape) * call.operands[1].shape[1]


def places_fit(x: tuple[int, ...], gates: tuple[int, ...]) -> bool:
    """Whether a row of x has equally many columns for each column of the gates."""
    return x[0] == gates[0] and gates[1] > 0 and x[1] % gates[1] == 0


def _scale_types(call: Call) -> None:
    x, gates = call.shapes()
    expect(len(x) == len(gates) == 2, f"scale takes two matrices, got {x} and {gates}")
    fits = places_fit(x, gates)
    expect(fits, f"x is {x}, gates are {gates}; each place has equally many columns")
    expect_kept(call)


ROWS: Mapping[str, Rule] = {
    "nn.argmax": Rule("f", "i", _argmax_types, _per_element(1)),
    "nn.scale": Rule("ff", "f", _scale_types, _per_element(1)),
    "nn.softmax": Rule("f", "f", _softmax_types, _per_element(5)),
    "nn.spread": Rule("fii", "f", _spread_types, _spread_flops),
    "nn.sum": Rule("f", "f", _sum_types, _per_element(1)),
    "nn.take": Rule("fi", "f", _take_types),
    "nn.top_k": Rule(
        "f",
        "i",
        _top_k_types,
        _top_k_flops,
        needs={"count": "integer"},
        may=dict.fromkeys(GROUPING, "integer"),
    ),
}
