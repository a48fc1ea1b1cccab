"""The propagation of `shard-tensors` through a body: from how its operands lie to how a result does."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from xdsl.dialects.func import ReturnOp
from xdsl.ir import Block, Operation, OpResult, SSAValue

from ...dialects import nn
from .sharding import (
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

    Raises: PassFailedException at an operation that cannot be split evenly or has no rule.
    """
    rules = _Rules(globals, layers, sockets, _parts_of_heads(block, sockets))
    for op in block.ops:
        rules.visit(op)
    return rules.body


def _parts_of_heads(block: Block, sockets: int) -> dict[SSAValue, int]:
    """Into how many parts the values that go to a KV cache are split: found backwards from the cache."""
    parts: dict[SSAValue, int] = {}
    for op in reversed(list(block.ops)):
        match op:
            case nn.AttentionOp():
                _check_heads(op, sockets)
            case nn.CacheAppendOp():
                parts[op.x] = _kv_parts(op, op.cache, sockets)
            case nn.RopeOp() | nn.UnaryOp() if op.result in parts:
                parts.setdefault(op.x, parts[op.result])
            case nn.BinaryOp() if op.result in parts:
                for operand in op.operands:
                    parts.setdefault(operand, parts[op.result])
            case _:
                pass
    return parts


def _check_heads(op: nn.AttentionOp, sockets: int) -> None:
    """Whole query heads for every socket; with whole parts of the KV heads they then are of those."""
    if op.heads % sockets:
        message = f"{op.heads} query heads do not split evenly over {sockets} sockets"
        fail(op, message, "take a number of sockets that divides them")
    _kv_parts(op, op.keys, sockets)


def _kv_parts(op: Operation, cache: SSAValue, sockets: int) -> int:
    """Into how many parts a KV cache is split: where sockets exceed KV heads, each head is on several."""
    heads = nn.shape_of(cache)[1]
    if heads % sockets and sockets % heads:
        message = f"{heads} KV heads and {sockets} sockets: neither is a multiple of the other"
        fail(op, message, "take a number of sockets that divides the KV heads or is a multiple of them")
    return min(heads, sockets)


@dataclass
class _Rules:
    """One rule per kind of operation; each says how the result lies and what is needed of the operands."""

    globals: Set[SSAValue]
    layers: Mapping[str, Layer]
    sockets: int
    parts: Mapping[SSAValue, int]
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
        rows = Split(1, self.sockets)
        self._require_global(op, op.rhs, "the right-hand side of the product")
        if self._placement(op.lhs) == rows:
            self._need(op, 1, Split(0, self.sockets))
            self.body.layouts[op.result] = PARTIAL
            return
        parts, columns = self.parts.get(op.result, self.sockets), nn.shape_of(op.rhs)[1]
        self._require_even(op, columns, parts, "columns of the product")
        self._need(op, 0, REPLICATED)
        self._need(op, 1, split(1, parts))
        self._set(op.result, split(1, parts))

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
            heads = nn.shape_of(op.x)[1] // op.head_dim.value.data
            self._require_even(op, heads, placement.parts, "heads")
        self._need(op, 0, placement)
        self._need(op, 1, REPLICATED)
        self._set(op.result, placement)

    def _append(self, op: nn.CacheAppendOp) -> None:
        """A cache is split by KV heads, and so is what is written to it."""
        heads = split(1, _kv_parts(op, op.cache, self.sockets))
        self._require_global(op, op.cache, "the cache")
        for number, placement in enumerate((heads, heads, REPLICATED)):
            self._need(op, number, placement)

    def _attention(self, op: nn.AttentionOp) -> None:
        """Every socket attends with its query heads to their KV heads."""
        queries = Split(1, self.sockets)
        heads = split(1, _kv_parts(op, op.keys, self.sockets))
        for cache in (op.keys, op.values):
            self._require_global(op, cache, "the cache")
        for number, placement in enumerate((queries, heads, heads, REPLICATED)):
            self._need(op, number, placement)
        self._set(op.result, queries)

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
        if isinstance(needed, Replicated):
            self.body.whole_uses.setdefault(value, []).append((op, number))
            return
        message = f"operand {number} of {op.name} is needed {needed}, and comes {given}"
        fail(op, message, "compute it from a product with a weight, by operations that keep heads apart")

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
            message = f"{extent} {what} do not split evenly over {parts} sockets"
            fail(op, message, "take a number of sockets that divides them, or pad them")


def _under_axes(placement: Placement, axes: int) -> Placement:
    """The same below so many leading axes."""
    return Split(placement.axis + axes, placement.parts) if isinstance(placement, Split) else placement
