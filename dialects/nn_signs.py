"""The `nn` operations on the elements of two tensors, or of a tensor and a number: the signs `+ - * /`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition

from .nn_elementwise import BinaryOp
from .nn_scalar import AddScalarOp, DivScalarOp, MulScalarOp, RdivScalarOp, RsubScalarOp, ScalarOp
from .operation import ComputeOp, Fusion, Without
from .spelling import LEFT, RIGHT, Arguments, Spelling


class SignOp(BinaryOp, ABC):
    """An elementwise operation that a sign stands for, also between a tensor and a number."""

    @classmethod
    def spelled(cls, arguments: Arguments) -> ComputeOp:
        """Between two tensors, or a tensor and a number."""
        lhs, rhs = arguments.values[LEFT], arguments.values[RIGHT]
        if not isinstance(rhs, SSAValue):
            return cls.by_number(arguments.floats(LEFT), arguments.number(RIGHT), arguments)
        if not isinstance(lhs, SSAValue):
            return cls.of_number(arguments.number(LEFT), arguments.floats(RIGHT))
        return cls(*arguments.alike())

    @classmethod
    @abstractmethod
    def by_number(cls, x: SSAValue, number: float, arguments: Arguments) -> ScalarOp:
        """The operation with a number on its right side.

        Raises: ParseError for a number that does not fit.
        """

    @classmethod
    @abstractmethod
    def of_number(cls, number: float, x: SSAValue) -> ScalarOp:
        """The operation with a number on its left side."""


@irdl_op_definition
class AddOp(SignOp):
    """Elementwise sum, rounded once.

    With a tensor that is repeated it is no residual sum: over rows it adds a bias.
    """

    name = "nn.add"

    NUMPY: ClassVar = ".backends.elements:add"
    KEEPS_SUMS: ClassVar[bool] = True
    SPELLING: ClassVar = Spelling("+", (LEFT, RIGHT))
    FUSION: ClassVar = Fusion("residual")
    BIAS: ClassVar = Fusion("bias")
    OF_ROWS: ClassVar = Fusion("elementwise")
    OF_ZEROS: ClassVar = "zeros"

    def fusion(self) -> Fusion | Without:
        if self._columns:
            return self.OF_ROWS
        return self.BIAS if any(self._missing) else self.FUSION

    @classmethod
    def by_number(cls, x: SSAValue, number: float, arguments: Arguments) -> AddScalarOp:
        return AddScalarOp(x, number)

    @classmethod
    def of_number(cls, number: float, x: SSAValue) -> AddScalarOp:
        return AddScalarOp(x, number)


@irdl_op_definition
class SubOp(SignOp):
    """Elementwise difference, rounded once."""

    name = "nn.sub"

    NUMPY: ClassVar = ".backends.elements:sub"
    KEEPS_SUMS: ClassVar[bool] = True
    SPELLING: ClassVar = Spelling("-", (LEFT, RIGHT))
    FUSION: ClassVar = Fusion("elementwise")
    OF_ZEROS: ClassVar = "zeros"

    @classmethod
    def by_number(cls, x: SSAValue, number: float, arguments: Arguments) -> AddScalarOp:
        return AddScalarOp(x, -number)

    @classmethod
    def of_number(cls, number: float, x: SSAValue) -> RsubScalarOp:
        return RsubScalarOp(x, number)


@irdl_op_definition
class MulOp(SignOp):
    """Elementwise product, rounded once."""

    name = "nn.mul"

    NUMPY: ClassVar = ".backends.elements:mul"
    SPELLING: ClassVar = Spelling("*", (LEFT, RIGHT))
    FUSION: ClassVar = Fusion("elementwise", "activation")
    OF_ZEROS: ClassVar = "zeros"

    @classmethod
    def by_number(cls, x: SSAValue, number: float, arguments: Arguments) -> MulScalarOp:
        return MulScalarOp(x, number)

    @classmethod
    def of_number(cls, number: float, x: SSAValue) -> MulScalarOp:
        return MulScalarOp(x, number)


@irdl_op_definition
class DivOp(SignOp):
    """Elementwise quotient, rounded once."""

    name = "nn.div"

    NUMPY: ClassVar = ".backends.elements:div"
    SPELLING: ClassVar = Spelling("/", (LEFT, RIGHT))
    FUSION: ClassVar = Fusion("elementwise")
    OF_ZEROS: ClassVar = "poles"
    OF_NUMBERS: ClassVar = "poles"

    @classmethod
    def by_number(cls, x: SSAValue, number: float, arguments: Arguments) -> DivScalarOp:
        if number == 0:
            raise arguments.wrong(RIGHT, "division by zero")
        return DivScalarOp(x, number)

    @classmethod
    def of_number(cls, number: float, x: SSAValue) -> RdivScalarOp:
        return RdivScalarOp(x, number)


SIGN_OPERATIONS = (AddOp, SubOp, MulOp, DivOp)
"""Those of `nn` in this file."""
