"""SSA dominance: every value is defined before it is used, on every path. xDSL's own verifier does
not check this."""

from __future__ import annotations

from typing import NoReturn

from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.irdl.dominance import DominanceInfo
from xdsl.traits import IsolatedFromAbove
from xdsl.utils.exceptions import VerifyException


def check_dominance(root: Operation) -> None:
    """Check every use below `root`, in time linear in the operations of single-block regions.

    Raises: VerifyException at the first operation that uses a value which does not dominate it.
    """
    for region in root.regions:
        _check_region(region, set())


def _check_region(region: Region, outside: set[SSAValue]) -> None:
    """`outside` holds the values that are visible where the region begins; it is left as it was."""
    blocks = tuple(region.blocks)
    if len(blocks) == 1:
        _check_block(blocks[0], outside)
        return
    dominance = DominanceInfo(region)
    for block in blocks:
        if not dominance.dominates(blocks[0], block):
            continue  # nothing reaches this block, so every value dominates it
        before = (b for b in blocks if dominance.strictly_dominates(b, block))
        _check_block(block, outside.union(*map(_definitions, before)))


def _definitions(block: Block) -> list[SSAValue]:
    return [*block.args, *(result for op in block.ops for result in op.results)]


def _check_block(block: Block, visible: set[SSAValue]) -> None:
    """Adds the block's own values to `visible` while it walks, and takes them out again at the
    end."""
    visible.update(block.args)
    for op in block.ops:
        for number, operand in enumerate(op.operands):
            if operand not in visible:
                _fail(op, number)
        isolated = op.has_trait(IsolatedFromAbove)
        for region in op.regions:
            _check_region(region, set() if isolated else visible)
        visible.update(op.results)
    visible.difference_update(_definitions(block))


def _fail(op: Operation, number: int) -> NoReturn:
    hint = op.operands[number].name_hint
    name = f" (%{hint})" if hint else ""
    message = f"operand {number} of {op.name}{name} is used where its definition does not dominate"
    op.emit_error(message, VerifyException(message))
