"""Rules of norms, and of the parts of a norm of rows that are split over sockets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import prod

from .rule import Call, Rule, expect, expect_element_type, expect_same_elements, expect_shape


def parameter_shapes(row: int, group: int) -> list[tuple[int, ...]]:
    """The shapes that a gain or bias may have, of rows of so many elements in groups."""
    return [*dict.fromkeys([(group,), (row,), (row // group, group)])]


@cache
def norm(flops: int, parameters: tuple[str, ...]) -> Rule:
    """Of rows, or of equal groups of their elements: FLOPs of an element, and what may stand behind x."""

    def types(call: Call) -> None:
        x, *given = call.shapes()
        expect(len(x) > 0, "a scalar has no elements to be normed together")
        group, most = call.number("group", x[-1]), len(parameters)
        expect(group > 0 and x[-1] % group == 0, f"groups of {group} in rows of {x[-1]}")
        expect(len(given) <= most, f"{len(given)} parameters; {call.name} has {most}")
        for what, shape in zip(parameters, given, strict=False):
            fits = parameter_shapes(x[-1], group)
            expect(shape in fits, f"norm {what} is {shape}; it should be {' or '.join(map(str, fits))}")
        _expect_eps(call)
        _expect_rows(call)

    return Rule(
        "ff*",
        "f",
        types,
        lambda call: flops * prod(call.operands[0].shape),
        needs={"eps": "number"},
        may={"group": "integer"},
    )


def _expect_eps(call: Call) -> None:
    eps = call.attributes["eps"]
    assert not isinstance(eps, tuple), "a number"
    expect(eps >= 0, f"eps is {eps}; it must not be negative")


def _expect_rows(call: Call) -> None:
    """The result has the type of x."""
    x, result = call.operands[0].shape, call.made.shape
    expect(result == x, f"result is {result}, x is {x}")
    expect_same_elements(call)


def _square_sum_types(call: Call) -> None:
    x = call.operands[0].shape
    expect(len(x) > 0, "a scalar is no row")
    expect_shape(call, (*x[:-1], 1))
    expect_element_type(call, "f64")


def _rms_scale_types(call: Call) -> None:
    x, sums, *parameters = call.shapes()
    expect(sums == (*x[:-1], 1), f"square_sum is {sums}, should be {(*x[:-1], 1)}")
    expect(len(parameters) <= 1, f"{len(parameters)} parameters; {call.name} has 1")
    for gain in parameters:
        expect(gain == x[-1:], f"norm gain is {gain}; it should be {x[-1:]}")
    count = call.number("count")
    expect(count > 0, f"count is {count}; it must be positive")
    _expect_eps(call)
    _expect_rows(call)


def _two_each(call: Call) -> int:
    return 2 * prod(call.operands[0].shape)


NORMS: Mapping[str, Rule] = {
    "nn.layer_norm": norm(7, ("gain", "bias")),
    "nn.rms_norm": norm(4, ("gain",)),
    "nn.rms_scale": Rule(
        "fff*", "f", _rms_scale_types, _two_each, needs={"eps": "number", "count": "integer"}
    ),
    "nn.square_sum": Rule("f", "f", _square_sum_types, _two_each),
}
