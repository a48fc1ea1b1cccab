"""`shard-tensors`: tensor parallelism; every socket gets its part of the weights, caches and work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, MemRefType, ModuleOp, TensorType, i64
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.rewriter import InsertPoint

from ...dialects import nn
from ...dialects.collective import made_whole
from ...dialects.kernel import FunctionLikeOp
from ...dialects.module_machine import set_sockets, sockets_of
from ...dialects.rdu_machine import MachineAttr
from ...dialects.sharding import PARTIAL, Split
from ...dialects.tensors import element_type_of, shape_of
from ...dialects.vocabulary import ExpertSharding
from ..diagnostics import add_remark, fail

if TYPE_CHECKING:
    from .findings import BodySharding
    from .plan import ShardingPlan


@dataclass(frozen=True)
class ShardTensorsPass(ModulePass):
    """Split a model over the sockets of a machine: types become those of one socket, all run the same text.

    A product with a whole left-hand side is split by columns of its weight, one whose left-hand side is
    split by rows, which leaves a sum over the sockets (`collective.all_reduce`): so one all-reduce ends
    attention and one the feed-forward block. Attention is split by heads, and the KV cache with it; where
    there are more sockets than KV heads, neighbours share a head and what makes it. The embedding is split
    by rows of the vocabulary, the head by columns. Whatever is split and needed whole, by argmax, a norm,
    the host or the caller, is gathered (`collective.all_gather`). A norm of groups that are heads needs
    nothing of the other sockets. One over all heads of queries or keys, which have to stay apart, becomes a
    sum of squares, its sum over the sockets, and a scale (`nn.square_sum`, `nn.rms_scale`).

    Of chosen experts each socket has a part of the feed-forward network of each, so that all have equal work
    whichever are chosen; or, with `experts=sockets`, some whole experts. Then each asks which of its own are
    named (`collective.own_experts`) and has places for as many as that can be at most; the product behind
    them leaves a sum over the sockets, too.

    Heads that do not divide are padded with heads of zeros: of 3 query heads that share a KV head on 2
    sockets, each gets 2, one of them zeros (`shard_runs`). The rows of the next product that meet them are
    zeros as well, so that they add exactly 0; they are stored, read and computed with like any other, and a
    remark says so. Other columns are padded behind the last one. What is padded cannot be gathered, and what
    would make infinities of zeros is an error.

    Replicated on purpose is what is small: the residual stream, the weights of norms, inputs and results of
    layers and steps. Nothing else is: what does not split evenly and cannot be padded is an error. A model
    that is split stays as it is; before it is lowered, it is held to the rules by which it would be split.

    Before:

    ```mlir
    builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 4 : i64}>} {
      nn.weight @up : tensor<8x32xbf16>
      nn.weight @down : tensor<32x8xbf16>
      func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
        %up = nn.get_global @up : tensor<8x32xbf16>
        %down = nn.get_global @down : tensor<32x8xbf16>
        %h = nn.matmul %x, %up : (tensor<1x8xbf16>, tensor<8x32xbf16>) -> tensor<1x32xbf16>
        %a = nn.silu %h : (tensor<1x32xbf16>) -> tensor<1x32xbf16>
        %p = nn.matmul %a, %down : (tensor<1x32xbf16>, tensor<32x8xbf16>) -> tensor<1x8xbf16>
        %y = nn.add %x, %p : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
        func.return %y : tensor<1x8xbf16>
      }
    }
    ```

    After:

    ```mlir
    builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 4 : i64}>} {
      nn.weight @up : tensor<8x8xbf16> {shard_axis = 1, shard_parts = 4}
      nn.weight @down : tensor<8x8xbf16> {shard_axis = 0, shard_parts = 4}
      func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
        %up = nn.get_global @up : tensor<8x8xbf16>
        %down = nn.get_global @down : tensor<8x8xbf16>
        %h = nn.matmul %x, %up : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
        %a = nn.silu %h : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
        %p = nn.matmul %a, %down : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
        %s = collective.all_reduce %p : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
        %y = nn.add %x, %s : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
        func.return %y : tensor<1x8xbf16>
      }
    }
    ```

    Raises: PassFailedException for what cannot be split evenly or would have to be split in two ways, for
        what is padded and needed whole, for an operation without a rule, and for a module that is outlined,
        or split over other sockets already.
    """

    name = "shard-tensors"

    sockets: int = 0
    """Over how many sockets; those of the module's machine if 0, else the machine is given so many."""
    experts: ExpertSharding = "ffn"
    """What of the experts each socket has: a part of each, or whole ones, those that stand one behind another
    in their stacks."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.sockets < 0:
            fail(op, f"sockets is {self.sockets}", "give 1 or more, or 0 for those of the machine")
        before, split_before = sockets_of(op), _is_split(op)
        sockets = self.sockets or before
        if sockets != before:
            if split_before:
                message = f"the model is split over {before} sockets already, not over {sockets}"
                fail(op, message, "start from the whole model")
            set_sockets(op, sockets, MachineAttr)
        if sockets > 1 and not split_before:
            from .findings import Sockets
            from .plan import plan_sharding

            _check_level(op)
            _split(op, plan_sharding(op, Sockets(sockets, self.experts)))


def _is_split(module: ModuleOp) -> bool:
    return any(isinstance(op, nn.WeightOp) and op.shard_parts is not None for op in module.ops)


def _check_level(module: ModuleOp) -> None:
    """What has been outlined cannot be split any more."""
    for op in module.ops:
        if isinstance(op, FunctionLikeOp):
            name = op.sym_name.data
            fail(op, f"@{name} is a {op.name} already", "run shard-tensors before outline-kernels")


def _split(module: ModuleOp, plan: ShardingPlan) -> None:
    """Collectives first, then types: retyping makes new values, which the plan does not know."""
    for op, message in plan.body.remarks:
        add_remark(op, message)
    for view, placement in plan.body.views.items():
        view.become_part(placement)
    for pattern in (
        ReplaceByParts(plan.body),
        ReduceSummands(plan.body),
        SplitResults(plan.body),
        SplitArguments(plan.body),
        SplitGlobals(plan.globals),
    ):
        PatternRewriteWalker(pattern, apply_recursively=False).rewrite_module(module)


@dataclass
class ReplaceByParts(RewritePattern):
    """What sockets compute in another way becomes that: an embedding, a norm of rows in parts."""

    body: BodySharding

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /):
        if (instead := self.body.instead.get(op)) is None:
            return
        (old,), (new,) = op.results, instead.parts[-1].results
        if uses := self.body.whole_uses.get(old):
            self.body.whole_uses[new] = uses
        rewriter.replace(op, instead.parts)


@dataclass
class ReduceSummands(RewritePattern):
    """What gives summands, as a product whose inner extent is split: an all-reduce behind it adds them up."""

    body: BodySharding

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /):
        for result in op.results:
            if self.body.layouts.get(result) is PARTIAL:
                (reduce,) = made_whole(result, PARTIAL)
                reduce.location = op.location
                rewriter.insert(reduce, InsertPoint.after(op))
                rewriter.replace_uses_with_if(
                    result, reduce.results[0], lambda use, own=reduce: use.operation is not own
                )


def _local_type(whole: Attribute, layout: Split) -> TensorType[Attribute] | MemRefType[Attribute]:
    """The type of one socket's part of a tensor or memref."""
    shape = list(shape_of(whole))
    shape[layout.axis] = layout.extent(shape[layout.axis])
    kind = MemRefType if isinstance(whole, MemRefType) else TensorType
    return kind(element_type_of(whole), shape)


@dataclass
class SplitResults(RewritePattern):
    """A result that is split gets the type of one socket's part; who needs it whole reads an all-gather."""

    body: BodySharding

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /):
        for result in op.results:
            layout, whole_uses = self.body.layouts.get(result), self.body.whole_uses.get(result)
            if isinstance(layout, Split):
                part = rewriter.replace_value_with_new_type(result, _local_type(result.type, layout))
                if whole_uses:
                    made = made_whole(part, layout)
                    for one in made:
                        one.location = op.location
                    rewriter.insert(made, InsertPoint.after(op))
                    rewriter.replace_uses_with_if(
                        part,
                        made[-1].results[0],
                        lambda use, uses=whole_uses: (use.operation, use.index) in uses,
                    )


@dataclass
class SplitArguments(RewritePattern):
    """A layer is given parts of the weights and states that are split."""

    body: BodySharding

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: FuncOp, rewriter: PatternRewriter, /):
        for argument in [*op.args]:
            layout = self.body.layouts.get(argument)
            if isinstance(layout, Split):
                rewriter.replace_value_with_new_type(argument, _local_type(argument.type, layout))
        op.update_function_type()


@dataclass
class SplitGlobals(RewritePattern):
    """A weight or state that is split is declared with the type of one socket's part."""

    globals: Mapping[str, Split]

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.WeightOp | nn.StateOp, rewriter: PatternRewriter, /):
        if (layout := self.globals.get(op.sym_name.data)) is None:
            return
        op.properties["type"] = _local_type(op.type, layout)
        parts = IntegerAttr(layout.parts, i64)
        if isinstance(op, nn.StateOp):
            op.shard_parts = parts
        else:
            op.shard_axis, op.shard_parts = IntegerAttr(layout.axis, i64), parts
            op.shard_runs = DenseArrayBase.from_list(i64, layout.runs) if layout.runs else None
            op.shard_repeats = IntegerAttr(layout.repeats, i64) if layout.repeats > 1 else None
        rewriter.notify_op_modified(op)
