"""How arguments of kernels lie in memory: as stacks of separate slices, transposed as checkpoints are.

A stack that kernels only loop over is handed to them as a pointer to each slice, so that the layers of a
checkpoint stay where the file has them. A weight that a checkpoint holds as `[N, K]` and that kernels only
multiply by is read as it lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue, Use

from ...dialects.kernel import CallOp, FuncOp, ScheduleOp, StackOp
from ...dialects.kernel_loops import LoopOp
from ...dialects.nn import GetGlobalOp, WeightOp
from ...dialects.tensors import shape_of


@dataclass(frozen=True)
class Layout:
    """How an argument of a kernel lies in memory."""

    stacked: bool = False
    """Whether it is a pointer to each slice along the first axis, and not one to all of them."""
    transposed: bool = False
    """Whether the last two axes of it, or of each slice, are swapped."""


def layouts_of(module: ModuleOp) -> Mapping[FuncOp, tuple[Layout, ...]]:
    """The layout of each argument of each kernel of a module at the kernel level."""
    weights = {
        op.sym_name.data for op in module.ops if isinstance(op, WeightOp) and op.transposed is not None
    }
    calls = [call for op in module.ops if isinstance(op, ScheduleOp) for call in op.body.block.ops]
    given: dict[str, list[CallOp]] = {}
    for call in calls:
        if isinstance(call, CallOp):
            given.setdefault(call.callee.string_value(), []).append(call)
    return {
        op: tuple(
            _layout(op, number, given.get(op.sym_name.data, ()), weights) for number in range(len(op.args))
        )
        for op in module.ops
        if isinstance(op, FuncOp)
    }


def _layout(kernel: FuncOp, number: int, calls: Iterable[CallOp], weights: set[str]) -> Layout:
    argument, calls = kernel.args[number], tuple(calls)
    as_stored = bool(calls) and all(_is_stored(call.arguments[number], weights) for call in calls)
    return Layout(
        _all_uses(argument, _is_stack), as_stored and len(shape_of(argument)) > 1 and _is_multiplied(argument)
    )


def _all_uses(value: SSAValue, holds: Callable[[Use], bool]) -> bool:
    uses = list(value.uses)
    return bool(uses) and all(map(holds, uses))


def _is_stack(use: Use) -> bool:
    """Whether a loop walks along it."""
    return isinstance(use.operation, LoopOp) and use.index >= len(use.operation.carried)


def _is_multiplied(value: SSAValue) -> bool:
    """Whether all that is done with a value, or its slices, is to multiply by it from the right."""
    return _all_uses(value, _multiplies)


def _multiplies(use: Use) -> bool:
    op = use.operation
    if isinstance(op, LoopOp) and _is_stack(use):
        return _is_multiplied(op.body.block.args[use.index])
    return op.name in ("nn.matmul", "nn.head_matmul") and use.index == 1


def _is_stored(value: SSAValue, weights: set[str]) -> bool:
    """Whether a value of a schedule is a weight that a checkpoint holds transposed, or a stack of such."""
    owner: Operation | object = value.owner
    if isinstance(owner, StackOp):
        return all(_is_stored(part, weights) for part in owner.parts)
    return isinstance(owner, GetGlobalOp) and owner.global_name.string_value() in weights
