"""The `nn` dialect: what one step of a transformer computes, with static shapes and no hardware.

**Invariants.** Every value is a `tensor` of static shape; state that outlives a step (KV caches) is a
`memref`, read and written in place. Every operation has a numpy meaning (`backends/interpreter`) and a
count of floating-point operations (`flops`). Tensors round where the result type says so, and nowhere else.

A module holds weights and states (`nn.weight`, `nn.state`), one public `func.func` (the step) and private
`func.func`s (layer bodies) that the step calls with `nn.call`. Weights of all layers are stacked in one
symbol with a leading layer dimension; `nn.call @decoder[3](…)` hands slice 3 of every operand that has one
leading dimension more than the callee's parameter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod

from xdsl.dialects.builtin import (
    AnyFloat,
    FlatSymbolRefAttr,
    FlatSymbolRefAttrConstr,
    FloatAttr,
    FunctionType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    TensorType,
    UnitAttr,
    f64,
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
    var_operand_def,
    var_result_def,
)
from xdsl.traits import (
    MemoryReadEffect,
    MemoryWriteEffect,
    Pure,
    SymbolOpInterface,
    SymbolTable,
    SymbolUserOpInterface,
)
from xdsl.utils.exceptions import VerifyException

ShapedType = TensorType[Attribute] | MemRefType[Attribute]


def shape_of(value: SSAValue | Attribute) -> tuple[int, ...]:
    """The shape of a tensor or memref, given as a value or as its type."""
    type_ = value.type if isinstance(value, SSAValue) else value
    assert isinstance(type_, TensorType | MemRefType), f"{type_} has a shape by the op's definition"
    return type_.get_shape()


def element_type_of(value: SSAValue | Attribute) -> Attribute:
    """The element type of a tensor or memref, given as a value or as its type."""
    type_ = value.type if isinstance(value, SSAValue) else value
    assert isinstance(type_, TensorType | MemRefType), f"{type_} has elements by the op's definition"
    return type_.get_element_type()


def size_bytes_of(value: SSAValue | Attribute) -> int:
    """Bytes of a tensor or memref, packed."""
    element = element_type_of(value)
    assert isinstance(element, AnyFloat | IntegerType), f"{element} has a fixed width"
    return prod(shape_of(value)) * element.bitwidth // 8


def expect(condition: bool, message: str) -> None:
    """Raises: VerifyException with `message` unless `condition` holds."""
    if not condition:
        raise VerifyException(message)


def _require_static(op: Operation) -> None:
    for value in (*op.operands, *op.results):
        if isinstance(value.type, TensorType | MemRefType):
            expect(value.type.has_static_shape(), f"{op.name} needs static shapes, got {value.type}")


class ComputeOp(IRDLOperation, ABC):
    """An operation with a numpy meaning: it verifies its shapes and counts its work."""

    @abstractmethod
    def flops(self) -> int:
        """Floating-point operations: a multiply-add counts two, anything else one per element."""

    def verify_(self) -> None:
        _require_static(self)
        self.verify_shapes()

    def verify_shapes(self) -> None:
        """Raises: VerifyException where the operand and result types do not fit together."""


# Symbols: weights and states.


@irdl_op_definition
class WeightOp(IRDLOperation):
    """A constant tensor that the step reads, optionally with its name in a checkpoint.

    `nn.weight @decoder.wq : tensor<32x4096x4096xbf16> from "model.layers.{layer}.self_attn.q_proj.weight"`
    """

    name = "nn.weight"

    sym_name = prop_def(SymbolNameConstraint())
    type = prop_def(TensorType[Attribute])
    checkpoint = opt_prop_def(StringAttr)
    """name in a checkpoint; `{layer}` is the leading index"""
    transposed = opt_prop_def(UnitAttr)
    """the checkpoint holds the last two dimensions swapped"""
    stacked = opt_prop_def(UnitAttr)
    """the leading dimension counts layers"""

    traits = traits_def(SymbolOpInterface())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$sym_name `:` $type (`from` $checkpoint^)? attr-dict"

    def __init__(
        self,
        sym_name: str,
        type: TensorType[Attribute],
        checkpoint: str | None = None,
        *,
        transposed: bool = False,
        stacked: bool = False,
    ):
        super().__init__(
            properties={
                "sym_name": StringAttr(sym_name),
                "type": type,
                "checkpoint": StringAttr(checkpoint) if checkpoint is not None else None,
                "transposed": UnitAttr() if transposed else None,
                "stacked": UnitAttr() if stacked else None,
            }
        )


@irdl_op_definition
class StateOp(IRDLOperation):
    """Memory that outlives a step and starts as zeros: a KV cache.

    `nn.state @decoder.keys : memref<32x1x8x4096x128xbf16>`
    """

    name = "nn.state"

    sym_name = prop_def(SymbolNameConstraint())
    type = prop_def(MemRefType[Attribute])
    stacked = opt_prop_def(UnitAttr)
    """the leading dimension counts layers"""

    traits = traits_def(SymbolOpInterface())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$sym_name `:` $type attr-dict"

    def __init__(self, sym_name: str, type: MemRefType[Attribute], *, stacked: bool = False):
        properties: dict[str, Attribute | None] = {"sym_name": StringAttr(sym_name), "type": type}
        properties["stacked"] = UnitAttr() if stacked else None
        super().__init__(properties=properties)


class _GlobalExists(SymbolUserOpInterface):
    def verify(self, op: Operation) -> None:
        assert isinstance(op, GetGlobalOp)
        target = SymbolTable.lookup_symbol(op, op.global_name)
        expect(
            isinstance(target, WeightOp | StateOp),
            f"{op.global_name} is no weight or state of this module",
        )
        assert isinstance(target, WeightOp | StateOp)
        expect(
            target.type == op.result.type,
            f"{op.global_name} is a {target.type}, not a {op.result.type}",
        )


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


# Calls of layer bodies.


def slice_type(stack: Attribute) -> Attribute:
    """The type of one slice of a stack: the same tensor or memref without its leading dimension."""
    match stack:
        case TensorType():
            return TensorType(stack.get_element_type(), stack.get_shape()[1:])
        case MemRefType():
            return MemRefType(stack.get_element_type(), stack.get_shape()[1:])
        case _:
            raise VerifyException(f"{stack} has no slices")


def verify_call_signature(
    operand_types: Sequence[Attribute],
    result_types: Sequence[Attribute],
    index: int | None,
    callee: str,
    signature: FunctionType,
) -> None:
    """Check a call against the callee's signature; an operand may be a stack, sliced at `index`.

    Raises: VerifyException naming the callee and the operand that does not fit.
    """
    expected = signature.inputs.data
    expect(
        len(operand_types) == len(expected),
        f"@{callee} takes {len(expected)} operands, the call has {len(operand_types)}",
    )
    for number, (given, wanted) in enumerate(zip(operand_types, expected, strict=True)):
        if given == wanted:
            continue
        fits = (
            isinstance(given, TensorType | MemRefType)
            and given.get_num_dims() > 0
            and slice_type(given) == wanted
        )
        expect(fits, f"operand {number} of the call of @{callee} is a {given}, not a {wanted}")
        expect(
            index is not None,
            f"operand {number} of the call of @{callee} is a stack of {wanted}; give the slice: @{callee}[0]",
        )
        length = shape_of(given)[0]
        assert index is not None
        expect(
            0 <= index < length,
            f"slice {index} of operand {number} of the call of @{callee} is outside the stack of {length}",
        )
    expect(
        tuple(result_types) == signature.outputs.data,
        f"@{callee} returns {', '.join(map(str, signature.outputs.data)) or 'nothing'}, "
        f"the call {', '.join(map(str, result_types)) or 'nothing'}",
    )


class _CalleeFits(SymbolUserOpInterface):
    def verify(self, op: Operation) -> None:
        assert isinstance(op, CallOp)
        callee = SymbolTable.lookup_symbol(op, op.callee)
        name = op.callee.root_reference.data
        expect(isinstance(callee, FuncOp), f"@{name} is no function of this module")
        assert isinstance(callee, FuncOp)
        index = op.index.value.data if op.index is not None else None
        verify_call_signature(op.arguments.types, op.result_types, index, name, callee.function_type)


@irdl_op_definition
class CallOp(IRDLOperation):
    """A layer of the step: `%y = nn.call @decoder[3](%x, %position, %wq) : (…) -> tensor<…>`.

    With an index, every operand that has one leading dimension more than the callee's parameter is
    sliced there.
    """

    name = "nn.call"

    callee = prop_def(FlatSymbolRefAttrConstr)
    index = opt_prop_def(IntegerAttr.constr(i64))
    """slice of the stacked operands"""
    arguments = var_operand_def()
    res = var_result_def()

    traits = traits_def(_CalleeFits())
    assembly_format = (
        "$callee (`[` $index^ `]`)? `(` $arguments `)` attr-dict `:` functional-type($arguments, $res)"
    )

    def __init__(
        self,
        callee: str | FlatSymbolRefAttr,
        arguments: Sequence[SSAValue],
        result_types: Sequence[Attribute],
        index: int | None = None,
    ):
        if isinstance(callee, str):
            callee = SymbolRefAttr(callee)
        super().__init__(
            operands=[arguments],
            result_types=[result_types],
            properties={
                "callee": callee,
                "index": IntegerAttr(index, i64) if index is not None else None,
            },
        )


# Computation.


@irdl_op_definition
class EmbeddingOp(ComputeOp):
    """Rows of a table: ids `[B]` and a table `[V, H]` give `[B, H]`."""

    name = "nn.embedding"

    ids = operand_def(TensorType[IntegerType])
    table = operand_def(TensorType[AnyFloat])
    result = result_def(TensorType[AnyFloat])

    traits = traits_def(Pure())
    assembly_format = "$ids `,` $table attr-dict `:` functional-type(operands, results)"

    def __init__(self, ids: SSAValue, table: SSAValue):
        (batch,), (_, hidden) = shape_of(ids), shape_of(table)
        result = TensorType(element_type_of(table), [batch, hidden])
        super().__init__(operands=[ids, table], result_types=[result])

    def verify_shapes(self) -> None:
        ids, table, result = shape_of(self.ids), shape_of(self.table), shape_of(self.result)
        expect(len(ids) == 1, f"ids are {ids}; embedding takes one dimension, [batch]")
        expect(len(table) == 2, f"table is {table}; embedding takes [vocabulary, hidden]")
        expect(result == (*ids, table[1]), f"result is {result}, should be {(*ids, table[1])}")

    def flops(self) -> int:
        return 0


@irdl_op_definition
class RMSNormOp(ComputeOp):
    """Root-mean-square norm over the last dimension: `x / sqrt(mean(x^2) + eps) * weight`."""

    name = "nn.rms_norm"

    x = operand_def(TensorType[AnyFloat])
    weight = operand_def(TensorType[AnyFloat])
    """`[H]`, H the last dimension of x"""
    eps = prop_def(FloatAttr.constr(f64))
    result = result_def(TensorType[AnyFloat])

    traits = traits_def(Pure())
    assembly_format = "$x `,` $weight `eps` $eps attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, weight: SSAValue, eps: float):
        super().__init__(operands=[x, weight], result_types=[x.type], properties={"eps": FloatAttr(eps, f64)})

    def verify_shapes(self) -> None:
        x, weight = shape_of(self.x), shape_of(self.weight)
        expect(weight == x[-1:], f"norm weight is {weight}; the last dimension of x is {x[-1:]}")
        expect(shape_of(self.result) == x, f"result is {shape_of(self.result)}, x is {x}")

    def flops(self) -> int:
        return 4 * prod(shape_of(self.x))


@irdl_op_definition
class MatmulOp(ComputeOp):
    """Matrix product: `[M, K] x [K, N] -> [M, N]`, accumulated wide and rounded once."""

    name = "nn.matmul"

    lhs = operand_def(TensorType[AnyFloat])
    rhs = operand_def(TensorType[AnyFloat])
    result = result_def(TensorType[AnyFloat])

    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)"

    def __init__(self, lhs: SSAValue, rhs: SSAValue, result_type: Attribute | None = None):
        if result_type is None:
            result_type = TensorType(element_type_of(lhs), [shape_of(lhs)[0], shape_of(rhs)[1]])
        super().__init__(operands=[lhs, rhs], result_types=[result_type])

    def verify_shapes(self) -> None:
        lhs, rhs, result = shape_of(self.lhs), shape_of(self.rhs), shape_of(self.result)
        expect(len(lhs) == len(rhs) == 2, f"matmul takes two matrices, got {lhs} and {rhs}")
        expect(lhs[1] == rhs[0], f"inner extents differ: {lhs} x {rhs}")
        expect(result == (lhs[0], rhs[1]), f"result is {result}, should be {(lhs[0], rhs[1])}")

    def flops(self) -> int:
        rows, inner = shape_of(self.lhs)
        return 2 * rows * inner * shape_of(self.rhs)[1]


@irdl_op_definition
class RopeOp(ComputeOp):
    """Rotary position embedding of `[B, heads * head_dim]` at one position, halves rotated.

    The angle of pair j is `position * theta^(-2j / head_dim)`. With `scaling_factor` the frequencies are
    stretched as Llama 3.1 does it: below `original_context / low_frequency_factor` wavelengths not at all,
    above `original_context / high_frequency_factor` by the whole factor, blended between.
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


class BinaryOp(ComputeOp, ABC):
    """An elementwise operation on two tensors of one type."""

    lhs = operand_def(TensorType[AnyFloat])
    rhs = operand_def(TensorType[AnyFloat])
    result = result_def(TensorType[AnyFloat])

    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)"

    def __init__(self, lhs: SSAValue, rhs: SSAValue, result_type: Attribute | None = None):
        super().__init__(operands=[lhs, rhs], result_types=[result_type or lhs.type])

    def verify_shapes(self) -> None:
        lhs, rhs, result = shape_of(self.lhs), shape_of(self.rhs), shape_of(self.result)
        expect(lhs == rhs == result, f"shapes differ: {lhs}, {rhs} -> {result}")

    def flops(self) -> int:
        return prod(shape_of(self.result))


@irdl_op_definition
class AddOp(BinaryOp):
    """Elementwise sum, rounded once."""

    name = "nn.add"


@irdl_op_definition
class MulOp(BinaryOp):
    """Elementwise product, rounded once."""

    name = "nn.mul"


class UnaryOp(ComputeOp, ABC):
    """An elementwise operation on one tensor; the result may have another element type."""

    x = operand_def(TensorType[AnyFloat])
    result = result_def(TensorType[AnyFloat])

    traits = traits_def(Pure())
    assembly_format = "$x attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, result_type: Attribute | None = None):
        super().__init__(operands=[x], result_types=[result_type or x.type])

    def verify_shapes(self) -> None:
        x, result = shape_of(self.x), shape_of(self.result)
        expect(x == result, f"shapes differ: {x} -> {result}")

    def flops(self) -> int:
        return prod(shape_of(self.result))


@irdl_op_definition
class SiluOp(UnaryOp):
    """Sigmoid-weighted linear unit: `x / (1 + exp(-x))`."""

    name = "nn.silu"

    def flops(self) -> int:
        return 4 * prod(shape_of(self.result))


@irdl_op_definition
class GeluOp(UnaryOp):
    """Gaussian error linear unit in its tanh form."""

    name = "nn.gelu"

    def flops(self) -> int:
        return 8 * prod(shape_of(self.result))


@irdl_op_definition
class CastOp(UnaryOp):
    """Conversion between float types, rounding to nearest even."""

    name = "nn.cast"


@irdl_op_definition
class ArgmaxOp(ComputeOp):
    """Index of the largest element of the last dimension, the first of equals: `[B, V] -> [B]`."""

    name = "nn.argmax"

    x = operand_def(TensorType[AnyFloat])
    result = result_def(TensorType[IntegerType])

    traits = traits_def(Pure())
    assembly_format = "$x attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, result_type: Attribute | None = None):
        if result_type is None:
            result_type = TensorType(IntegerType(32), shape_of(x)[:-1])
        super().__init__(operands=[x], result_types=[result_type])

    def verify_shapes(self) -> None:
        x, result = shape_of(self.x), shape_of(self.result)
        expect(len(x) == 2, f"argmax takes [batch, vocabulary], got {x}")
        expect(result == x[:-1], f"result is {result}, should be {x[:-1]}")

    def flops(self) -> int:
        return prod(shape_of(self.x))


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
        EmbeddingOp,
        RMSNormOp,
        MatmulOp,
        RopeOp,
        CacheAppendOp,
        AttentionOp,
        AttentionScoresOp,
        AttentionSoftmaxOp,
        AttentionValuesOp,
        AddOp,
        MulOp,
        SiluOp,
        GeluOp,
        CastOp,
        ArgmaxOp,
        ObserveOp,
    ],
)
