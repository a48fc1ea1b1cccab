"""The `nn` operations that `nn.attention` is made of where a kernel becomes a network: it goes by tiles."""

from __future__ import annotations

from abc import ABC
from math import prod
from typing import ClassVar

from xdsl.dialects.builtin import AnyFloat, FloatAttr, IntegerType, TensorType, f64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from .operation import ComputeOp, TileRule, Without
from .sharding import ShardView
from .tensors import expect, shape_of

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
            len(query) == 2 and query[1] % (keys[1] * keys[3]) == 0,
            f"query {query} does not fit keys {keys}",
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
    """scalar: the last position that counts"""
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
