"""The `nn` operations on the elements of a tensor and numbers of the text, which are attributes."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from xdsl.dialects.builtin import FloatAttr, f64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def

from .nn_elementwise import ElementwiseOp
from .nn_functions import ACTIVATION
from .operation import Fusion, Without
from .rules import RULES, Rule
from .rules.elementwise import of_numbers
from .spelling import Arguments, Spelling
from .tensors import FLOAT_TENSOR


class ScalarOp(ElementwiseOp, ABC):
    """An elementwise operation on a tensor and a number, computed in f64 and rounded once."""

    x = operand_def(FLOAT_TENSOR)
    number = prop_def(FloatAttr.constr(f64))

    SPELLING: ClassVar = Without("a sign between a tensor and a number stands for it")
    FUSION: ClassVar = Fusion("elementwise")

    @classmethod
    def rule(cls) -> Rule:
        return RULES.get(cls.name) or of_numbers("number", flops=cls.FLOPS)

    assembly_format = "$x `,` $number attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, number: float):
        properties = {"number": FloatAttr(number, f64)}
        super().__init__(operands=[x], result_types=[x.type], properties=properties)


@irdl_op_definition
class AddScalarOp(ScalarOp):
    """A number added to every element: `x + 1.0`; `x - 1.0` adds the negative one."""

    name = "nn.add_scalar"

    NUMPY: ClassVar = ".backends.elements:add_scalar"


@irdl_op_definition
class MulScalarOp(ScalarOp):
    """Every element times a number: `x * 0.5`; `-x` is that of -1."""

    name = "nn.mul_scalar"

    NUMPY: ClassVar = ".backends.elements:mul_scalar"
    OF_ZEROS: ClassVar = "zeros"


@irdl_op_definition
class DivScalarOp(ScalarOp):
    """Every element divided by a number: `x / 3.0`."""

    name = "nn.div_scalar"

    NUMPY: ClassVar = ".backends.elements:div_scalar"
    OF_ZEROS: ClassVar = "zeros"


@irdl_op_definition
class RsubScalarOp(ScalarOp):
    """A number less every element: `1.0 - x`."""

    name = "nn.rsub_scalar"

    NUMPY: ClassVar = ".backends.elements:rsub_scalar"


@irdl_op_definition
class RdivScalarOp(ScalarOp):
    """A number divided by every element: `1.0 / x`."""

    name = "nn.rdiv_scalar"

    NUMPY: ClassVar = ".backends.elements:rdiv_scalar"
    OF_ZEROS: ClassVar = "poles"
    OF_NUMBERS: ClassVar = "poles"


@irdl_op_definition
class ClampOp(ElementwiseOp):
    """Every element, but at least `low` and at most `high`.

    `%y = nn.clamp %x from -7.0 to 7.0 : (tensor<1x64xbf16>) -> tensor<1x64xbf16>`
    """

    name = "nn.clamp"

    NUMPY: ClassVar = ".backends.elements:clamp"
    SPELLING: ClassVar = Spelling("clamp", ("x", "low", "high"))
    FUSION: ClassVar = ACTIVATION

    x = operand_def(FLOAT_TENSOR)
    low = prop_def(FloatAttr.constr(f64))
    high = prop_def(FloatAttr.constr(f64))

    assembly_format = "$x `from` $low `to` $high attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, low: float, high: float):
        properties = {"low": FloatAttr(low, f64), "high": FloatAttr(high, f64)}
        super().__init__(operands=[x], result_types=[x.type], properties=properties)

    @classmethod
    def spelled(cls, arguments: Arguments) -> ClampOp:
        x, low, high = arguments.floats("x"), arguments.number("low"), arguments.number("high")
        if low > high:
            raise arguments.wrong("high", f"high is {high}, low is {low}", "give the smaller one first")
        return cls(x, low, high)


SCALAR_OPERATIONS = (AddScalarOp, MulScalarOp, DivScalarOp, RsubScalarOp, RdivScalarOp, ClampOp)
"""Those of `nn` in this file."""
