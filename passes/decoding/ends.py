"""The end of a decode step: the logits, and the operation that makes tokens of them."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from ...dialects.nn import ArgmaxOp, SampleOp, is_layer
from ...dialects.tensors import end_of
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
