"""The end of a decode step: the logits, and the operation that makes tokens of them."""

from __future__ import annotations

from xdsl.dialects.builtin import IntegerType, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue

from ...dialects.nn import ArgmaxOp, SampleOp, is_layer
from ...dialects.tensors import element_type_of, end_of, shape_of
from ..diagnostics import fail

WAY_OUT = "the step of a model returns one argmax of its logits, and this pass comes before its kernels"


def step_of(module: ModuleOp) -> FuncOp:
    """The step of a model at the nn level.

    Raises: PassFailedException where there is none.
    """
    found = [op for op in module.ops if isinstance(op, FuncOp) and not is_layer(op)]
    if len(found) != 1:
        fail(module, f"the module has {len(found)} functions that are a step, not one", WAY_OUT)
    return found[0]


def choice_of(module: ModuleOp) -> ArgmaxOp | SampleOp:
    """What makes the tokens that a step returns; its first operand are the logits.

    Raises: PassFailedException where the step returns none, or several.
    """
    step = step_of(module)
    made = [value.owner for value in end_of(step.body.block).operands]
    found = [op for op in made if isinstance(op, ArgmaxOp | SampleOp)]
    if len(found) != 1:
        fail(step, f"the step returns {len(found)} values that are tokens of logits, not one", WAY_OUT)
    return found[0]


def position_of(module: ModuleOp) -> SSAValue:
    """The input of a step that is the position of its tokens: an integer scalar.

    Raises: PassFailedException where it has none, or several.
    """
    step = step_of(module)
    scalars = [one for one in step.body.block.args if shape_of(one) == ()]
    found = [one for one in scalars if isinstance(element_type_of(one), IntegerType)]
    if len(found) != 1:
        what = f"the step has {len(found)} inputs that are a position, and draws by one"
        fail(step, what, "give it one: position: i32")
    return found[0]
