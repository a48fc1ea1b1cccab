"""The passes: each is a rewrite pattern, which is tried on every operation until nothing changes."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.pattern_rewriter import PatternRewriter, op_type_rewrite_pattern

from kl.dialects import dataflow, nn
from kl.passes.patterns import PatternPass

from . import operations


class FuseSwigluPass(PatternPass):
    """In kernels: `silu(gate) * up` becomes one operation, unless something else reads the `silu`."""

    name = "mine-fuse-swiglu"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MulOp, rewriter: PatternRewriter) -> None:
        silu = op.lhs.owner
        if isinstance(silu, nn.SiluOp) and silu.x.type == op.lhs.type and op.lhs.has_one_use():
            rewriter.replace(op, operations.SwigluOp(silu.x, op.rhs))
            rewriter.erase(silu)


@dataclass(frozen=True)
class LimitPrefetchPass(PatternPass):
    """In networks: nothing is loaded further ahead than `most` tiles; for after `prefetch-weights`."""

    name = "mine-limit-prefetch"

    most: int = 16

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: dataflow.LoadOp, rewriter: PatternRewriter) -> None:
        for channel in (value.owner for value in op.channels):
            if isinstance(channel, dataflow.ChannelOp) and channel.depth.value.data > self.most:
                channel.depth = IntegerAttr(self.most, i64)
                rewriter.notify_op_modified(channel)
