"""The `nn` operations of attention: rotary embedding, KV cache, attention whole and by tiles."""

from __future__ import annotations

from math import prod

from xdsl.dialects.builtin import (
    AnyFloat,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    MemRefType,
    TensorType,
    f64,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import (
    MemoryReadEffect,
    MemoryWriteEffect,
    Pure,
)

from .tensors import ComputeOp, element_type_of, expect, shape_of


@irdl_op_definition
class RopeOp(ComputeOp):
    """Rotary position embedding of `[B, heads * head_dim]` at one position, halves rotated.

    The angle of pair j is `position * theta^(-2j / head_dim)`. With `scaling_factor` the frequencies are
    stretched as Llama 3.1 does it: wavelengths below `original_context / high_frequency_factor` not at all,
    above `original_context / low_frequency_factor` by the whole factor, blended between.
    """

    name = "nn.rope"

    x = operand_def(TensorType[AnyFloat])
    position = operand_def(TensorType[IntegerType])
    """scalar: index of the token in its sequence"""
    head_dim = prop_def(IntegerAttr.constr(i64))
    theta = prop_def(FloatAttr.constr(f64))
    scaling_factor = opt_prop_def(FloatAttr.constr(f64))
    low_frequency_factor = opt_prop_def(FloatAttr.constr(f64))
    high_frequency_factor = opt_prop_def(FloatAttr.constr(f64))
    original_context = opt_prop_def(IntegerAttr.constr(i64))
    result = result_def(TensorType[AnyFloat])

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x `,` $position attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        x: SSAValue,
        position: SSAValue,
        head_dim: int,
        theta: float,
        scaling: tuple[float, float, float, int] | None = None,
    ):
        properties: dict[str, Attribute] = {
            "head_dim": IntegerAttr(head_dim, i64),
            "theta": FloatAttr(theta, f64),
        }
        if scaling is not None:
            factor, low, high, original = scaling
            properties |= {
                "scaling_factor": FloatAttr(factor, f64),
                "low_frequency_factor": FloatAttr(low, f64),
                "high_frequency_factor": FloatAttr(high, f64),
                "original_context": IntegerAttr(original, i64),
            }
        super().__init__(operands=[x, position], result_types=[x.type], properties=properties)

    def verify_shapes(self) -> None:
        x, head_dim = shape_of(self.x), self.head_dim.value.data
        expect(shape_of(self.position) == (), "rope takes one position, a scalar tensor<i32>")
        expect(len(x) == 2, f"rope takes [batch, heads * head_dim], got {x}")
        expect(head_dim > 0 and head_dim % 2 == 0, f"head_dim is {head_dim}; rope needs an even one")
        expect(x[1] % head_dim == 0, f"extent {x[1]} is no multiple of head_dim {head_dim}")
        expect(self.result.type == self.x.type, "rope keeps the type of x")
        given = [self.scaling_factor, self.low_frequency_factor, self.high_frequency_factor]
        present = {entry is not None for entry in (*given, self.original_context)}
        expect(len(present) == 1, "give all four of the scaling attributes or none")
        low, high = self.low_frequency_factor, self.high_frequency_factor
        if low is not None and high is not None:
            expect(
                low.value.data < high.value.data,
                f"low_frequency_factor {low.value.data} is not below high_frequency_factor {high.value.data}",
            )

    def flops(self) -> int:
        return 6 * prod(shape_of(self.x))


@irdl_op_definition
class CacheAppendOp(ComputeOp):
    """Write `[B, kv_heads * head_dim]` into a cache `[B, kv_heads, context, head_dim]` at a position."""

    name = "nn.cache_append"

    cache = operand_def(MemRefType[AnyFloat])
    x = operand_def(TensorType[AnyFloat])
    position = operand_def(TensorType[IntegerType])
    """scalar: index in the context dimension"""

    traits = traits_def(MemoryWriteEffect())
    assembly_format = (
        "$cache `[` $position `]` `,` $x attr-dict `:` type($cache) `,` type($position) `,` type($x)"
    )

    def __init__(self, cache: SSAValue, x: SSAValue, position: SSAValue):
        super().__init__(operands=[cache, x, position])

    def verify_shapes(self) -> None:
        cache, x = shape_of(self.cache), shape_of(self.x)
        expect(shape_of(self.position) == (), "cache_append takes one position, a scalar tensor<i32>")
        expect(len(cache) == 4, f"cache is {cache}; it takes [batch, kv_heads, context, head_dim]")
        wanted = (cache[0], cache[1] * cache[3])
        expect(x == wanted, f"x is {x}, the cache takes {wanted}")
        same = element_type_of(self.cache) == element_type_of(self.x)
        expect(same, f"x is a {self.x.type}, the cache a {self.cache.type}")

    def flops(self) -> int:
        return 0


@irdl_op_definition
class AttentionOp(ComputeOp):
    """Attention of one token over a KV cache up to and including `position`.

    Query `[B, heads * head_dim]`, caches `[B, kv_heads, context, head_dim]`, result like the query; query
    heads share KV heads in groups. Scores are scaled by `scale`, rounded to f32, their softmax to f32, and
    the weighted sum of values once to the result type.
    """

    name = "nn.attention"

    query = operand_def(TensorType[AnyFloat])
    keys = operand_def(MemRefType[AnyFloat])
    values = operand_def(MemRefType[AnyFloat])
    position = operand_def(TensorType[IntegerType])
    """scalar: the last position that is read"""
    scale = prop_def(FloatAttr.constr(f64))
    """factor on the scores, usually head_dim^-1/2"""
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


@irdl_op_definition
class AttentionScoresOp(ComputeOp):
    """The scores of a tile of keys: query `[B, H * D]`, keys `[B, G, T, D]`, result `[B, H, T]` f32."""

    name = "nn.attention_scores"

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


@irdl_op_definition
class AttentionSoftmaxOp(ComputeOp):
    """Softmax over the last dimension of `[B, H, context]`, positions after `position` masked out."""

    name = "nn.attention_softmax"

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


@irdl_op_definition
class AttentionValuesOp(ComputeOp):
    """Add a tile's weighted values to an accumulator.

    Probabilities `[B, H, T]`, values `[B, G, T, D]`, accumulator and result `[B, H * D]` f64; positions are
    added one by one in order, so that the sum does not depend on the tile.
    """

    name = "nn.attention_values"

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
