"""The `nn` operation that writes to a KV cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import (
    Float8E4M3FNType,
    IntegerType,
    TensorType,
    UnitAttr,
)
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    traits_def,
)
from xdsl.traits import MemoryWriteEffect

from .nn_elementwise import CastOp
from .operation import ComputeOp, Fusion, Without
from .sharding import REPLICATED, Heads, Placement, Sharded, ShardView
from .spelling import Arguments, Spelling, conversion, shown
from .tensors import FLOAT_MEMREF, FLOAT_TENSOR, element_type_of, shape_of


@irdl_op_definition
class CacheAppendOp(ComputeOp):
    """Write `[B, kv_heads * head_dim]` into a cache `[B, kv_heads, context, head_dim]` at a position.

    A model that appends to a cache of 8 bits casts what it writes, to nearest even and at most 448.
    """

    name = "nn.cache_append"

    NUMPY: ClassVar = ".backends.numerics_attention:cache_append"
    SPELLING: ClassVar = Spelling("append", ("cache", "x", "position"))
    FUSION: ClassVar = Fusion("append", "append")

    cache = operand_def(FLOAT_MEMREF)
    x = operand_def(FLOAT_TENSOR)
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

    @classmethod
    def spelled(cls, arguments: Arguments) -> Operation:
        return cls.spelled_all(arguments)[-1]

    @classmethod
    def spelled_all(cls, arguments: Arguments) -> Sequence[Operation]:
        """What is written to a cache of 8 bits is rounded first; other types are not converted unasked."""
        cache, x = arguments.cache("cache"), arguments.floats("x", rank=2)
        if element_type_of(cache) == Float8E4M3FNType():
            narrow = CastOp(x, TensorType(element_type_of(cache), shape_of(x)))
            narrow.result.name_hint = x.name_hint
            return narrow, cls._written(arguments, cache, narrow.result)
        return (cls._written(arguments, cache, x),)

    @classmethod
    def _written(cls, arguments: Arguments, cache: SSAValue, x: SSAValue) -> CacheAppendOp:
        """Raises: ParseError unless what is written fits the cache."""
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


CACHE_OPERATIONS = (CacheAppendOp,)
"""Those of `nn` in this file."""
