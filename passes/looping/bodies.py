"""Bodies of kernels put into blocks: what every builder of a new kernel does."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import Block, SSAValue

from ...dialects.kernel import ReturnOp


def block_like(values: Sequence[SSAValue]) -> Block:
    """A block with arguments like these values."""
    block = Block(arg_types=[value.type for value in values])
    for argument, value in zip(block.args, values, strict=True):
        argument.name_hint = value.name_hint
    return block


def inline_body(block: Block, body: Block, given: Sequence[SSAValue]) -> list[SSAValue]:
    """Append copies of the operations of a kernel's body for these arguments; what it returns."""
    mapping: dict[SSAValue, SSAValue] = dict(zip(body.args, given, strict=True))
    for op in body.ops:
        if isinstance(op, ReturnOp):
            return [mapping[value] for value in op.arguments]
        block.add_op(op.clone(mapping))
    raise AssertionError("a verified kernel returns")
