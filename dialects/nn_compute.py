"""The `nn` operations on rows: embedding, matrix product."""

from __future__ import annotations

from abc import ABC
from dataclasses import replace
from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, IntegerType, TensorType, UnitAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import ParseError

from .operation import SPLIT_ALREADY, ComputeOp, Fusion, Instead, TileRule, Without
from .sharding import PARTIAL, REPLICATED, Placement, Sharded, ShardView, Split, zeros_in
from .spelling import LEFT, RIGHT, TRANSPOSED, Arguments, Spelling, extents
from .tensors import FLOAT_TENSOR, element_type_of, shape_of


class TableLookupOp(ComputeOp, ABC):
    """Rows of a table `[V, H]` by ids: `[B]` give `[B, H]`, a scalar `[H]`; the base of the embeddings."""

    ids = operand_def(TensorType[IntegerType])
    table = operand_def(FLOAT_TENSOR)
    result = result_def(FLOAT_TENSOR)

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

    rows = opt_prop_def(IntegerAttr.constr(i64))
    """Rows of the whole table, where the parts have zeros behind them; absent: all that the parts have."""

    irdl_options = (ParsePropInAttrDict(),)

    def __init__(self, ids: SSAValue, table: SSAValue, rows: int | None = None):
        super().__init__(ids, table)
        self.rows = None if rows is None else IntegerAttr(rows, i64)

    @property
    def padded_rows(self) -> IntegerAttr | None:
        return self.rows

    def table_rows(self, sockets: int) -> int:
        return self.rows.value.data if self.rows is not None else sockets * shape_of(self.table)[0]

    def shard(self, view: ShardView) -> Sharded:
        view.require_free(1, "the table")
        placement, remarks = view.padded(0, shape_of(self.table)[0], "rows of the table")
        return Sharded((REPLICATED, placement), PARTIAL, remarks)


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

    def shard(self, view: ShardView) -> Sharded | Instead:
        """Every socket has some rows of the table and gives zeros for the others.

        The table of a scalar id, that of learned positions, is small and whole on every socket.
        """
        view.require_free(1, "the table")
        if not shape_of(self.ids):
            return view.whole()
        rows = shape_of(self.table)[0]
        _, remarks = view.padded(0, rows, "rows of the table")
        return Instead((ShardedEmbeddingOp(self.ids, self.table, rows if remarks else None),))


@irdl_op_definition
class MatmulOp(ComputeOp):
    """Matrix product: `[M, K] x [K, N] -> [M, N]`, accumulated wide and rounded once.

    `transposed` says that the right side lies as `[N, K]`, as the embedding that a tied head reads does.
    """

    name = "nn.matmul"

    NUMPY: ClassVar = ".backends.numerics:matmul"
    SPELLING: ClassVar = Spelling("@", (LEFT, RIGHT))
    FUSION: ClassVar = Fusion("projection")

    lhs = operand_def(FLOAT_TENSOR)
    rhs = operand_def(FLOAT_TENSOR)
    transposed = opt_prop_def(UnitAttr)
    """The right side has a row for each column of the result."""
    result = result_def(FLOAT_TENSOR)

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
        if placement is None and (best := view.preferred.get(1)) is not None:
            placement = _of_columns(best, columns)
        if placement is None:
            placement, remarks = view.padded(1, shape_of(self.result)[1], "columns of the product")
        weight = replace(placement, axis=columns) if isinstance(placement, Split) else placement
        return Sharded((REPLICATED, weight), zeros_in(placement), remarks)


def _of_columns(weight: Placement, columns: int) -> Placement | None:
    """How a product lies whose weight lies so; None where it is not the columns that are split."""
    if not isinstance(weight, Split):
        return weight
    return replace(weight, axis=1) if weight.axis == columns else None


def _inner_extents_differ(arguments: Arguments, lhs: SSAValue, rhs: SSAValue, columns: int) -> ParseError:
    if columns == 0:
        help = "transposed(…) has one column for each column of the left side"
        message = f"inner extents differ: {extents(lhs)} @ transposed {extents(rhs)}"
        return arguments.refused(message, help)
    help = "the right side has one row for each column of the left side"
    if shape_of(lhs)[1] == shape_of(rhs)[1]:
        help += "; a weight that is stored as [out, in] is declared [in, out] from transposed"
    return arguments.refused(f"inner extents differ: {extents(lhs)} @ {extents(rhs)}", help)


ROW_OPERATIONS = (EmbeddingOp, MatmulOp)
"""Those of `nn` in this file."""
