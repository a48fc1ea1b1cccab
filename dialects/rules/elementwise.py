"""Rules of the operations on elements: of one tensor, of two, of a tensor and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from math import prod

from .rule import Call, Kind, Rule, expect, expect_kept, expect_same_elements
from .shapes import repeats


def _per_element(count: int) -> Callable[[Call], int]:
    """So many FLOPs for each element of the result."""
    return lambda call: count * prod(call.made.shape)


@cache
def unary(flops: int = 1, *, converts: bool = False) -> Rule:
    """Of one tensor; of what `converts` the result may have another element type, to which it is rounded."""

    def types(call: Call) -> None:
        x, result = call.operands[0].shape, call.made.shape
        expect(x == result, lambda: f"shapes differ: {x} -> {result}")
        if not converts:
            expect_same_elements(call)

    return Rule("f", "f", types, _per_element(flops))


@cache
def binary(flops: int = 1) -> Rule:
    """Of two tensors of one element type, of which one may be repeated."""
    return Rule("ff", "f", _binary_types, _per_element(flops))


def _binary_types(call: Call) -> None:
    lhs, rhs = call.shapes()
    result = call.made.shape
    fits = result in (lhs, rhs) and repeats(lhs, result) and repeats(rhs, result)
    expect(fits, lambda: f"shapes differ: {lhs}, {rhs} -> {result}")
    types = {value.dtype for value in (*call.operands, call.made)}
    expect(len(types) == 1, lambda: f"element types differ: {', '.join(sorted(types))}")


def of_numbers(*names: str, flops: int = 1, numbers: Callable[[Call], None] = lambda call: None) -> Rule:
    """Of a tensor, whose type it keeps, and numbers."""

    def types(call: Call) -> None:
        expect_kept(call)
        numbers(call)

    needs: dict[str, Kind] = dict.fromkeys(names, "number")
    return Rule("f", "f", types, _per_element(flops), needs=needs)


def _no_zero(call: Call) -> None:
    expect(call.attributes["number"] != 0, "a division by zero")


def _in_order(call: Call) -> None:
    low, high = call.attributes["low"], call.attributes["high"]
    assert not isinstance(low, tuple), "a number"
    assert not isinstance(high, tuple), "a number"
    expect(low <= high, f"low is {low}, high is {high}")


ELEMENTWISE: Mapping[str, Rule] = {
    "nn.add": binary(),
    "nn.add_scalar": of_numbers("number"),
    "nn.cast": unary(converts=True),
    "nn.clamp": of_numbers("low", "high", flops=2, numbers=_in_order),
    "nn.div": binary(),
    "nn.div_scalar": of_numbers("number", numbers=_no_zero),
    "nn.exp": unary(),
    "nn.gelu": unary(8),
    "nn.gelu_erf": unary(5),
    "nn.mul": binary(),
    "nn.mul_scalar": of_numbers("number"),
    "nn.rdiv_scalar": of_numbers("number"),
    "nn.relu": unary(),
    "nn.rsub_scalar": of_numbers("number"),
    "nn.sigmoid": unary(4),
    "nn.silu": unary(4),
    "nn.softplus": unary(4),
    "nn.sqrt": unary(),
    "nn.sub": binary(),
    "nn.tanh": unary(4),
}
