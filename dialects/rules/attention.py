"""Rules of attention over a cache, whole and by tiles, and of writing to a cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from .rule import Call, Kind, Rule, Tensor, expect, expect_element_type, expect_shape

SOFTCAP_FLOPS = 3
"""Per score: a division, a tanh, a product."""

_MASKS: Mapping[str, Kind] = {"window": "integer", "ring": "flag", "sinks": "flag", "slopes": "flag"}


def _expect_by_head(call: Call, by_head: Sequence[tuple[int, ...]], heads: int) -> None:
    """Raises: RuleError unless there is a tensor `[heads]` for each of `sinks` and `slopes`."""
    named = [name for name in ("sinks", "slopes") if name in call.attributes]
    given = " and ".join(named) or "no sinks or slopes"
    expect(len(by_head) == len(named), f"{call.name} has {given}; operands for them: {len(by_head)}")
    for name, shape in zip(named, by_head, strict=True):
        expect(shape == (heads,), f"{name} are {shape}, one a head is ({heads},)")


def _expect_options(call: Call, context: int) -> None:
    """Raises: RuleError for numbers that cannot be, and a window that a ring does not hold."""
    if "window" in call.attributes:
        reach = call.number("window")
        expect(reach >= 1, f"window is {reach}; the least is 1")
        held = "ring" not in call.attributes or reach <= context
        expect(held, f"window is {reach}, the ring holds the last {context} positions")
    softcap = call.attributes.get("softcap", 1.0)
    assert not isinstance(softcap, tuple), "a number"
    expect(softcap > 0, f"softcap is {softcap}; it is above 0")


def _value_head(call: Call, values: Sequence[int]) -> int:
    """Elements of a head of the result.

    Raises: RuleError for more columns of a head of values than it has, or none.
    """
    columns = call.number("value_dim", values[3])
    expect(0 < columns <= values[3], f"value_dim is {columns}; heads of the values have {values[3]} columns")
    return columns


def _by_head_flops(call: Call) -> tuple[int, int]:
    """Operations per score and per head that sinks and slopes make."""
    return 2 if "slopes" in call.attributes else 0, 2 if "sinks" in call.attributes else 0


# The whole.


def _attention_types(call: Call) -> None:
    query, keys, values, position, *by_head = call.shapes()
    expect(position == (), "attention takes one position, a scalar tensor<i32>")
    expect(len(keys) == 4, f"keys are {keys}; they take [batch, kv_heads, context, head_dim]")
    alike = len(values) == 4 and values[:3] == keys[:3]
    expect(alike, f"keys are {keys}, values {values}: they differ in the size of a head alone")
    columns, group = _value_head(call, values), keys[1] * keys[3]
    fits = len(query) == 2 and query[0] == keys[0] and query[1] % group == 0
    expect(fits, f"query is {query}; it takes [{keys[0]}, a multiple of {keys[1]} * {keys[3]}]")
    heads = query[1] // keys[3]
    wanted, given, made = (keys[0], heads * columns), call.operands[0], call.made
    expect(
        (made.shape, made.dtype) == (wanted, given.dtype),
        lambda: f"the result is {made}, should be {Tensor(wanted, given.dtype)}",
    )
    _expect_by_head(call, by_head, heads)
    _expect_options(call, keys[2])


def _attention_flops(call: Call) -> int:
    query, keys, values, *_ = call.shapes()
    batch, _, context, head_dim = keys
    per_score, per_head = _by_head_flops(call)
    per_score += SOFTCAP_FLOPS if "softcap" in call.attributes else 0
    both = 2 * (head_dim + _value_head(call, values))
    return batch * (query[1] // head_dim) * (context * (both + 5 + per_score) + per_head)


# By tiles.


def _scores_types(call: Call) -> None:
    query, keys = call.shapes()
    expect(len(keys) == 4, f"keys are {keys}; they take [batch, kv_heads, tile, head_dim]")
    fits = len(query) == 2 and query[0] == keys[0] and query[1] % (keys[1] * keys[3]) == 0
    expect(fits, f"query {query} does not fit keys {keys}")
    expect_shape(call, (keys[0], query[1] // keys[3], keys[2]))
    expect_element_type(call, "f32")
    _expect_options(call, keys[2])


def _scores_flops(call: Call) -> int:
    per_score = 2 * call.operands[1].shape[3] + (SOFTCAP_FLOPS if "softcap" in call.attributes else 0)
    return prod(call.made.shape) * per_score


def _softmax_types(call: Call) -> None:
    scores, position, *by_head = call.shapes()
    expect(position == (), "attention_softmax takes one position, a scalar")
    expect(len(scores) == 3, f"scores are {scores}; they are [batch, heads, context]")
    given, made = call.operands[0], call.made
    same = (given.shape, given.dtype) == (made.shape, made.dtype)
    expect(same, "attention_softmax keeps the type of the scores")
    _expect_by_head(call, by_head, scores[1])
    _expect_options(call, scores[2])


def _softmax_flops(call: Call) -> int:
    batch, heads, context = call.operands[0].shape
    per_score, per_head = _by_head_flops(call)
    return batch * heads * (context * (5 + per_score) + per_head)


def _values_types(call: Call) -> None:
    probabilities, values, _ = call.shapes()
    expect(len(values) == 4, f"values are {values}; they take [batch, kv_heads, tile, head_dim]")
    fits = (
        len(probabilities) == 3
        and probabilities[0] == values[0]
        and probabilities[1] % values[1] == 0
        and probabilities[2] == values[2]
    )
    expect(fits, f"probabilities {probabilities} do not fit values {values}")
    wanted = (values[0], probabilities[1] * _value_head(call, values))
    accumulator, made = call.operands[2], call.made
    expect(made.shape == wanted, lambda: f"result is {made.shape}, not {wanted}")
    same = (accumulator.shape, accumulator.dtype) == (made.shape, made.dtype)
    expect(same, "the accumulator keeps its type")
    expect_element_type(call, "f64")


def _values_flops(call: Call) -> int:
    return 2 * prod(call.operands[0].shape) * _value_head(call, call.operands[1].shape)


def _append_types(call: Call) -> None:
    cache, x, position = call.shapes()
    expect(position == (), "cache_append takes one position, a scalar tensor<i32>")
    expect(len(cache) == 4, f"cache is {cache}; it takes [batch, kv_heads, context, head_dim]")
    wanted = (cache[0], cache[1] * cache[3])
    expect(x == wanted, f"x is {x}, the cache takes {wanted}")
    memory, written, _ = call.operands
    expect(memory.dtype == written.dtype, lambda: f"x is a {written}, the cache a {memory}")


ATTENTION: Mapping[str, Rule] = {
    "nn.attention": Rule(
        "fffif*",
        "f",
        _attention_types,
        _attention_flops,
        (0, 1, 2),
        needs={"scale": "number"},
        may={**_MASKS, "softcap": "number", "value_dim": "integer"},
    ),
    "nn.attention_scores": Rule(
        "ff",
        "f",
        _scores_types,
        _scores_flops,
        (0, 1),
        needs={"scale": "number"},
        may={"softcap": "number"},
    ),
    "nn.attention_softmax": Rule("fif*", "f", _softmax_types, _softmax_flops, may=_MASKS),
    "nn.attention_values": Rule("fff", "f", _values_types, _values_flops, (1,), may={"value_dim": "integer"}),
    "nn.cache_append": Rule("ffi", "", _append_types, may={"ring": "flag"}),
}
