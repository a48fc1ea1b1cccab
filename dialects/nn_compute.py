"""The `nn` operations on tensors: embedding, norm, matrix product, elementwise work, argmax."""

from __future__ import annotations

from abc import ABC
from math import prod

from xdsl.dialects.builtin import (
    AnyFloat,
    FloatAttr,
    IntegerType,
    TensorType,
    f64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import (
    Pure,
)

from .tensors import ComputeOp, element_type_of, expect, shape_of


class TableLookupOp(ComputeOp, ABC):
    """Rows of a table `[V, H]` by ids `[B]`, `[B, H]`; the base of the embeddings, whole and split."""

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
        expect(len(table) == 2, f"table is {table}; embedding takes [rows, hidden]")
        expect(result == (*ids, table[1]), f"result is {result}, should be {(*ids, table[1])}")

    def flops(self) -> int:
        return 0


@irdl_op_definition
class EmbeddingOp(TableLookupOp):
    """Rows of a table: ids `[B]` and a table `[V, H]` give `[B, H]`."""

    name = "nn.embedding"


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
