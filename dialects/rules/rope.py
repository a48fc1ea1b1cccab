"""The rule of rotary position embedding."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, prod

from .rule import Call, Rule, expect


def _types(call: Call) -> None:
    x, position = call.shapes()
    head_dim, count = call.number("head_dim"), len(call.numbers("frequencies"))
    expect(position == (), "rope takes one position, a scalar tensor<i32>")
    expect(len(x) == 2, f"rope takes [batch, heads * head_dim], got {x}")
    expect(count > 0, "rope takes at least one frequency")
    expect(2 * count <= head_dim, f"head_dim is {head_dim}; {count} frequencies rotate {2 * count}")
    expect(x[1] % head_dim == 0, f"extent {x[1]} is no multiple of head_dim {head_dim}")
    given, made = call.operands[0], call.made
    expect((given.shape, given.dtype) == (made.shape, made.dtype), "rope keeps the type of x")
    _check_tables(call, count)


def _check_tables(call: Call, count: int) -> None:
    names = [name for name in ("frequencies", "long_frequencies") if name in call.attributes]
    together = (len(names) > 1) == ("long_from" in call.attributes)
    expect(together, "give `long_frequencies` and `long_from` together")
    for table in map(call.numbers, names):
        expect(len(table) == count, f"{count} frequencies and {len(table)} long ones")
        expect(all(map(isfinite, table)), "frequencies are finite")
    first = call.number("long_from")
    expect(first >= 0, f"long_from is {first}; positions begin at 0")


def _flops(call: Call) -> int:
    """Three for each element that rotates, and as many for its share of sine and cosine."""
    rotated = 2 * len(call.numbers("frequencies"))
    return 6 * prod(call.operands[0].shape) * rotated // call.number("head_dim")


ROPE: Mapping[str, Rule] = {
    "nn.rope": Rule(
        "fi",
        "f",
        _types,
        _flops,
        needs={"head_dim": "integer", "frequencies": "numbers"},
        may={
            "scale": "number",
            "long_frequencies": "numbers",
            "long_from": "integer",
            "interleaved": "flag",
        },
    )
}
