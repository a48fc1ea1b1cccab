"""The `nn` functions of each element of a tensor: activations and roots."""

from __future__ import annotations

from typing import ClassVar

from xdsl.irdl import irdl_op_definition

from .nn_elementwise import UnaryOp
from .operation import Fusion
from .spelling import Spelling

ACTIVATION = Fusion("elementwise", "activation")


@irdl_op_definition
class SiluOp(UnaryOp):
    """Sigmoid-weighted linear unit: `x / (1 + exp(-x))`."""

    name = "nn.silu"

    NUMPY: ClassVar = ".backends.elements:silu"
    SPELLING: ClassVar = Spelling("silu", ("x",))
    FUSION: ClassVar = ACTIVATION
    OF_ZEROS: ClassVar = "zeros"


@irdl_op_definition
class GeluOp(UnaryOp):
    """Gaussian error linear unit in its tanh form."""

    name = "nn.gelu"

    NUMPY: ClassVar = ".backends.elements:gelu"
    SPELLING: ClassVar = Spelling("gelu", ("x",))
    FUSION: ClassVar = ACTIVATION
    OF_ZEROS: ClassVar = "zeros"


@irdl_op_definition
class GeluErfOp(UnaryOp):
    """Gaussian error linear unit by the error function: `x / 2 * (1 + erf(x / sqrt(2)))`."""

    name = "nn.gelu_erf"

    NUMPY: ClassVar = ".backends.elements:gelu_erf"
    SPELLING: ClassVar = Spelling("gelu_erf", ("x",))
    FUSION: ClassVar = ACTIVATION
    OF_ZEROS: ClassVar = "zeros"


@irdl_op_definition
class SigmoidOp(UnaryOp):
    """Logistic function: `1 / (1 + exp(-x))`."""

    name = "nn.sigmoid"

    NUMPY: ClassVar = ".backends.elements:sigmoid"
    SPELLING: ClassVar = Spelling("sigmoid", ("x",))
    FUSION: ClassVar = ACTIVATION


@irdl_op_definition
class TanhOp(UnaryOp):
    """Hyperbolic tangent."""

    name = "nn.tanh"

    NUMPY: ClassVar = ".backends.elements:tanh"
    SPELLING: ClassVar = Spelling("tanh", ("x",))
    FUSION: ClassVar = ACTIVATION
    OF_ZEROS: ClassVar = "zeros"


@irdl_op_definition
class ReluOp(UnaryOp):
    """Rectified linear unit: 0 for what is below it."""

    name = "nn.relu"

    NUMPY: ClassVar = ".backends.elements:relu"
    SPELLING: ClassVar = Spelling("relu", ("x",))
    FUSION: ClassVar = ACTIVATION
    OF_ZEROS: ClassVar = "zeros"


@irdl_op_definition
class ExpOp(UnaryOp):
    """Exponential function."""

    name = "nn.exp"

    NUMPY: ClassVar = ".backends.elements:exp"
    SPELLING: ClassVar = Spelling("exp", ("x",))
    FUSION: ClassVar = ACTIVATION
    OF_NUMBERS: ClassVar = "poles"


@irdl_op_definition
class SoftplusOp(UnaryOp):
    """Smooth rectifier: `log(1 + exp(x))`."""

    name = "nn.softplus"

    NUMPY: ClassVar = ".backends.elements:softplus"
    SPELLING: ClassVar = Spelling("softplus", ("x",))
    FUSION: ClassVar = ACTIVATION


@irdl_op_definition
class SqrtOp(UnaryOp):
    """Square root."""

    name = "nn.sqrt"

    NUMPY: ClassVar = ".backends.elements:sqrt"
    SPELLING: ClassVar = Spelling("sqrt", ("x",))
    FUSION: ClassVar = ACTIVATION
    OF_ZEROS: ClassVar = "zeros"
    OF_NUMBERS: ClassVar = "poles"


FUNCTION_OPERATIONS = (SiluOp, GeluOp, GeluErfOp, SigmoidOp, TanhOp, ReluOp, ExpOp, SoftplusOp, SqrtOp)
"""Those of `nn` in this file."""
