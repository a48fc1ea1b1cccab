"""Views of weights go with who reads them: each reader has its own, in its kernel.

What is a view is no work: slices of a stack are read from memory as their reader streams them. A kernel that
made them would only write them back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xdsl.ir import Block, Operation
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects.operation import Fusion, fusion_of


def is_view(op: Operation) -> bool:
    """Whether an operation is a view of weights."""
    fusion = fusion_of(op)
    return isinstance(fusion, Fusion) and fusion.role == "slices"


def views_of(op: Operation) -> Iterator[Operation]:
    """The views that an operation reads, and those that these read, each before its reader."""
    for operand in op.operands:
        if isinstance(view := operand.owner, Operation) and is_view(view):
            yield from views_of(view)
            yield view


def with_views(ops: Iterable[Operation]) -> list[Operation]:
    """Operations, each behind the views that it reads."""
    return [one for op in ops for one in (*views_of(op), op)]


def place_views(block: Block) -> None:
    """Give each use of a view one of its own, right before its reader."""
    for view in reversed(list(block.ops)):
        if not is_view(view):
            continue
        for use in list(view.results[0].uses):
            own = view.clone()
            own.location = view.location
            Rewriter.insert_op(own, InsertPoint.before(use.operation))
            use.operation.operands[use.index] = own.results[0]
        Rewriter.erase_op(view)
