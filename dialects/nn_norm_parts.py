"""The parts of `nn.rms_norm` of rows that are split over sockets, which add up their squares in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import FloatAttr, IntegerAttr, TensorType, f64, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, traits_def, var_operand_def
from xdsl.traits import Pure

from .operation import ComputeOp, Fusion, TileRule, Without
from .sharding import PARTIAL, REPLICATED, Sharded, ShardView, shifted
from .tensors import FLOAT_TENSOR, shape_of

_PART = Without("it is a part of nn.rms_norm of rows that are split over the sockets")


@irdl_op_definition
class SquareSumOp(ComputeOp):
    """The sum of the squares of each row: `[…, N]` gives `[…, 1]` in f64.

    `%s = nn.square_sum %x : (tensor<1x64xbf16>) -> tensor<1x1xf64>`
    """

    name = "nn.square_sum"

    NUMPY: ClassVar = ".backends.norms:square_sum"
    SPELLING: ClassVar = _PART
    FUSION: ClassVar = Fusion("norm")

    x = operand_def(FLOAT_TENSOR)
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$x attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue):
        super().__init__(operands=[x], result_types=[TensorType(f64, [*shape_of(x)[:-1], 1])])

    def tile_rule(self) -> Without:
        return Without("its sum is over whole rows")

    def shard(self, view: ShardView) -> Sharded:
        """Every socket adds up what it has of a row."""
        return Sharded(view.operands, PARTIAL)


@irdl_op_definition
class RMSScaleOp(ComputeOp):
    """A row scaled by the mean of `count` squares: `x / sqrt(square_sum / count + eps) * gain`.

    `%y = nn.rms_scale %x, %s, %gain eps 1.0e-05 count 256 : (tensor<1x64xbf16>, tensor<1x1xf64>, …) -> …`
    """

    name = "nn.rms_scale"

    NUMPY: ClassVar = ".backends.norms:rms_scale"
    SPELLING: ClassVar = _PART
    FUSION: ClassVar = Fusion("elementwise", "norm")

    x = operand_def(FLOAT_TENSOR)
    square_sum = operand_def(FLOAT_TENSOR)
    parameters = var_operand_def(FLOAT_TENSOR)
    """At most one, the gain `[N]`."""
    eps = prop_def(FloatAttr.constr(f64))
    count = prop_def(IntegerAttr.constr(i64))
    """Elements whose squares have been added up; those of parts that several sockets have count for each."""
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())
    assembly_format = (
        "$x `,` $square_sum (`,` $parameters^)? `eps` $eps `count` $count attr-dict "
        "`:` functional-type(operands, results)"
    )

    def __init__(
        self, x: SSAValue, square_sum: SSAValue, parameters: Sequence[SSAValue], eps: FloatAttr, count: int
    ):
        super().__init__(
            operands=[x, square_sum, parameters],
            result_types=[x.type],
            properties={"eps": eps, "count": IntegerAttr(count, i64)},
        )

    def tile_rule(self) -> TileRule:
        last = len(shape_of(self.x)) - 1
        return TileRule((last, None, *(0 for _ in self.parameters)), last)

    def shard(self, view: ShardView) -> Sharded:
        """The gain lies as x does."""
        x = view.operands[0]
        gain = shifted(x, 1 - len(shape_of(self.x)))
        return Sharded((x, REPLICATED, *(gain for _ in self.parameters)), x)


NORM_PARTS = (SquareSumOp, RMSScaleOp)
"""Those of `nn` in this file."""
