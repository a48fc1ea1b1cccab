"""The `nn` operations on rows: embedding, matrix product."""

from __future__ import annotations

from abc import ABC
from dataclasses import replace
from typing import ClassVar

from xdsl.dialects.builtin import AnyFloat, IntegerType, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def, traits_def
from xdsl.traits import Pure

from .operation import SPLIT_ALREADY, ComputeOp, Fusion, Instead, TileRule, Without
from .sharding import PARTIAL, REPLICATED, Placement, Sharded, ShardView, Split, split, zeros_in
from .spelling import LEFT, RIGHT, Arguments, Spelling, extents
from .tensors import element_type_of, expect, shape_of


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

    def tile_rule(self) -> Without:
        """It is an indexed read of memory."""
        return Without("it is no stage: its rows are read from memory by their index")


@irdl_op_definition
class ShardedEmbeddingOp(TableLookupOp):
    """Rows of a table whose rows are split over the sockets: zeros where another socket has the row.

    `%p = collective.sharded_embedding %ids, %table : (tensor<1xi32>, tensor<16032x4096xbf16>) -> …`; the sum
    over the sockets is the embedding.
    """

    name = "collective.sharded_embedding"

    NUMPY: ClassVar = ".backends.collectives:sharded_embedding"
    ACROSS_SOCKETS: ClassVar[bool] = True
    SPELLING: ClassVar = SPLIT_ALREADY
    FUSION: ClassVar = Fusion("lookup", "embedding")

    def shard(self, view: ShardView) -> Sharded:
        view.require_free(1, "the table")
        view.require_even(shape_of(self.table)[0], view.sockets, "rows of the table")
        return Sharded((REPLICATED, Split(0, view.sockets)), PARTIAL)


@irdl_op_definition
class EmbeddingOp(TableLookupOp):
    """Rows of a table: ids `[B]` and a table `[V, H]` give `[B, H]`."""

    name = "nn.embedding"

    NUMPY: ClassVar = ".backends.numerics:embedding"
    SPELLING: ClassVar = Spelling("[]", ("table", "ids"))
    FUSION: ClassVar = Fusion("lookup")

    @classmethod
    def spelled(cls, arguments: Arguments) -> EmbeddingOp:
        return cls(arguments.indices("ids", rank=1), arguments.floats("table", rank=2))

    def shard(self, view: ShardView) -> Instead:
        """Every socket has some rows of the table and gives zeros for the others."""
        return Instead((ShardedEmbeddingOp(self.ids, self.table),))


@irdl_op_definition
class MatmulOp(ComputeOp):
    """Matrix product: `[M, K] x [K, N] -> [M, N]`, accumulated wide and rounded once."""

    name = "nn.matmul"

    NUMPY: ClassVar = ".backends.numerics:matmul"
    SPELLING: ClassVar = Spelling("@", (LEFT, RIGHT))
    FUSION: ClassVar = Fusion("projection")

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

    @classmethod
    def spelled(cls, arguments: Arguments) -> MatmulOp:
        """Of two matrices; the result has the element type of the left one."""
        lhs, rhs = arguments.floats(LEFT, rank=2), arguments.floats(RIGHT, rank=2)
        if shape_of(lhs)[1] != shape_of(rhs)[0]:
            help = "the right side has one row for each column of the left side"
            if shape_of(lhs)[1] == shape_of(rhs)[1]:
                help += "; a weight that is stored as [out, in] is declared [in, out] from transposed"
            raise arguments.refused(f"inner extents differ: {extents(lhs)} @ {extents(rhs)}", help)
        return cls(lhs, rhs)

    def tile_rule(self) -> TileRule:
        return TileRule((None, 1), 1)

    def shard(self, view: ShardView) -> Sharded:
        """A split inner extent gives summands, else the columns of the weight are split."""
        rows = view.operands[0]
        view.require_free(1, "the right-hand side of the product")
        if isinstance(rows, Split) and (rows.axis, rows.parts) == (1, view.sockets):
            return Sharded((rows, replace(rows, axis=0)), PARTIAL)
        if view.wanted is not None:
            return Sharded((REPLICATED, view.wanted), zeros_in(view.wanted))
        columns = shape_of(self.result)[1]
        zeros = -columns % view.sockets
        placement: Placement = split(1, view.sockets, (columns, zeros) if zeros else ())
        remarks = view.padding(columns, columns + zeros, "columns of the product")
        return Sharded((REPLICATED, placement), zeros_in(placement), remarks)


ROW_OPERATIONS = (EmbeddingOp, MatmulOp)
"""Those of `nn` in this file."""
