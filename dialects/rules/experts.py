"""Rules of what names experts and gathers their slices."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from .rule import Call, Rule, expect, expect_index_type, expect_shape
from .shapes import gathered_shape


def _distinct_types(call: Call) -> None:
    ids, experts, parts = call.operands[0].shape, call.number("experts"), call.number("parts", 1)
    expect(len(ids) == 2, f"ids are {ids}; distinct takes [batch, chosen]")
    expect(experts * parts > 0, f"{experts * parts} experts of all sockets")
    expect(experts * parts >= ids[1], f"{ids[1]} of {experts * parts} experts")
    expect_shape(call, (min(experts, prod(ids)),))
    expect_index_type(call, experts, "experts")


def slice_shape(stack: tuple[int, ...], result: tuple[int, ...], along: int) -> tuple[int, ...]:
    """The shape of a slice, with as many axes as the result: a bias that is a row is `[1, N]`."""
    is_row = len(stack) == len(result) == 2 and along == 0
    return (1,) * is_row + stack[1:]


def _gather_slices_types(call: Call) -> None:
    stack, ids = call.shapes()
    along = call.number("along")
    expect(len(ids) == 1, f"ids are {ids}; gather_slices takes a row of them")
    expect(len(stack) > 1, f"the stack is {stack}; its slices have an axis or more")
    expect(0 <= along < len(stack) - 1, f"along axis {along} of slices {stack[1:]}")
    expect_shape(call, gathered_shape(slice_shape(stack, call.made.shape, along), along, ids[0]))
    whole, made = call.operands[0], call.made
    expect(whole.dtype == made.dtype, lambda: f"the stack is a {whole}, the result a {made}")


EXPERTS: Mapping[str, Rule] = {
    "nn.distinct": Rule("i", "i", _distinct_types, needs={"experts": "integer"}, may={"parts": "integer"}),
    "nn.gather_slices": Rule("ni", "n", _gather_slices_types, needs={"along": "integer"}),
}
