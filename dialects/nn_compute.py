"""The `nn` operations on rows: embedding, norm, matrix product."""

from __future__ import annotations

from abc import ABC
from dataclasses import replace
from math import prod
from typing import ClassVar

from xdsl.dialects.builtin import AnyFloat, FloatAttr, IntegerAttr, IntegerType, TensorType, UnitAttr, f64
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
from xdsl.traits import Pure
from xdsl.utils.exceptions import ParseError

from .operation import ComputeOp, Fusion, TileRule, Without
from .sharding import PARTIAL, REPLICATED, Sharded, ShardView, Split
from .spelling import LEFT, RIGHT, TRANSPOSED, Arguments, Spelling, extents
from .tensors import element_type_of, expect, shape_of


class TableLookupOp(ComputeOp, ABC):
    """Rows of a table `[V, H]` by ids: `[B]` give `[B, H]`, a scalar `[H]`; the base of the embeddings."""

    ids = operand_def(TensorType[IntegerType])
    table = operand_def(TensorType[AnyFloat])
    result = result_def(TensorType[AnyFloat])

    traits = traits_def(Pure())
    assembly_format = "$ids `,` $table attr-dict `:` functional-type(operands, results)"

    def __init__(self, ids: SSAValue, table: SSAValue):
        result = TensorType(element_type_of(table), [*shape_of(ids), shape_of(table)[1]])
        super().__init__(operands=[ids, table], result_types=[result])

    @property
    def padded_rows(self) -> IntegerAttr | None:
        """Rows of the whole table where sockets have parts of it with zeros behind them; else None."""
        return None

    def table_rows(self, sockets: int) -> int:
        """Rows of the whole table, of which each of the sockets may have a part."""
        return shape_of(self.table)[0]

    def verify_shapes(self) -> None:
        ids, table, result = shape_of(self.ids), shape_of(self.table), shape_of(self.result)
        expect(len(ids) < 2, f"ids are {ids}; embedding takes one dimension, [batch], or a scalar")
        expect(len(table) == 2, f"table is {table}; embedding takes [rows, hidden]")
        expect(result == (*ids, table[1]), f"result is {result}, should be {(*ids, table[1])}")

    def flops(self) -> int:
        return 0

    def tile_rule(self) -> Without:
        """It is an indexed read of memory."""
        return Without("it is no stage: its rows are read from memory by their index")


@irdl_op_definition
class EmbeddingOp(TableLookupOp):
    """Rows of a table: ids `[B]` and a table `[V, H]` give `[B, H]`, a scalar id gives one row, `[H]`."""

    name = "nn.embedding"

    NUMPY: ClassVar = ".backends.numerics:embedding"
    SPELLING: ClassVar = Spelling("[]", ("table", "ids"))
    FUSION: ClassVar = Fusion("lookup")

    @classmethod
    def spelled(cls, arguments: Arguments) -> EmbeddingOp:
        return cls(arguments.index("ids"), arguments.floats("table", rank=2))

    def shard(self, view: ShardView) -> Sharded:
        """Every socket has some rows of the table and gives zeros for the others.

        The table of a scalar id, that of learned positions, is small and whole on every socket.
        """
        view.require_free(1, "the table")
        if not shape_of(self.ids):
            return view.whole()
        placement, remarks = view.padded(0, shape_of(self.table)[0], "rows of the table")
        return Sharded((REPLICATED, placement), PARTIAL, remarks)


@irdl_op_definition
class RMSNormOp(ComputeOp):
    """Root-mean-square norm over the last dimension: `x / sqrt(mean(x^2) + eps) * weight`."""

    name = "nn.rms_norm"

    NUMPY: ClassVar = ".backends.numerics:rms_norm"
    SPELLING: ClassVar = Spelling("rms_norm", ("x", "gain", "eps"))
    FUSION: ClassVar = Fusion("norm", "norm")

    x = operand_def(TensorType[AnyFloat])
    weight = operand_def(TensorType[AnyFloat])
    """`[H]`, H the last dimension of x."""
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

    @classmethod
    def spelled(cls, arguments: Arguments) -> RMSNormOp:
        x = arguments.floats("x")
        return cls(x, arguments.gain("gain", x), arguments.eps())

    def tile_rule(self) -> Without:
        return Without("its mean is over whole rows")

    def shard(self, view: ShardView) -> Sharded:
        return view.whole()


@irdl_op_definition
class MatmulOp(ComputeOp):
    """Matrix product: `[M, K] x [K, N] -> [M, N]`, accumulated wide and rounded once.

    `transposed` says that the right side lies as `[N, K]`, as the embedding that a tied head reads does.
    """

    name = "nn.matmul"

    NUMPY: ClassVar = ".backends.numerics:matmul"
    SPELLING: ClassVar = Spelling("@", (LEFT, RIGHT))
    FUSION: ClassVar = Fusion("projection")

    lhs = operand_def(TensorType[AnyFloat])
    rhs = operand_def(TensorType[AnyFloat])
    transposed = opt_prop_def(UnitAttr)
    """The right side has a row for each column of the result."""
    result = result_def(TensorType[AnyFloat])

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)"

    def __init__(
        self, lhs: SSAValue, rhs: SSAValue, result_type: Attribute | None = None, *, transposed: bool = False
    ):
        if result_type is None:
            columns = shape_of(rhs)[0 if transposed else 1]
            result_type = TensorType(element_type_of(lhs), [shape_of(lhs)[0], columns])
        properties = {"transposed": UnitAttr() if transposed else None}
        super().__init__(operands=[lhs, rhs], result_types=[result_type], properties=properties)

    @property
    def _columns_axis(self) -> int:
        """The axis of the right side that becomes the columns of the result."""
        return 1 if self.transposed is None else 0

    def verify_shapes(self) -> None:
        lhs, rhs, result = shape_of(self.lhs), shape_of(self.rhs), shape_of(self.result)
        expect(len(lhs) == len(rhs) == 2, f"matmul takes two matrices, got {lhs} and {rhs}")
        columns, way = self._columns_axis, "" if self.transposed is None else " transposed"
        expect(lhs[1] == rhs[1 - columns], f"inner extents differ: {lhs} x {rhs}{way}")
        expect(result == (lhs[0], rhs[columns]), f"result is {result}, should be {(lhs[0], rhs[columns])}")

    def flops(self) -> int:
        rows, inner = shape_of(self.lhs)
        return 2 * rows * inner * shape_of(self.result)[1]

    @classmethod
    def spelled(cls, arguments: Arguments) -> MatmulOp:
        """Of two matrices; the result has the element type of the left one."""
        lhs, rhs = arguments.floats(LEFT, rank=2), arguments.floats(RIGHT, rank=2)
        transposed = TRANSPOSED in arguments
        columns = 0 if transposed else 1
        if shape_of(lhs)[1] != shape_of(rhs)[1 - columns]:
            raise _inner_extents_differ(arguments, lhs, rhs, columns)
        return cls(lhs, rhs, transposed=transposed)

    def tile_rule(self) -> TileRule:
        return TileRule((None, self._columns_axis), 1)

    def shard(self, view: ShardView) -> Sharded:
        """A split inner extent gives summands, else the columns of the weight are split."""
        rows, columns = view.operands[0], self._columns_axis
        view.require_free(1, "the right-hand side of the product")
        if isinstance(rows, Split) and (rows.axis, rows.parts) == (1, view.sockets):
            return Sharded((rows, replace(rows, axis=1 - columns)), PARTIAL)
        placement, remarks = view.wanted, ()
        if placement is None:
            placement, remarks = view.padded(1, shape_of(self.result)[1], "columns of the product")
        weight = replace(placement, axis=columns) if isinstance(placement, Split) else placement
        return Sharded((REPLICATED, weight), placement, remarks)


def _inner_extents_differ(arguments: Arguments, lhs: SSAValue, rhs: SSAValue, columns: int) -> ParseError:
    if columns == 0:
        help = "transposed(…) has one column for each column of the left side"
        message = f"inner extents differ: {extents(lhs)} @ transposed {extents(rhs)}"
        return arguments.refused(message, help)
    help = "the right side has one row for each column of the left side"
    if shape_of(lhs)[1] == shape_of(rhs)[1]:
        help += "; a weight that is stored as [out, in] is declared [in, out] from transposed"
    return arguments.refused(f"inner extents differ: {extents(lhs)} @ {extents(rhs)}", help)


ROW_OPERATIONS = (EmbeddingOp, RMSNormOp, MatmulOp)
"""Those of `nn` in this file."""
