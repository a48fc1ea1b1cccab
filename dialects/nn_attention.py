"""Attention over a KV cache, whole; `nn_attention_tiles.py` has what it is cut up into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import (
    FloatAttr,
    IntegerAttr,
    IntegerType,
    TensorType,
    UnitAttr,
    f64,
    i64,
)
from xdsl.ir import SSAValue
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
from xdsl.traits import MemoryReadEffect

from .attention_options import (
    OPTIONS,
    MaskedOp,
    Options,
)
from .operation import Fusion, Without
from .sharding import REPLICATED, Heads, Placement, Sharded, ShardView, shifted
from .spelling import Arguments, Spelling, shown
from .tensors import FLOAT_MEMREF, FLOAT_TENSOR, element_type_of, shape_of


@irdl_op_definition
class AttentionOp(MaskedOp):
    """Attention of one token over the positions of a KV cache up to and including `position`.

    Query `[B, heads * head_dim]`, keys `[B, kv_heads, context, head_dim]`, values alike, of a `head_dim` of
    their own, result `[B, heads * that]`; query heads share KV heads in groups. With `value_dim` the values
    are the first columns of each head of their cache, which may be that of the keys: latent attention.
    Scores are scaled by `scale` and capped, rounded to f32, their softmax to f32, and the weighted sum of
    values once to the result type. Sinks and slopes are `[heads]`.
    """

    name = "nn.attention"

    NUMPY: ClassVar = ".backends.numerics_attention:attention"
    SPELLING: ClassVar = Spelling(
        "attention", ("query", "keys", "values", "position"), ("scale", *OPTIONS, "value_dim")
    )
    FUSION: ClassVar = Fusion("attention")

    query = operand_def(FLOAT_TENSOR)
    keys = operand_def(FLOAT_MEMREF)
    values = operand_def(FLOAT_MEMREF)
    position = operand_def(TensorType[IntegerType])
    """Scalar: the last position that counts; what lies behind it is masked."""
    by_head = var_operand_def(FLOAT_TENSOR)
    """The sinks, then the slopes, as far as they are given."""
    scale = prop_def(FloatAttr.constr(f64))
    """Factor on the scores, usually head_dim^-1/2."""
    softcap = opt_prop_def(FloatAttr.constr(f64))
    """A score s becomes softcap * tanh(s / softcap); absent: it stays."""
    value_dim = opt_prop_def(IntegerAttr.constr(i64))
    """Columns of each head of the values' cache that are values, the first ones; absent: all are."""
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(MemoryReadEffect())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$query `,` $keys `,` $values `,` $position (`,` $by_head^)? `scale` $scale attr-dict `:` "
        "functional-type(operands, results)"
    )

    def __init__(
        self,
        query: SSAValue,
        keys: SSAValue,
        values: SSAValue,
        position: SSAValue,
        scale: float,
        options: Options | None = None,
        *,
        ring: bool = False,
        value_dim: int | None = None,
    ):
        options = options or Options()
        own = {
            "scale": FloatAttr(scale, f64),
            "ring": UnitAttr() if ring else None,
            "value_dim": None if value_dim is None else IntegerAttr(value_dim, i64),
        }
        operands = [query, keys, values, position, options.by_head]
        batch, columns = shape_of(query)
        heads, head = columns // shape_of(keys)[3], value_dim or shape_of(values)[3]
        result = TensorType(element_type_of(query), [batch, heads * head])
        super().__init__(operands=operands, result_types=[result], properties=own | options.properties)

    @property
    def heads(self) -> int:
        """Number of query heads."""
        return shape_of(self.query)[1] // shape_of(self.keys)[3]

    @property
    def value_head(self) -> int:
        """Elements of a head of the result."""
        return shape_of(self.values)[3] if self.value_dim is None else self.value_dim.value.data

    @classmethod
    def spelled(cls, arguments: Arguments) -> AttentionOp:
        query = arguments.floats("query", rank=2)
        keys, values = arguments.cache("keys"), arguments.cache("values")
        if shape_of(values)[:3] != shape_of(keys)[:3]:
            message = f"values are {shown(values.type)}, keys {shown(keys.type)}"
            help = "both caches need the same shape, but for the size of a head"
            raise arguments.wrong("values", message, help)
        batch, heads, _, head_dim = shape_of(keys)
        if shape_of(query)[0] != batch or shape_of(query)[1] % (heads * head_dim):
            message = f"query is {shown(query.type)}, keys are {shown(keys.type)}"
            help = f"a query is [{batch}, heads * {head_dim}], heads a multiple of {heads}"
            raise arguments.wrong("query", message, help)
        ring, query_heads = arguments.same_ring("keys", "values"), shape_of(query)[1] // head_dim
        options = Options.spelled(arguments, query_heads, shape_of(keys)[2] if ring else None)
        scale, position = arguments.number("scale", head_dim**-0.5), arguments.indices("position", rank=0)
        value_dim = arguments.whole("value_dim") if "value_dim" in arguments else None
        if value_dim is not None and value_dim > shape_of(values)[3]:
            message = f"value_dim is {value_dim}, a head of the values has {shape_of(values)[3]} columns"
            raise arguments.wrong("value_dim", message, "values are the first columns of each head")
        return cls(query, keys, values, position, scale, options, ring=ring, value_dim=value_dim)

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
        by_head = [shifted(heads.query_placement(1), -1)] * len(self.by_head)
        result = heads.query_placement(self.value_head)
        return Sharded((queries, caches, caches, REPLICATED, *by_head), result, remarks)

    def wants(self, result: Placement | None, sockets: int) -> Sequence[Placement | None]:
        heads = Heads(self.heads, shape_of(self.keys)[1], sockets)
        by_head = [shifted(heads.query_placement(1), -1)] * len(self.by_head)
        return heads.query_placement(shape_of(self.keys)[3]), None, None, None, *by_head
