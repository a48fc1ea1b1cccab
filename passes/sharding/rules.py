"""The propagation of `shard-tensors` through a body: from how its operands lie to how a result does."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

from xdsl.dialects.func import ReturnOp
from xdsl.ir import Block, Operation, OpResult, SSAValue

from ...dialects import nn
from .heads import Heads, heads_of_attention, heads_of_cache, wanted_by_heads
from .layout import (
    PARTIAL,
    REPLICATED,
    BodySharding,
    GlobalUse,
    Layout,
    Placement,
    Replicated,
    Split,
    fail,
    split,
)


@dataclass(frozen=True)
class Layer:
    """A layer body that has been propagated through, as its calls see it."""

    global_arguments: Set[int]
    """numbers of the arguments that are weights or states"""
    uses: Mapping[int, list[GlobalUse]]
    """what the body needs of each of them"""


def shard_body(
    block: Block, globals: Set[SSAValue], layers: Mapping[str, Layer], sockets: int
) -> BodySharding:
    """Propagate through the operations of a body, in order.

    `globals` are its values that are weights or states: the analysis chooses how they lie. All other
    arguments are replicated, and so is what the body returns.

    Raises: PassFailedException at an operation that cannot be split evenly, that needs what is padded whole,
        or that has no rule.
    """
    rules = _Rules(globals, layers, sockets, wanted_by_heads(block, sockets))
    for op in block.ops:
        rules.visit(op)
    return rules.body


@dataclass
class _Rules:
    """One rule per kind of operation; each says how the result lies and what is needed of the operands."""

    globals: Set[SSAValue]
    layers: Mapping[str, Layer]
    sockets: int
    wanted: Mapping[SSAValue, Placement]
    """how the results of products have to lie for the heads that they hold; else the rules choose"""
    body: BodySharding = field(default_factory=BodySharding)

    def visit(self, op: Operation) -> None:
        """Apply the rule of an operation."""
        match op:
            case nn.GetGlobalOp():
                pass
            case nn.MatmulOp():
                self._matmul(op)
            case nn.EmbeddingOp():
                self._embedding(op)
            case nn.BinaryOp() | nn.UnaryOp():
                self._elementwise(op, op.result)
            case nn.RopeOp():
                self._rope(op)
            case nn.CacheAppendOp():
                self._append(op)
            case nn.AttentionOp():
                self._attention(op)
            case nn.CallOp():
                self._call(op)
            case nn.RMSNormOp() | nn.ArgmaxOp() | nn.ObserveOp() | ReturnOp():
                for number in range(len(op.operands)):
                    self._need(op, number, REPLICATED)
            case _:
                message = f"there is no rule for how {op.name} runs on {self.sockets} sockets"
                fail(op, message, "run it on one socket, or give it a rule in sharding_rules.py")

    def _matmul(self, op: nn.MatmulOp) -> None:
        """A split inner extent gives summands, else the columns of the weight are split."""
        rows = self._placement(op.lhs)
        self._require_global(op, op.rhs, "the right-hand side of the product")
        if isinstance(rows, Split) and (rows.axis, rows.parts) == (1, self.sockets):
            self._need(op, 1, replace(rows, axis=0))
            self.body.layouts[op.result] = PARTIAL
            return
        columns = self.wanted.get(op.result) or self._columns(op)
        self._need(op, 0, REPLICATED)
        self._need(op, 1, columns)
        self._set(op.result, columns)

    def _columns(self, op: nn.MatmulOp) -> Placement:
        """The columns of a product in equal parts, with zeros behind the last where they do not divide."""
        columns = nn.shape_of(op.result)[1]
        zeros = -columns % self.sockets
        if zeros:
            self._remark(op, columns, columns + zeros, "columns of the product")
        return split(1, self.sockets, (columns, zeros) if zeros else ())

    def _embedding(self, op: nn.EmbeddingOp) -> None:
        """Every socket has some rows of the table and gives zeros for the others."""
        self._require_global(op, op.table, "the table")
        self._require_even(op, nn.shape_of(op.table)[0], self.sockets, "rows of the table")
        self._need(op, 0, REPLICATED)
        self._need(op, 1, Split(0, self.sockets))
        self.body.layouts[op.result] = PARTIAL

    def _elementwise(self, op: Operation, result: OpResult) -> None:
        """Operands that are split alike stay so, and a weight follows them; else all are needed whole."""
        computed = [value for value in op.operands if value not in self.globals]
        placements = set(map(self._placement, computed))
        common = placements.pop() if len(placements) == 1 else REPLICATED
        for number in range(len(op.operands)):
            self._need(op, number, common)
        self._set(result, common)

    def _rope(self, op: nn.RopeOp) -> None:
        """Whole heads rotate anywhere."""
        placement = self._placement(op.x)
        if isinstance(placement, Split):
            extent, head = nn.shape_of(op.x)[1], op.head_dim.value.data
            if any(run % head for run in (placement.extent(extent), *placement.runs)):
                fail(op, *_uneven(extent // head, placement.parts, "heads"))
        self._need(op, 0, placement)
        self._need(op, 1, REPLICATED)
        self._set(op.result, placement)

    def _append(self, op: nn.CacheAppendOp) -> None:
        """A cache is split by KV heads, and so is what is written to it."""
        heads = heads_of_cache(op.cache, self.sockets)
        self._require_global(op, op.cache, "the cache")
        row = heads.kv_placement(nn.shape_of(op.cache)[3])
        for number, placement in enumerate((heads.kv_placement(1), row, REPLICATED)):
            self._need(op, number, placement)

    def _attention(self, op: nn.AttentionOp) -> None:
        """Every socket attends with its query heads to their KV heads."""
        heads = heads_of_attention(op, self.sockets)
        queries, caches = heads.query_placement(nn.shape_of(op.keys)[3]), heads.kv_placement(1)
        for cache in (op.keys, op.values):
            self._require_global(op, cache, "the cache")
        for number, placement in enumerate((queries, caches, caches, REPLICATED)):
            self._need(op, number, placement)
        self._remark_heads(op, heads)
        self._set(op.result, queries)

    def _remark_heads(self, op: nn.AttentionOp, heads: Heads) -> None:
        if heads.padded_kv > heads.kv:
            self._remark(op, heads.kv, heads.padded_kv, "KV heads")
        if heads.padded_queries > heads.queries:
            self._remark(op, heads.queries, heads.padded_queries, "query heads")

    def _remark(self, op: Operation, extent: int, padded: int, what: str) -> None:
        """Note that zeros are stored, read and computed with."""
        message = f"{extent} {what} do not divide among {self.sockets} sockets: padded with zeros to {padded}"
        self.body.remarks.append((op, message))

    def _call(self, op: nn.CallOp) -> None:
        """A layer needs its weights and states as its body does, everything else whole."""
        name = op.callee.root_reference.data
        if name not in self.layers:
            fail(op, f"@{name} is called here and is no layer", "call private functions, from the step alone")
        layer = self.layers[name]
        for number, operand in enumerate(op.operands):
            if number not in layer.global_arguments:
                self._need(op, number, REPLICATED)
            for use in layer.uses.get(number, ()):
                sliced = len(nn.shape_of(operand)) - len(nn.shape_of(use.value))
                self._use_global(operand, use.op, _under_axes(use.placement, sliced))

    # How values lie, and how operations need them.

    def _placement(self, value: SSAValue) -> Placement:
        """How a value lies for its readers: who reads a missing sum reads the sum."""
        layout: Layout = self.body.layouts.get(value, REPLICATED)
        return layout if isinstance(layout, Split) else REPLICATED

    def _set(self, value: SSAValue, placement: Placement) -> None:
        if isinstance(placement, Split):
            self.body.layouts[value] = placement

    def _need(self, op: Operation, number: int, needed: Placement) -> None:
        """Note how an operand is needed; what is split can be gathered, what is whole cannot be split."""
        value = op.operands[number]
        if value in self.globals:
            self._use_global(value, op, needed)
            return
        given = self._placement(value)
        if given == needed:
            return
        if isinstance(needed, Replicated) and isinstance(given, Split) and not given.runs:
            self.body.whole_uses.setdefault(value, []).append((op, number))
            return
        message = f"operand {number} of {op.name} is needed {needed}, and comes {given}"
        fail(op, message, _PADDED if isinstance(needed, Replicated) else _NOT_SPLIT)

    def _use_global(self, value: SSAValue, op: Operation, placement: Placement) -> None:
        self.body.global_uses.append(GlobalUse(value, op, placement))
        if isinstance(placement, Split):
            self.body.layouts[value] = placement

    def _require_global(self, op: Operation, value: SSAValue, what: str) -> None:
        if value not in self.globals:
            message = f"{what} is no weight or state of the module, so it cannot be split over the sockets"
            fail(op, message, "declare it as one, or run on one socket")

    def _require_even(self, op: Operation, extent: int, parts: int, what: str) -> None:
        if extent % parts:
            fail(op, *_uneven(extent, parts, what))


_NOT_SPLIT = "compute it from a product with a weight, by operations that keep heads apart"
_PADDED = "take a number of sockets that divides the elements: zeros cannot be gathered"


def _uneven(extent: int, parts: int, what: str) -> tuple[str, str]:
    """Message and way out for what would have to be padded, and is not."""
    message = f"{extent} {what} do not split evenly over {parts} sockets"
    return message, "take a number of sockets that divides them, or pad them"


def _under_axes(placement: Placement, axes: int) -> Placement:
    """The same below so many leading axes."""
    return replace(placement, axis=placement.axis + axes) if isinstance(placement, Split) else placement
