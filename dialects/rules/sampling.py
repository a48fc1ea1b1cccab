"""The rule of drawing a token at random."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, prod
from typing import Any

from .rule import Call, Rule, expect, expect_index_type, expect_shape


def sampling_fault(temperature: float, top_k: int | None, top_p: float | None, seed: int) -> str:
    """What is wrong with the attributes of `nn.sample`; nothing if empty."""
    if not (isfinite(temperature) and temperature > 0):
        return f"temperature is {temperature:g}; it is above 0, and argmax is what 0 stands for"
    if top_k is not None and top_k < 1:
        return f"top_k is {top_k}; at least one column is kept"
    if top_p is not None and not 0 < top_p <= 1:
        return f"top_p is {top_p:g}; it is above 0, and 1 at most"
    return f"seed is {seed}; it is not below 0" if seed < 0 else ""


def _types(call: Call) -> None:
    x, position = call.shapes()
    expect(len(x) == 2 and x[1] > 0, f"sample takes [batch, vocabulary], got {x}")
    expect(position == (), "sample takes one position, a scalar tensor<i32>")
    given: Mapping[str, Any] = call.attributes
    fault = sampling_fault(given["temperature"], given.get("top_k"), given.get("top_p"), given["seed"])
    expect(not fault, fault)
    expect_shape(call, x[:-1])
    expect_index_type(call, x[1], "columns")


def _flops(call: Call) -> int:
    """For each element the five of softmax, a sum, a comparison, and the log2 of V of a merge sort."""
    x = call.operands[0].shape
    return (5 + 2 + (x[1] - 1).bit_length()) * prod(x)


SAMPLING: Mapping[str, Rule] = {
    "nn.sample": Rule(
        "fi",
        "i",
        _types,
        _flops,
        needs={"temperature": "number", "seed": "integer"},
        may={"top_k": "integer", "top_p": "number"},
    )
}
