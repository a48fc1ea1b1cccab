"""How much SRAM a kernel needs at least: the tiles that it streams and the values between its operations.

An estimate on the `kernel` level with the tiles that `tile-stages` would choose; `allocate-units` checks
the real channels. Every buffer takes whole PMUs.
"""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from ...dialects import kernel, nn
from ...dialects.collective import ShardedEmbeddingOp
from ...dialects.machine import Machine
from ..solvers.tiling import tile_count
from .tile_rules import tile_rule

TILE_BYTES = 1024 * 1024
"""Largest tile that a stage streams, by default. Assumed: small against SRAM, large against a burst."""
LEAST_TILES = 8
"""Fewest tiles of a streamed tensor, by default. Assumed: enough that compute starts long before the end."""


def _compute_ops(block: Block) -> Iterator[nn.ComputeOp]:
    for op in block.ops:
        if isinstance(op, nn.ComputeOp):
            yield op
        elif isinstance(op, kernel.LoopOp):
            yield from _compute_ops(op.body.block)


def _streams(value: SSAValue) -> bool:
    """Whether a value comes from memory each time: an argument of the kernel, or a slice of a stack."""
    if not isinstance(value, BlockArgument):
        return False
    loop = value.block.parent_op()
    return not isinstance(loop, kernel.LoopOp) or value.index >= len(loop.carried)


def _streamed_tile_bytes(op: Operation, number: int) -> int:
    """Bytes of one tile of an operand as a stage streams it."""
    operand = op.operands[number]
    size = nn.size_bytes_of(operand)
    if isinstance(op, nn.EmbeddingOp | ShardedEmbeddingOp) and number == 1:
        return nn.size_bytes_of(op.result)
    rule = tile_rule(op)
    axis = rule.operands[number] if rule is not None else None
    if isinstance(op, nn.AttentionOp) and number in (1, 2):
        axis = 2
    if axis is None:
        return size
    extent = nn.shape_of(operand)[axis]
    multiple = rule.multiple if rule is not None else 1
    return size // tile_count(extent, size // extent, TILE_BYTES, LEAST_TILES, multiple)


def _buffers(op: nn.ComputeOp, copies: int) -> Iterator[int]:
    """Sizes of the buffers that an operation's operands and inner values take."""
    for number, operand in enumerate(op.operands):
        if isinstance(op, nn.CacheAppendOp) and number == 0:
            continue
        if _streams(operand):
            yield copies * _streamed_tile_bytes(op, number)
        else:
            yield nn.size_bytes_of(operand)
    if isinstance(op, nn.AttentionOp):
        batch, _, context, _ = nn.shape_of(op.keys)
        yield from (4 * batch * op.heads * context,) * 2


def min_sram_bytes(func: kernel.FuncOp, machine: Machine, *, looped: bool) -> int:
    """Fewest bytes of SRAM in whole PMUs; looped, every streamed tile is double-buffered."""
    copies = 2 if looped else 1
    sizes = [size for op in _compute_ops(func.body.block) for size in _buffers(op, copies)]
    return sum(-(-size // machine.pmu_bytes) * machine.pmu_bytes for size in sizes)
