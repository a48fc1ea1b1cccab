"""The `nn` operations on the way to a KV cache: rotary embedding, and the append."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar

from xdsl.dialects.builtin import (
    AnyFloat,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    MemRefType,
    TensorType,
    UnitAttr,
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
from xdsl.traits import MemoryWriteEffect, Pure

from .operation import ComputeOp, Fusion, TileRule, Without
from .sharding import REPLICATED, Heads, Placement, Sharded, ShardView, Split, uneven
from .spelling import Arguments, Spelling, conversion, shown
from .tensors import element_type_of, expect, shape_of

_SCALING = ("factor", "low", "high", "original_context")


@irdl_op_definition
class RopeOp(ComputeOp):
    """Rotary position embedding of `[B, heads * head_dim]` at one position, halves rotated.

    The angle of pair j is `position * theta^(-2j / head_dim)`. With `scaling_factor` the frequencies are
    stretched as Llama 3.1 does it: wavelengths below `original_context / high_frequency_factor` not at all,
    above `original_context / low_frequency_factor` by the whole factor, blended between.
    """

    name = "nn.rope"

    NUMPY: ClassVar = ".backends.numerics:rope"
    SPELLING: ClassVar = Spelling("rope", ("x", "position", "head_dim", "theta"), _SCALING)
    FUSION: ClassVar = Fusion("rotation")

    x = operand_def(TensorType[AnyFloat])
    position = operand_def(TensorType[IntegerType])
    """Scalar: index of the token in its sequence."""
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

    @classmethod
    def spelled(cls, arguments: Arguments) -> RopeOp:
        x, position = arguments.floats("x", rank=2), arguments.indices("position", rank=0)
        head_dim, theta = arguments.whole("head_dim"), arguments.positive("theta")
        if head_dim % 2:
            message = f"head_dim is {head_dim}, rope needs an even one"
            raise arguments.wrong("head_dim", message)
        if shape_of(x)[1] % head_dim:
            message = f"x is {shown(x.type)}, its rows are no multiple of head_dim {head_dim}"
            raise arguments.wrong("x", message, "rope takes [batch, heads * head_dim]")
        return cls(x, position, head_dim, theta, _scaling(arguments))

    def tile_rule(self) -> TileRule:
        """Whole heads at a time."""
        return TileRule((1, None), 1, self.head_dim.value.data)

    def shard(self, view: ShardView) -> Sharded:
        """Whole heads rotate anywhere."""
        placement = view.operands[0]
        if isinstance(placement, Split):
            extent, head = shape_of(self.x)[1], self.head_dim.value.data
            if any(run % head for run in (placement.extent(extent), *placement.runs)):
                raise uneven(extent // head, placement.parts, "heads")
        return Sharded((placement, REPLICATED), placement)

    def wants(self, result: Placement | None, sockets: int) -> Sequence[Placement | None]:
        return result, None


def _scaling(arguments: Arguments) -> tuple[float, float, float, int] | None:
    """The frequency scaling of Llama 3.1: all four arguments or none of them."""
    missing = [name for name in _SCALING if name not in arguments]
    if len(missing) == len(_SCALING):
        return None
    if missing:
        message = f"rope is scaled without {', '.join(missing)}"
        raise arguments.refused(message, f"give all of {', '.join(_SCALING)} or none")
    factor, low, high = (arguments.positive(name) for name in _SCALING[:3])
    if low >= high:
        raise arguments.wrong("low", f"low is {low}, it must be below high, {high}")
    return factor, low, high, arguments.whole("original_context")


@irdl_op_definition
class CacheAppendOp(ComputeOp):
    """Write `[B, kv_heads * head_dim]` into a cache `[B, kv_heads, context, head_dim]` at a position."""

    name = "nn.cache_append"

    NUMPY: ClassVar = ".backends.numerics_attention:cache_append"
    SPELLING: ClassVar = Spelling("append", ("cache", "x", "position"))
    FUSION: ClassVar = Fusion("append", "append")

    cache = operand_def(MemRefType[AnyFloat])
    x = operand_def(TensorType[AnyFloat])
    position = operand_def(TensorType[IntegerType])
    """Scalar: index in the context dimension."""

    ring = opt_prop_def(UnitAttr)
    """The position is taken modulo the context, so that the cache holds the last `context` positions."""

    traits = traits_def(MemoryWriteEffect())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$cache `[` $position `]` `,` $x attr-dict `:` type($cache) `,` type($position) `,` type($x)"
    )

    def __init__(self, cache: SSAValue, x: SSAValue, position: SSAValue, *, ring: bool = False):
        properties = {"ring": UnitAttr() if ring else None}
        super().__init__(operands=[cache, x, position], properties=properties)

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

    @classmethod
    def spelled(cls, arguments: Arguments) -> CacheAppendOp:
        cache, x = arguments.cache("cache"), arguments.floats("x", rank=2)
        batch, heads, _, head_dim = shape_of(cache)
        wanted = TensorType(element_type_of(cache), [batch, heads * head_dim])
        if x.type != wanted:
            message = f"x is {shown(x.type)}, this cache takes {shown(wanted)}"
            shapes = "a cache [batch, kv_heads, context, head_dim] takes [batch, kv_heads * head_dim]"
            raise arguments.wrong("x", message, conversion(x.type, wanted) or shapes)
        return cls(cache, x, arguments.indices("position", rank=0), ring=arguments.is_ring("cache"))

    def tile_rule(self) -> Without:
        return Without("it is no stage: it writes to memory")

    def _heads(self, sockets: int) -> Heads:
        """Nothing is said of queries."""
        heads = shape_of(self.cache)[1]
        return Heads(heads, heads, sockets)

    def shard(self, view: ShardView) -> Sharded:
        """A cache is split by KV heads, and so is what is written to it."""
        view.require_free(0, "the cache")
        heads = self._heads(view.sockets)
        row = heads.kv_placement(shape_of(self.cache)[3])
        return Sharded((heads.kv_placement(1), row, REPLICATED))

    def wants(self, result: Placement | None, sockets: int) -> Sequence[Placement | None]:
        return None, self._heads(sockets).kv_placement(shape_of(self.cache)[3]), None


CACHE_OPERATIONS = (RopeOp, CacheAppendOp)
"""Those of `nn` in this file."""
