"""Walking through IR. xDSL's own walk makes generators for each operation, though few hold others."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.ir import Operation


def walk(root: Operation) -> Iterator[Operation]:
    """An operation and all that are in it, in the order of the text, as `Operation.walk` has them."""
    yield root
    for region in root.regions:
        for block in region.blocks:
            op = block.first_op
            while op is not None:
                behind = op.next_op
                if op.regions:
                    yield from walk(op)
                else:
                    yield op
                op = behind
