"""Rules of what chooses and joins elements: slices, and tensors side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .rule import Call, Rule, expect


def slice_columns(call: Call) -> tuple[int, int]:
    """Columns of what an `nn.slice` cuts by itself, and how many of them the result has."""
    columns, kept = call.operands[0].shape[-1], call.made.shape[-1]
    head = call.number("head_columns", columns)
    return head, kept * head // columns


def _slice_types(call: Call) -> None:
    given, made = call.operands[0], call.made
    x, result = given.shape, made.shape
    fits = bool(x) and len(result) == len(x) and result[:-1] == x[:-1]
    expect(fits and given.dtype == made.dtype, lambda: f"{made} is no slice of {given}")
    if "head_columns" in call.attributes:
        head = call.number("head_columns")
        expect(head > 0 and x[-1] % head == 0, f"rows of {x[-1]} have no heads of {head}")
        expect(result[-1] % (x[-1] // head) == 0, f"{x[-1] // head} heads do not make {result[-1]}")
    (columns, kept), start = slice_columns(call), call.number("start")
    end = start + kept
    expect(start >= 0 and end <= columns, f"columns {start} to {end} of a tensor with {columns}")


def _concat_types(call: Call) -> None:
    shapes, made = call.shapes(), call.made
    expect(len(shapes) > 0, "it joins one tensor or more")
    result = made.shape
    expect(len(result) > 0, "scalars do not stand side by side")
    alike = all(len(shape) == len(result) and shape[:-1] == result[:-1] for shape in shapes)
    kinds = {value.dtype for value in (*call.operands, made)}
    fits = alike and len(kinds) == 1 and sum(shape[-1] for shape in shapes) == result[-1]
    expect(fits, lambda: f"{', '.join(map(str, call.operands))} do not make {made}")
    if "head_columns" in call.attributes:
        _check_heads([shape[-1] for shape in shapes], call.numbers("head_columns"))


def _check_heads(columns: Sequence[int], heads: Sequence[int]) -> None:
    """Raises: RuleError unless each part has as many heads."""
    expect(len(heads) == len(columns), f"head_columns of {len(heads)} parts, {len(columns)} are there")
    counts = {divmod(one, head) if head > 0 else None for one, head in zip(columns, heads, strict=True)}
    fits = len(counts) == 1 and all(count is not None and count[1] == 0 for count in counts)
    expect(fits, f"parts of {[*columns]} columns have not as many heads of {[*heads]}")


VIEWS: Mapping[str, Rule] = {
    "nn.concat": Rule("f*", "f", _concat_types, may={"head_columns": "integers"}),
    "nn.slice": Rule("f", "f", _slice_types, needs={"start": "integer"}, may={"head_columns": "integer"}),
}
