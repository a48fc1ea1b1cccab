"""The dialect `extra`: an elementwise operation with parameters, and a reduction over rows."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from xdsl.dialects.builtin import AnyFloat, FloatAttr, TensorType, f64
from xdsl.ir import Dialect, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure
from xdsl.universe import Universe

from kl.dialects.nn_elementwise import ElementwiseOp
from kl.dialects.operation import ComputeOp, Fusion, TileRule
from kl.dialects.sharding import Sharded, ShardView
from kl.dialects.spelling import Arguments, Spelling
from kl.dialects.tensors import expect, shape_of


@irdl_op_definition
class LimitOp(ElementwiseOp):
    """Every element, at least `low` and at most what `high` has for its column; the rules are the base's."""

    name = "extra.limit"

    x = operand_def(TensorType[AnyFloat])
    high = operand_def(TensorType[AnyFloat])
    low = prop_def(FloatAttr.constr(f64))

    NUMPY: ClassVar = "kl_extra.numbers:limit"
    SPELLING: ClassVar = Spelling("limit", ("x", "high"), optional=("low",))
    FUSION: ClassVar = Fusion("elementwise", "activation")

    assembly_format = "$x `,` $high `from` $low attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, high: SSAValue, low: float):
        super().__init__(operands=[x, high], result_types=[x.type], properties={"low": FloatAttr(low, f64)})

    @classmethod
    def spelled(cls, arguments: Arguments) -> LimitOp:
        x, low = arguments.floats("x"), arguments.number("low") if "low" in arguments else 0.0
        if low > 0:
            raise arguments.wrong("low", f"low is {low}", "it must not be above zero")
        return cls(x, arguments.gain("high", x), low)

    def verify_shapes(self) -> None:
        x, high = shape_of(self.x), shape_of(self.high)
        expect(self.x.type == self.result.type, f"limit keeps the type, {self.x.type}")
        expect(high == x[-1:], f"high is {high}, the last dimension of x is {x[-1:]}")

    def flops(self) -> int:
        return 2 * prod(shape_of(self.result))


@irdl_op_definition
class CentredNormOp(ComputeOp):
    """Norm over the last dimension: `(x - mean) / sqrt(variance + eps) * gain + bias`."""

    name = "extra.centred_norm"

    x = operand_def(TensorType[AnyFloat])
    gain = operand_def(TensorType[AnyFloat])
    bias = operand_def(TensorType[AnyFloat])
    eps = prop_def(FloatAttr.constr(f64))
    result = result_def(TensorType[AnyFloat])

    traits = traits_def(Pure())
    assembly_format = "$x `,` $gain `,` $bias `eps` $eps attr-dict `:` functional-type(operands, results)"

    NUMPY: ClassVar = "kl_extra.numbers:centred_norm"
    SPELLING: ClassVar = Spelling("centred_norm", ("x", "gain", "bias", "eps"))
    FUSION: ClassVar = Fusion("norm", "norm")

    def __init__(self, x: SSAValue, gain: SSAValue, bias: SSAValue, eps: float):
        properties = {"eps": FloatAttr(eps, f64)}
        super().__init__(operands=[x, gain, bias], result_types=[x.type], properties=properties)

    @classmethod
    def spelled(cls, arguments: Arguments) -> CentredNormOp:
        x = arguments.floats("x")
        return cls(x, arguments.gain("gain", x), arguments.gain("bias", x), arguments.eps())

    def verify_shapes(self) -> None:
        x = shape_of(self.x)
        expect(shape_of(self.gain) == shape_of(self.bias) == x[-1:], f"gain and bias are {x[-1:]}")
        expect(shape_of(self.result) == x, f"result is {shape_of(self.result)}, x is {x}")

    def flops(self) -> int:
        return 7 * prod(shape_of(self.x))

    def tile_rule(self) -> TileRule:
        """Row by row: its sums are over whole rows."""
        return TileRule((0, None, None), 0)

    def shard(self, view: ShardView) -> Sharded:
        """Every socket needs whole rows."""
        return view.whole()


EXTRA = Dialect("extra", [LimitOp, CentredNormOp])
UNIVERSE = Universe(all_dialects={"extra": lambda: EXTRA})
