"""Rules of what sockets exchange, and of what each of them makes of its own part."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from .products import lookup_types
from .rule import Call, Rule, expect, expect_kept


def _all_reduce_types(call: Call) -> None:
    expect_kept(call, "all_reduce")


def _all_gather_types(call: Call) -> None:
    given, made, axis = call.operands[0], call.made, call.number("axis")
    x, result = given.shape, made.shape
    expect(0 <= axis < len(x), f"axis {axis} of a tensor of rank {len(x)}")
    rest = len(x) == len(result) and x[:axis] + x[axis + 1 :] == result[:axis] + result[axis + 1 :]
    fits = rest and given.dtype == made.dtype
    expect(fits, lambda: f"{given} gathered along axis {axis} is no {made}")
    expect(result[axis] % x[axis] == 0, f"extent {result[axis]} is no multiple of {x[axis]}")


def _own_experts_types(call: Call) -> None:
    expect_kept(call, "own_experts")
    experts = call.number("experts")
    expect(experts > 0, f"each socket has {experts} experts")


def _all_reduce_flops(call: Call) -> int:
    return prod(call.operands[0].shape)


EXCHANGES: Mapping[str, Rule] = {
    "collective.all_gather": Rule("f", "f", _all_gather_types, needs={"axis": "integer"}),
    "collective.all_reduce": Rule("f", "f", _all_reduce_types, _all_reduce_flops),
    "collective.own_experts": Rule("i", "i", _own_experts_types, needs={"experts": "integer"}),
    "collective.sharded_embedding": Rule("if", "f", lookup_types, may={"rows": "integer"}),
}
