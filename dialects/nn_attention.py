"""Attention over a KV cache: whole, and by tiles, as it is cut up where a kernel becomes a network."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from math import prod
from typing import ClassVar

from xdsl.dialects.builtin import AnyFloat, FloatAttr, IntegerType, MemRefType, TensorType, f64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import MemoryReadEffect, Pure

from .operation import ComputeOp, Fusion, TileRule, Without
from .sharding import REPLICATED, Heads, Placement, Sharded, ShardView
from .spelling import Arguments, Spelling, shown
from .tensors import expect, shape_of


@irdl_op_definition
class AttentionOp(ComputeOp):
    """Attention of one token over the positions of a KV cache up to and including `position`.

    Query `[B, heads * head_dim]`, caches `[B, kv_heads, context, head_dim]`, result like the query; query
    heads share KV heads in groups. Scores are scaled by `scale`, rounded to f32, their softmax to f32, and
    the weighted sum of values once to the result type.
    """

    name = "nn.attention"

    NUMPY: ClassVar = ".backends.numerics:attention"
    SPELLING: ClassVar = Spelling("attention", ("query", "keys", "values", "position"), ("scale",))
    FUSION: ClassVar = Fusion("attention")

    query = operand_def(TensorType[AnyFloat])
    keys = operand_def(MemRefType[AnyFloat])
    values = operand_def(MemRefType[AnyFloat])
    position = operand_def(TensorType[IntegerType])
    """Scalar: the last position that counts; what lies behind it is masked."""
    scale = prop_def(FloatAttr.constr(f64))
    """Factor on the scores, usually head_dim^-1/2."""
    result = result_def(TensorType[AnyFloat])

    traits = traits_def(MemoryReadEffect())
    assembly_format = (
        "$query `,` $keys `,` $values `,` $position `scale` $scale attr-dict `:` "
        "functional-type(operands, results)"
    )

    def __init__(self, query: SSAValue, keys: SSAValue, values: SSAValue, position: SSAValue, scale: float):
        super().__init__(
            operands=[query, keys, values, position],
            result_types=[query.type],
            properties={"scale": FloatAttr(scale, f64)},
        )

    def verify_shapes(self) -> None:
        query, keys, values = shape_of(self.query), shape_of(self.keys), shape_of(self.values)
        expect(shape_of(self.position) == (), "attention takes one position, a scalar tensor<i32>")
        expect(len(keys) == 4, f"keys are {keys}; they take [batch, kv_heads, context, head_dim]")
        expect(values == keys, f"keys are {keys}, values {values}")
        group = keys[1] * keys[3]
        fits = len(query) == 2 and query[0] == keys[0] and query[1] % group == 0
        expect(fits, f"query is {query}; it takes [{keys[0]}, a multiple of {keys[1]} * {keys[3]}]")
        expect(self.result.type == self.query.type, "attention keeps the type of the query")

    @property
    def heads(self) -> int:
        """Number of query heads."""
        return shape_of(self.query)[1] // shape_of(self.keys)[3]

    def flops(self) -> int:
        batch, _, context, head_dim = shape_of(self.keys)
        return batch * self.heads * context * (4 * head_dim + 5)

    @classmethod
    def spelled(cls, arguments: Arguments) -> AttentionOp:
        query = arguments.floats("query", rank=2)
        keys, values = arguments.cache("keys"), arguments.cache("values")
        if shape_of(values) != shape_of(keys):
            message = f"values are {shown(values.type)}, keys {shown(keys.type)}"
            raise arguments.wrong("values", message, "both caches need the same shape")
        batch, heads, _, head_dim = shape_of(keys)
        if shape_of(query)[0] != batch or shape_of(query)[1] % (heads * head_dim):
            message = f"query is {shown(query.type)}, keys are {shown(keys.type)}"
            help = f"a query is [{batch}, heads * {head_dim}], heads a multiple of {heads}"
            raise arguments.wrong("query", message, help)
        scale = arguments.number("scale") if "scale" in arguments else head_dim**-0.5
        return cls(query, keys, values, arguments.indices("position", rank=0), scale)

    def tile_rule(self) -> Without:
        return Without("it becomes three stages, each with a rule of its own")

    def shard(self, view: ShardView) -> Sharded:
        """Every socket attends with its query heads to their KV heads."""
        heads = Heads(self.heads, shape_of(self.keys)[1], view.sockets)
        queries, caches = heads.query_placement(shape_of(self.keys)[3]), heads.kv_placement(1)
        for number in (1, 2):
            view.require_free(number, "the cache")
        remarks = view.padding(heads.kv, heads.padded_kv, "KV heads")
        remarks += view.padding(heads.queries, heads.padded_queries, "query heads")
        return Sharded((queries, caches, caches, REPLICATED), queries, remarks)

    def wants(self, result: Placement | None, sockets: int) -> Sequence[Placement | None]:
        heads = Heads(self.heads, shape_of(self.keys)[1], sockets)
        return heads.query_placement(shape_of(self.keys)[3]), None, None, None


_INSIDE = Without("it stands inside stages alone, where nn.attention has been cut up")


class AttentionTileOp(ComputeOp, ABC):
    """A part of attention; the base of them all: models, sockets and fusions know the whole alone."""

    SPELLING: ClassVar = _INSIDE
    FUSION: ClassVar = _INSIDE

    def shard(self, view: ShardView) -> Without:
        """Sockets split the whole attention."""
        return _INSIDE


@irdl_op_definition
class AttentionScoresOp(AttentionTileOp):
    """The scores of a tile of keys: query `[B, H * D]`, keys `[B, G, T, D]`, result `[B, H, T]` f32."""

    name = "nn.attention_scores"

    NUMPY: ClassVar = ".backends.numerics:attention_scores"

    query = operand_def(TensorType[AnyFloat])
    keys = operand_def(TensorType[AnyFloat])
    scale = prop_def(FloatAttr.constr(f64))
    result = result_def(TensorType[AnyFloat])

    traits = traits_def(Pure())
    assembly_format = "$query `,` $keys `scale` $scale attr-dict `:` functional-type(operands, results)"

    def __init__(self, query: SSAValue, keys: SSAValue, scale: FloatAttr, result_type: Attribute):
        super().__init__(operands=[query, keys], result_types=[result_type], properties={"scale": scale})

    def verify_shapes(self) -> None:
        query, keys, result = shape_of(self.query), shape_of(self.keys), shape_of(self.result)
        expect(len(keys) == 4, f"keys are {keys}; they take [batch, kv_heads, tile, head_dim]")
        expect(
            len(query) == 2 and query[1] % (keys[1] * keys[3]) == 0, f"query {query} does not fit keys {keys}"
        )
        wanted = (keys[0], query[1] // keys[3], keys[2])
        expect(result == wanted, f"result is {result}, should be {wanted}")

    def flops(self) -> int:
        return 2 * prod(shape_of(self.result)) * shape_of(self.keys)[3]

    def tile_rule(self) -> TileRule:
        return TileRule((None, 2), 2)


@irdl_op_definition
class AttentionSoftmaxOp(AttentionTileOp):
    """Softmax over the last dimension of `[B, H, context]`, positions after `position` masked out."""

    name = "nn.attention_softmax"

    NUMPY: ClassVar = ".backends.numerics:attention_softmax"

    scores = operand_def(TensorType[AnyFloat])
    position = operand_def(TensorType[IntegerType])
    """Scalar: the last position that counts."""
    result = result_def(TensorType[AnyFloat])

    traits = traits_def(Pure())
    assembly_format = "$scores `,` $position attr-dict `:` functional-type(operands, results)"

    def __init__(self, scores: SSAValue, position: SSAValue):
        super().__init__(operands=[scores, position], result_types=[scores.type])

    def verify_shapes(self) -> None:
        expect(shape_of(self.position) == (), "attention_softmax takes one position, a scalar")
        expect(self.result.type == self.scores.type, "attention_softmax keeps the type of the scores")

    def flops(self) -> int:
        return 5 * prod(shape_of(self.scores))

    def tile_rule(self) -> Without:
        return Without("its sum is over the whole context")


@irdl_op_definition
class AttentionValuesOp(AttentionTileOp):
    """Add a tile's weighted values to an accumulator.

    Probabilities `[B, H, T]`, values `[B, G, T, D]`, accumulator and result `[B, H * D]` f64; positions are
    added one by one in order, so that the sum does not depend on the tile.
    """

    name = "nn.attention_values"

    NUMPY: ClassVar = ".backends.numerics:attention_values"

    probabilities = operand_def(TensorType[AnyFloat])
    values = operand_def(TensorType[AnyFloat])
    accumulator = operand_def(TensorType[AnyFloat])
    result = result_def(TensorType[AnyFloat])

    traits = traits_def(Pure())
    assembly_format = (
        "$probabilities `,` $values `,` $accumulator attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, probabilities: SSAValue, values: SSAValue, accumulator: SSAValue):
        super().__init__(operands=[probabilities, values, accumulator], result_types=[accumulator.type])

    def verify_shapes(self) -> None:
        probabilities, values = shape_of(self.probabilities), shape_of(self.values)
        expect(len(values) == 4, f"values are {values}; they take [batch, kv_heads, tile, head_dim]")
        fits = (
            len(probabilities) == 3
            and probabilities[0] == values[0]
            and probabilities[1] % values[1] == 0
            and probabilities[2] == values[2]
        )
        expect(fits, f"probabilities {probabilities} do not fit values {values}")
        wanted = (values[0], probabilities[1] * values[3])
        expect(shape_of(self.result) == wanted, f"result is {shape_of(self.result)}, not {wanted}")
        expect(self.result.type == self.accumulator.type, "the accumulator keeps its type")

    def flops(self) -> int:
        return 2 * prod(shape_of(self.probabilities)) * shape_of(self.values)[3]

    def tile_rule(self) -> TileRule:
        return TileRule((2, 2, None), None)


ATTENTION_OPERATIONS = (AttentionOp, AttentionScoresOp, AttentionSoftmaxOp, AttentionValuesOp)
"""Those of `nn` in this file."""
