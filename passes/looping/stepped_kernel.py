"""Builds the kernel of all steps: the bodies of a schedule's kernels in one loop over steps."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import FunctionType
from xdsl.ir import Block, Region, SSAValue

from ...dialects.kernel import FuncOp, ReturnOp, StepsOp, YieldOp
from .kernel_memory import Root, root_of
from .step_loop import StepLoop


def build_stepped_kernel(name: str, loop: StepLoop, count: int) -> FuncOp:
    """A kernel that makes `count` steps; it takes the loop's operands and returns all that is carried."""
    outer = _block(loop.operands)
    outside: dict[Root, SSAValue] = dict(zip(map(root_of, loop.operands), outer.args, strict=True))
    passed = [*loop.carried, *loop.counted]
    inner = _block(passed)
    values = outside | dict(zip(passed, inner.args, strict=True))
    _inline_calls(inner, loop, values)
    last = loop.schedule.body.block.last_op
    assert last is not None, "the verifier wants a return"
    returned = dict(zip(loop.fed, last.operands, strict=True))
    inner.add_op(YieldOp([values[root_of(returned[argument])] for argument in loop.carried]))
    carried, counted = ([outside[a] for a in some] for some in (loop.carried, loop.counted))
    steps = StepsOp(count, carried, counted, Region(inner))
    outer.add_ops([steps, end := ReturnOp(steps.res)])
    for result, argument in zip(steps.res, loop.carried, strict=True):
        result.name_hint = argument.name_hint
    type_ = FunctionType.from_lists([a.type for a in outer.args], [r.type for r in steps.res])
    func = FuncOp(name, type_, Region(outer))
    assert inner.last_op is not None, "the yield stands there"
    for op in (steps, end, inner.last_op, func):
        op.location = loop.schedule.location
    return func


def _block(values: Sequence[SSAValue]) -> Block:
    """A block with arguments like these values."""
    block = Block(arg_types=[value.type for value in values])
    for argument, value in zip(block.args, values, strict=True):
        argument.name_hint = value.name_hint
    return block


def _inline_calls(block: Block, loop: StepLoop, values: dict[Root, SSAValue]) -> None:
    """Append what the calls do; `values` get their results."""
    for call, func in zip(loop.calls, loop.kernels, strict=True):
        given = [values[root_of(value)] for value in call.arguments]
        mapping: dict[SSAValue, SSAValue] = dict(zip(func.args, given, strict=True))
        for op in func.body.block.ops:
            if isinstance(op, ReturnOp):
                made = (mapping[value] for value in op.arguments)
                values |= dict(zip(call.results, made, strict=True))
            else:
                block.add_op(op.clone(mapping))
