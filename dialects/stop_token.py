"""The stop token of a loop over decode steps: what it asks of the loop's body, at the kernel level.

A row of the batch whose token is the stop token when a step begins is done: its part of each cache stays as
it is, and its token stays the same. So each append must know whose rows are done before it begins.
"""

from __future__ import annotations

from xdsl.dialects.builtin import IntegerType, TensorType
from xdsl.ir import Attribute, Block, Operation, SSAValue

from .kernel_accesses import touches
from .nn_cache import CacheAppendOp
from .nn_compute import TableLookupOp
from .tensors import element_type_of, expect, shape_of


def expect_tokens_of_rows(type_: Attribute, stop: int) -> None:
    """Raises: VerifyException unless a value has an integer per row, and `stop` is one that it can have."""
    integers = isinstance(type_, TensorType) and isinstance(type_.get_element_type(), IntegerType)
    fits = integers and len(shape_of(type_)) == 1
    expect(fits, f"rows stop at a token; it takes integers [batch], not {type_}")
    element = element_type_of(type_)
    assert isinstance(element, IntegerType), "just checked"
    most = 2 ** (element.width.data - 1) - 1
    expect(0 <= stop <= most, f"the stop token is {stop}; a token of {type_} is 0 to {most}")


def expect_rows_can_stop(body: Block, token: SSAValue) -> None:
    """Check that the rows of all that the steps write can be left out one by one, once the token is there.

    Raises: VerifyException for the first operation where they cannot.
    """
    (batch,), behind = shape_of(token), _values_behind(token, body)
    for op in body.walk():
        if not any(touch.access.writes for touch in touches(op)):
            continue
        expect(
            isinstance(op, CacheAppendOp), f"{op.name} writes memory, and cannot leave out rows that are done"
        )
        assert isinstance(op, CacheAppendOp), "just checked"
        rows = shape_of(op.x)[0]
        expect(rows == batch, f"{op.name} appends {rows} rows, the tokens that stop are those of {batch}")
        what = "does not depend on the step's token, so it cannot wait for which rows are done"
        expect(op.x in behind, f"what {op.name} appends {what}")


def vocabulary_of(body: Block, token: SSAValue, sockets: int) -> int | None:
    """Rows of the smallest table, on all `sockets`, that the token names rows of; None if none."""
    lookups = [op for op in body.walk() if isinstance(op, TableLookupOp) and op.ids is token]
    return min((op.table_rows(sockets) for op in lookups), default=None)


def _values_behind(value: SSAValue, body: Block) -> set[SSAValue]:
    """The values of a body that are there only once `value` is."""
    found = {value}
    for op in body.ops:
        _follow(op, found)
    return found


def _follow(op: Operation, found: set[SSAValue]) -> None:
    """Add what an operation makes, and all inside it, where that needs one of the values found."""
    if not op.regions:
        found.update(op.results if any(operand in found for operand in op.operands) else ())
        return
    block = op.regions[0].block
    given = [argument for argument, operand in zip(block.args, op.operands, strict=False) if operand in found]
    while True:
        inside = found | {*given}
        for inner in block.ops:
            _follow(inner, inside)
        end = block.last_op
        yielded = [] if end is None else list(end.operands)
        # What an iteration hands to the next one has to need it, too.
        lost = {a for a, next_ in zip(block.args, yielded, strict=False) if next_ not in inside}
        kept = [argument for argument in given if argument not in lost]
        if kept == given:
            break
        given = kept
    found |= inside
    found.update(result for result, end in zip(op.results, yielded, strict=False) if end in inside)
