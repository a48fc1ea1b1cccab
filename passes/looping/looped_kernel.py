"""Builds the kernel that does a run of calls in one: a loop over the bodies of the run's kernels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import FunctionType, MemRefType, TensorType
from xdsl.ir import Attribute, Block, Region, SSAValue

from ...dialects.kernel import FuncOp, LoopOp, ReturnOp, YieldOp
from ...dialects.tensors import slice_type
from .call_arguments import Argument, Carried, Gathered, Invariant, Local, Slices
from .run_scan import Run


@dataclass(frozen=True)
class LoopedKernel:
    """A kernel for a run, not yet in a module, and what its call is to be given."""

    func: FuncOp
    arguments: tuple[Argument, ...]
    """Per argument of the kernel: what it is for the calls of the run."""
    carried: tuple[Carried, ...]
    """Per result of the kernel: the result of the last round that it is."""


def build_looped_kernel(run: Run, kernels: Sequence[FuncOp]) -> LoopedKernel:
    """The looped kernel of a run whose rounds call these kernels; it hands out all that it carries."""
    arguments = _distinct_arguments(run)
    carried = [a for a in arguments if isinstance(a, Carried)]
    stacked = [a for a in arguments if isinstance(a, Slices | Gathered)]
    outer = _block([_type(a) for a in arguments], arguments, run, kernels)
    inner_types = [_type(a) for a in carried] + [slice_type(_type(a)) for a in stacked]
    inner = _block(inner_types, [*carried, *stacked], run, kernels)
    values: dict[Argument, SSAValue] = dict(zip(arguments, outer.args, strict=True))
    initials, stacks = [values[a] for a in carried], [values[a] for a in stacked]
    values |= dict(zip([*carried, *stacked], inner.args, strict=True))
    results = _inline_round(inner, run, kernels, values)
    inner.add_op(YieldOp([results[a.phase][a.result] for a in carried]))
    ranges = [(a.start, a.stride) if isinstance(a, Slices) else (0, 1) for a in stacked]
    starts, strides = [start for start, _ in ranges], [stride for _, stride in ranges]
    loop = LoopOp(run.count, initials, stacks, Region(inner), starts, strides)
    for argument, result in zip(inner.args, loop.res, strict=False):
        result.name_hint = argument.name_hint
    outer.add_ops([loop, ReturnOp(loop.res)])
    for op in (*outer.ops, *inner.ops):
        if isinstance(op, LoopOp | ReturnOp | YieldOp):
            op.location = kernels[0].location
    type_ = FunctionType.from_lists([a.type for a in outer.args], [r.type for r in loop.res])
    func = FuncOp(_loop_name(kernels), type_, Region(outer))
    func.location = kernels[0].location
    return LoopedKernel(func, tuple(arguments), tuple(carried))


def _distinct_arguments(run: Run) -> list[Argument]:
    """What comes from outside an iteration, each thing once, in the order of its first use."""
    given = (a for row in run.arguments for a in row if not isinstance(a, Local))
    return list(dict.fromkeys(given))


def _type(argument: Argument) -> Attribute:
    """The type of an argument of the looped kernel."""
    match argument:
        case Carried(initial=value) | Invariant(value) | Slices(stack=value):
            return value.type
        case Gathered(parts):
            part = parts[0].type
            assert isinstance(part, TensorType | MemRefType), "weights and states have shapes"
            kind = TensorType if isinstance(part, TensorType) else MemRefType
            return kind(part.get_element_type(), [len(parts), *part.get_shape()])
        case Local():
            raise AssertionError("it is made inside the loop")


def _block(
    types: Iterable[Attribute], arguments: Iterable[Argument], run: Run, kernels: Sequence[FuncOp]
) -> Block:
    """A block with arguments named as in the kernels that use them."""
    rows = zip(reversed(kernels), reversed(run.arguments), strict=True)
    names = {a: arg.name_hint for func, row in rows for arg, a in zip(func.args, row, strict=True)}
    block = Block(arg_types=types)
    for argument, value in zip(arguments, block.args, strict=True):
        value.name_hint = names[argument]
    return block


def _inline_round(
    block: Block, run: Run, kernels: Sequence[FuncOp], values: dict[Argument, SSAValue]
) -> list[list[SSAValue]]:
    """Append the bodies of the kernels of a round; returns the results of each."""
    results: list[list[SSAValue]] = []
    for func, row in zip(kernels, run.arguments, strict=True):
        given = (results[a.phase][a.result] if isinstance(a, Local) else values[a] for a in row)
        mapping: dict[SSAValue, SSAValue] = dict(zip(func.args, given, strict=True))
        for op in func.body.block.ops:
            if isinstance(op, ReturnOp):
                results.append([mapping[value] for value in op.arguments])
            else:
                block.add_op(op.clone(mapping))
    return results


def _loop_name(kernels: Sequence[FuncOp]) -> str:
    """The name of the kernel, or what the names of several have in common, else the first, and `.loop`."""
    names = [kernel.sym_name.data.split(".") for kernel in kernels]
    common = [parts[0] for parts in zip(*names, strict=False) if len(set(parts)) == 1]
    return ".".join([*(common or names[0]), "loop"])
