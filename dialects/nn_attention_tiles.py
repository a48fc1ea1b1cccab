"""Attention by tiles of its caches, as it is cut up where a kernel becomes a network."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import FloatAttr, IntegerAttr, IntegerType, TensorType, f64, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import Pure

from .attention_options import MaskedOp
from .operation import ComputeOp, TileRule, Without
from .sharding import ShardView
from .tensors import FLOAT_TENSOR

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

    NUMPY: ClassVar = ".backends.numerics_attention:attention_scores"

    query = operand_def(FLOAT_TENSOR)
    keys = operand_def(FLOAT_TENSOR)
    scale = prop_def(FloatAttr.constr(f64))
    softcap = opt_prop_def(FloatAttr.constr(f64))
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$query `,` $keys `scale` $scale attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        query: SSAValue,
        keys: SSAValue,
        scale: FloatAttr,
        result_type: Attribute,
        softcap: FloatAttr | None = None,
    ):
        properties: dict[str, Attribute | None] = {"scale": scale, "softcap": softcap}
        super().__init__(operands=[query, keys], result_types=[result_type], properties=properties)

    def tile_rule(self) -> TileRule:
        return TileRule((None, 2), 2)


@irdl_op_definition
class AttentionSoftmaxOp(AttentionTileOp, MaskedOp):
    """Softmax over the slots of `[B, H, context]` that count at a position; the others are masked out."""

    name = "nn.attention_softmax"

    NUMPY: ClassVar = ".backends.numerics_attention:attention_softmax"

    scores = operand_def(FLOAT_TENSOR)
    position = operand_def(TensorType[IntegerType])
    """Scalar: the last position that counts."""
    by_head = var_operand_def(FLOAT_TENSOR)
    """The sinks, then the slopes, as far as they are given: `[H]`."""
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$scores `,` $position (`,` $by_head^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, scores: SSAValue, position: SSAValue, by_head: Sequence[SSAValue], whole: MaskedOp):
        """`by_head` are the values here of those of the whole attention."""
        masks = {name: whole.properties.get(name) for name in ("window", "ring", "sinks", "slopes")}
        super().__init__(operands=[scores, position, by_head], result_types=[scores.type], properties=masks)

    def tile_rule(self) -> Without:
        return Without("its sum is over the whole context")


@irdl_op_definition
class AttentionValuesOp(AttentionTileOp):
    """Add a tile's weighted values to an accumulator.

    Probabilities `[B, H, T]`, values `[B, G, T, D]`, accumulator and result `[B, H * D]` f64, D being
    `value_dim` where that is given; positions are added one by one in order, so that the sum does not depend
    on the tile.
    """

    name = "nn.attention_values"

    NUMPY: ClassVar = ".backends.numerics_attention:attention_values"

    probabilities = operand_def(FLOAT_TENSOR)
    values = operand_def(FLOAT_TENSOR)
    accumulator = operand_def(FLOAT_TENSOR)
    value_dim = opt_prop_def(IntegerAttr.constr(i64))
    """Columns of each head of the values' cache that are values, the first ones; absent: all are."""
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$probabilities `,` $values `,` $accumulator attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        probabilities: SSAValue,
        values: SSAValue,
        accumulator: SSAValue,
        value_dim: IntegerAttr | None = None,
    ):
        operands, properties = [probabilities, values, accumulator], {"value_dim": value_dim}
        super().__init__(operands=operands, result_types=[accumulator.type], properties=properties)

    def tile_rule(self) -> TileRule:
        return TileRule((2, 2, None), None, adds_zeros=True)


ATTENTION_TILE_OPERATIONS = (AttentionScoresOp, AttentionSoftmaxOp, AttentionValuesOp)
"""Those of `nn` in this file."""
