"""The `nn` dialect: what one step of a transformer computes, with static shapes and no hardware.

**Invariants.** Every value is a `tensor` of static shape; state that outlives a step (KV caches) is a
`memref`, read and written in place. Every operation brings all that it means (`operation.py`): shapes, FLOPs,
numbers, rules. Tensors round where the result type says so, and nowhere else.

A module holds weights and states (`nn.weight`, `nn.state`), one public `func.func` (the step) and private
`func.func`s (layer bodies) that the step calls with `nn.call`. Weights of all layers are stacked in one
symbol with a leading layer dimension; `nn.call @decoder[3](…)` hands slice 3 of every operand that has one
leading dimension more than the callee's parameter.
"""

from __future__ import annotations

from xdsl.dialects.builtin import (
    FlatSymbolRefAttrConstr,
    IntegerAttr,
    MemRefType,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    TensorType,
    UnitAttr,
    i64,
)
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Dialect, Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import MemoryWriteEffect, Pure, SymbolOpInterface, SymbolUserOpInterface
from xdsl.utils.exceptions import VerifyException

from .nn_attention import AttentionOp as AttentionOp
from .nn_attention_tiles import ATTENTION_TILE_OPERATIONS
from .nn_attention_tiles import AttentionScoresOp as AttentionScoresOp
from .nn_attention_tiles import AttentionSoftmaxOp as AttentionSoftmaxOp
from .nn_attention_tiles import AttentionValuesOp as AttentionValuesOp
from .nn_cache import CACHE_OPERATIONS
from .nn_cache import CacheAppendOp as CacheAppendOp
from .nn_compute import ROW_OPERATIONS
from .nn_compute import EmbeddingOp as EmbeddingOp
from .nn_compute import MatmulOp as MatmulOp
from .nn_elementwise import ELEMENT_OPERATIONS
from .nn_elementwise import ArgmaxOp as ArgmaxOp
from .nn_elementwise import CastOp as CastOp
from .nn_experts import EXPERT_OPERATIONS
from .nn_experts import DistinctOp as DistinctOp
from .nn_experts import GatherSlicesOp as GatherSlicesOp
from .nn_functions import FUNCTION_OPERATIONS
from .nn_functions import GeluOp as GeluOp
from .nn_functions import SiluOp as SiluOp
from .nn_gates import GATE_OPERATIONS
from .nn_gates import ScaleOp as ScaleOp
from .nn_gates import SpreadOp as SpreadOp
from .nn_heads import HEAD_OPERATIONS
from .nn_heads import HeadMatmulOp as HeadMatmulOp
from .nn_norm_parts import NORM_PARTS
from .nn_norm_parts import RMSScaleOp as RMSScaleOp
from .nn_norm_parts import SquareSumOp as SquareSumOp
from .nn_norms import NORM_OPERATIONS
from .nn_norms import LayerNormOp as LayerNormOp
from .nn_norms import RMSNormOp as RMSNormOp
from .nn_rope import RopeOp as RopeOp
from .nn_routing import ROUTING_OPERATIONS
from .nn_routing import TakeOp as TakeOp
from .nn_routing import TopKOp as TopKOp
from .nn_rows import WHOLE_ROW_OPERATIONS
from .nn_rows import SoftmaxOp as SoftmaxOp
from .nn_rows import SumOp as SumOp
from .nn_sampling import SAMPLING_OPERATIONS
from .nn_sampling import SampleOp as SampleOp
from .nn_scalar import SCALAR_OPERATIONS
from .nn_scalar import AddScalarOp as AddScalarOp
from .nn_scalar import MulScalarOp as MulScalarOp
from .nn_signs import SIGN_OPERATIONS
from .nn_signs import AddOp as AddOp
from .nn_signs import MulOp as MulOp
from .nn_stored import STORED_OPERATIONS
from .nn_stored import DequantizeOp as DequantizeOp
from .nn_views import VIEW_OPERATIONS
from .nn_views import ConcatOp as ConcatOp
from .nn_views import SliceOp as SliceOp
from .nn_weight import StoredAttr as StoredAttr
from .nn_weight import WeightOp as WeightOp
from .rings import expect_ring_is_known
from .stored_formats import StoredPart
from .symbols import find_symbol
from .tensors import SlicedCallOp, expect, verify_call_signature
from .uses import uses_behind


@irdl_op_definition
class StateOp(IRDLOperation):
    """Memory that outlives a step and starts as zeros: a KV cache.

    `nn.state @decoder.keys : memref<32x1x8x4096x128xbf16>`. A ring, `… : memref<32x1x8x1024x128xbf16> ring`,
    holds position p in slot p mod 1024; whoever reads and appends by position must say so as well.
    """

    name = "nn.state"

    sym_name = prop_def(SymbolNameConstraint())
    type = prop_def(MemRefType[Attribute])
    ring = opt_prop_def(UnitAttr)
    """It holds the last positions, as many as its context has."""
    stacked = opt_prop_def(UnitAttr)
    """The leading dimension counts layers."""
    shard_parts = opt_prop_def(IntegerAttr.constr(i64))
    """All sockets together have so many of it, neighbours the same one where they are more; absent: one."""

    traits = traits_def(SymbolOpInterface())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$sym_name `:` $type (`ring` $ring^)? attr-dict"

    def __init__(
        self, sym_name: str, type: MemRefType[Attribute], *, stacked: bool = False, ring: bool = False
    ):
        properties: dict[str, Attribute | None] = {"sym_name": StringAttr(sym_name), "type": type}
        properties["stacked"] = UnitAttr() if stacked else None
        properties["ring"] = UnitAttr() if ring else None
        super().__init__(properties=properties)

    def verify_(self) -> None:
        fits = self.type.get_num_dims() - (self.stacked is not None) == 4
        what = f"a ring is [batch, kv_heads, context, head_dim], not {[*self.type.get_shape()]}"
        expect(self.ring is None or fits, what)
        parts = 1 if self.shard_parts is None else self.shard_parts.value.data
        expect(parts > 0, f"shard_parts is {parts}; it must be positive")


class _GlobalExists(SymbolUserOpInterface):
    def verify(self, op: Operation) -> None:
        assert isinstance(op, GetGlobalOp)
        target = find_symbol(op, op.global_name)
        if not isinstance(target, WeightOp | StateOp):
            raise VerifyException(f"{op.global_name} is no weight or state of this module")
        if target.type != op.result.type:
            raise VerifyException(f"{op.global_name} is a {target.type}, not a {op.result.type}")
        if isinstance(target, StateOp):
            expect_ring_is_known(op.result, str(op.global_name), is_ring=target.ring is not None)
        elif target.stored is not None:
            _expect_read_as_stored(op.result, target, target.stored.stored())


def _expect_read_as_stored(value: SSAValue, weight: WeightOp, stored: StoredPart) -> None:
    """Check all that widens a part of a weight of fewer bits.

    Raises: VerifyException where that takes other blocks, or codes of another format.
    """
    split = None if weight.shard_axis is None else weight.shard_axis.value.data - weight.type.get_num_dims()
    for use in uses_behind(value):
        if isinstance(reader := use.operation, DequantizeOp):
            fault = stored.fault(use.index, reader.format.data, reader.blocks, split)
            expect(not fault, f"@{weight.sym_name.data} {fault}")


@irdl_op_definition
class GetGlobalOp(IRDLOperation):
    """A weight or state of the module as a value: `%w = nn.get_global @decoder.wq : tensor<…>`."""

    name = "nn.get_global"

    global_name = prop_def(FlatSymbolRefAttrConstr)
    result = result_def(TensorType[Attribute] | MemRefType[Attribute])

    traits = traits_def(Pure(), _GlobalExists())
    assembly_format = "$global_name attr-dict `:` type($result)"

    def __init__(self, global_name: str | SymbolRefAttr, result_type: Attribute):
        if isinstance(global_name, str):
            global_name = SymbolRefAttr(global_name)
        super().__init__(properties={"global_name": global_name}, result_types=[result_type])


class _CalleeFits(SymbolUserOpInterface):
    def verify(self, op: Operation) -> None:
        assert isinstance(op, CallOp)
        callee = find_symbol(op, op.callee)
        name = op.callee.root_reference.data
        expect(isinstance(callee, FuncOp), f"@{name} is no function of this module")
        assert isinstance(callee, FuncOp)
        index = op.index.value.data if op.index is not None else None
        verify_call_signature(op.arguments.types, op.result_types, index, name, callee.function_type)


@irdl_op_definition
class CallOp(SlicedCallOp):
    """A layer of the step: `%y = nn.call @decoder[3](%x, %position, %wq) : (…) -> tensor<…>`.

    With an index, every operand that has one leading dimension more than the callee's parameter is
    sliced there.
    """

    name = "nn.call"

    traits = traits_def(_CalleeFits())


def is_layer(function: FuncOp) -> bool:
    """Whether a function is the body of layers: private, where the step is public."""
    return function.sym_visibility is not None and function.sym_visibility.data == "private"


@irdl_op_definition
class ObserveOp(IRDLOperation):
    """The host reads a value of the step under a name: `nn.observe %x as "hidden" : tensor<1x8xbf16>`.

    The step waits for the host there, so the calls before and after it stay apart.
    """

    name = "nn.observe"

    value = operand_def(TensorType[Attribute])
    label = prop_def(StringAttr)

    traits = traits_def(MemoryWriteEffect())
    assembly_format = "$value `as` $label attr-dict `:` type($value)"

    def __init__(self, value: SSAValue, label: str):
        super().__init__(operands=[value], properties={"label": StringAttr(label)})


NN = Dialect(
    "nn",
    [
        WeightOp,
        StateOp,
        GetGlobalOp,
        CallOp,
        *ROW_OPERATIONS,
        *NORM_OPERATIONS,
        *NORM_PARTS,
        RopeOp,
        *CACHE_OPERATIONS,
        AttentionOp,
        *ATTENTION_TILE_OPERATIONS,
        *SIGN_OPERATIONS,
        *SCALAR_OPERATIONS,
        *FUNCTION_OPERATIONS,
        *ELEMENT_OPERATIONS,
        *SAMPLING_OPERATIONS,
        *VIEW_OPERATIONS,
        *WHOLE_ROW_OPERATIONS,
        *ROUTING_OPERATIONS,
        *HEAD_OPERATIONS,
        *EXPERT_OPERATIONS,
        *STORED_OPERATIONS,
        *GATE_OPERATIONS,
        ObserveOp,
    ],
    [StoredAttr],
)
