"""How values ought to lie on the sockets for what is made of them."""

from __future__ import annotations

from xdsl.ir import Block, SSAValue
from xdsl.traits import MemoryWriteEffect

from ...dialects.operation import ComputeOp
from ...dialects.sharding import Placement


def wanted_placements(block: Block, sockets: int) -> dict[SSAValue, Placement]:
    """How values have to lie for the heads that they hold, and what they are made of: found backwards.

    What goes to memory lies as the memory does, whatever else reads it.
    """
    wanted: dict[SSAValue, Placement] = {}
    for op in reversed(list(block.ops)):
        if not isinstance(op, ComputeOp):
            continue
        wants = op.wants(wanted.get(op.results[0]) if op.results else None, sockets)
        for operand, placement in zip(op.operands, wants, strict=True):
            if placement is not None and (operand not in wanted or op.has_trait(MemoryWriteEffect)):
                wanted[operand] = placement
    return wanted
