"""The `nn` operations that need a whole row: softmax, and its sum."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def, traits_def
from xdsl.traits import Pure

from .operation import ComputeOp, Fusion, TileRule, Without
from .sharding import REPLICATED, Placement, Sharded, ShardView
from .spelling import Arguments, Spelling
from .tensors import FLOAT_TENSOR, element_type_of, shape_of

SHORT_ROW = 512
"""Columns of a product that every socket computes by itself, where its rows are needed whole.

Assumed: no router has more experts, and a weight of so many columns is read in the time of an exchange, about
2 us.
"""


def wanted_row(x: SSAValue) -> Placement | None:
    """How rows ought to lie that are needed whole: so from the beginning where they are short."""
    return REPLICATED if shape_of(x)[1] <= SHORT_ROW else None


class RowOp(ComputeOp, ABC):
    """An operation on the rows of a matrix `[B, N]`, which every socket has whole."""

    FUSION: ClassVar = Fusion("routing")

    x = operand_def(FLOAT_TENSOR)
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$x attr-dict `:` functional-type(operands, results)"

    def tile_rule(self) -> TileRule | Without:
        return Without("it works on whole rows")

    def shard(self, view: ShardView) -> Sharded:
        return view.whole()

    def wants(self, result: Placement | None, sockets: int) -> Sequence[Placement | None]:
        return (wanted_row(self.x),)


@irdl_op_definition
class SoftmaxOp(RowOp):
    """Softmax of each row: `exp(x - max) / sum(exp(x - max))`, computed wide and rounded once.

    `%p = nn.softmax %x : (tensor<2x8xf32>) -> tensor<2x8xf32>`. A row with a NaN or with positive infinity,
    and one of negative infinities alone, gives NaNs.
    """

    name = "nn.softmax"

    NUMPY: ClassVar = ".backends.numerics_routing:softmax"
    SPELLING: ClassVar = Spelling("softmax", ("x",))

    def __init__(self, x: SSAValue):
        super().__init__(operands=[x], result_types=[x.type])

    @classmethod
    def spelled(cls, arguments: Arguments) -> SoftmaxOp:
        return cls(arguments.floats("x", rank=2))


@irdl_op_definition
class SumOp(RowOp):
    """The sum of each row, added up wide from the left and rounded once: `[B, N]` gives `[B, 1]`.

    `%s = nn.sum %x : (tensor<2x8xf32>) -> tensor<2x1xf32>`; the signs `+ - * /` repeat it over `[B, N]`.
    """

    name = "nn.sum"

    NUMPY: ClassVar = ".backends.numerics_routing:sum"
    SPELLING: ClassVar = Spelling("sum", ("x",))

    def __init__(self, x: SSAValue):
        result = TensorType(element_type_of(x), [shape_of(x)[0], 1])
        super().__init__(operands=[x], result_types=[result])

    @classmethod
    def spelled(cls, arguments: Arguments) -> SumOp:
        return cls(arguments.floats("x", rank=2))


WHOLE_ROW_OPERATIONS = (SoftmaxOp, SumOp)
"""Those of `nn` in this file."""
