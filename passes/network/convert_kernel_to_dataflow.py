"""Kernels become networks: operations become stages, values channels, arguments streams.

Before:

```mlir
kernel.func @square(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.mul %x, %x : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
```

After:

```mlir
dataflow.kernel @square(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> attributes {iterations = 1} {
  %0 = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %1 = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %2 = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %0, %1 : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>
  dataflow.stage "mul.y" firings 1 ins(%0, %1 : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>) periods [1, 1] outs(%2 : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
  ^bb0(%a: tensor<1x8xbf16>, %b: tensor<1x8xbf16>):
    %c = nn.mul %a, %b : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
    dataflow.yield %c : tensor<1x8xbf16>
  }
  dataflow.store %2 result 0 : !dataflow.channel<tensor<1x8xbf16>>
}
```

Everything is whole here, one firing an iteration; `tile-stages` cuts it. A `kernel.loop` gives the network
its iterations: slices of stacks become streams that stride through them, invariant arguments are loaded once
a call, and the carried value runs through a unit that hands it from iteration to iteration.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, IntegerAttr, ModuleOp, i64
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.transforms.dead_code_elimination import would_be_trivially_dead

from ...dialects import dataflow, kernel
from ...dialects.dataflow import UnitOp
from ...dialects.operation import ComputeOp
from ...dialects.tensors import end_of
from ..diagnostics import fail
from .conversions import convert_special
from .wires import Memory, NetworkBuilder, Wire, add_copy, add_stage


@dataclass(frozen=True)
class ConvertKernelToDataflowPass(ModulePass):
    """Turn every `kernel.func` into a `dataflow.kernel`; the schedule stays as it is."""

    name: ClassVar[str] = "convert-kernel-to-dataflow"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for func in [func for func in op.ops if isinstance(func, kernel.FuncOp)]:
            Rewriter.replace_op(func, build_network(func))


def _label(op: Operation) -> str:
    short = op.name.split(".")[-1]
    hint = op.results[0].name_hint if op.results else None
    return f"{short}.{hint}" if hint else short


def _convert_compute(builder: NetworkBuilder, op: Operation) -> None:
    """One operation, one stage."""
    inputs = [builder.held(operand, op) for operand in op.operands]

    def compute(arguments: Sequence[SSAValue]) -> tuple[list[Operation], SSAValue, list[SSAValue]]:
        clone = op.clone()
        clone.operands = arguments
        return [clone], clone.results[0], []

    types = [operand.type for operand in op.operands]
    builder.sources[op.results[0]] = add_stage(builder, op, _label(op), inputs, types, compute)


def _convert_op(builder: NetworkBuilder, op: Operation) -> None:
    if convert_special(builder, op):
        return
    if not isinstance(op, ComputeOp):
        fail(op, f"{op.name} has no form as a stage")
    _convert_compute(builder, op)


def _convert_body(builder: NetworkBuilder, block: Block) -> None:
    """All operations whose results are read; a unit without readers could not end."""
    for op in _live_ops(block):
        if not isinstance(op, kernel.ReturnOp | kernel.YieldOp):
            _convert_op(builder, op)


def _live_ops(block: Block) -> list[Operation]:
    dead: set[Operation] = set()
    for op in reversed(list(block.ops)):
        readers = {use.operation for result in op.results for use in result.uses}
        if would_be_trivially_dead(op) and readers <= dead:
            dead.add(op)
    return [op for op in block.ops if op not in dead]


def _convert_steps(builder: NetworkBuilder, steps: kernel.StepsOp) -> None:
    """The step once: its carried values through carries from step to step, its results one behind another."""
    carried, arguments = len(steps.carried), steps.body.block.args
    builder.rate = "step"
    currents = [Wire(argument.type, "step") for argument in arguments[:carried]]
    builder.sources |= dict(zip(arguments[:carried], currents, strict=True))
    for argument, first in zip(arguments[carried:], steps.counted, strict=True):
        builder.sources[argument] = Memory(builder.memory(first, steps).argument, counted=True)
    inits = [builder.own_load(value, steps, "call") for value in steps.carried]
    nexts: list[SSAValue] = []
    for number, current in enumerate(currents):
        _carry(builder, steps, (inits, nexts, number), None, current)
    for op in _live_ops(steps.body.block):
        if isinstance(op, kernel.LoopOp):
            _convert_loop(builder, op)
        elif not isinstance(op, kernel.YieldOp):
            _convert_op(builder, op)
    last = end_of(steps.body.block)
    nexts += [builder.fresh(value, last) for value in last.operands]
    for number, value in enumerate(last.operands):
        channel = builder.fresh(value, last)
        builder.unit(
            last,
            lambda channel=channel, number=number: dataflow.StoreOp(channel, result=number, slices=(0, 1)),
        )


def _convert_loop(builder: NetworkBuilder, loop: kernel.LoopOp) -> None:
    """The body once, its carried values through carries."""
    carried, arguments = len(loop.carried), loop.body.block.args
    inits, outside = _inits(builder, loop), builder.rate
    currents = [Wire(argument.type) for argument in arguments[:carried]]
    builder.sources |= dict(zip(arguments[:carried], currents, strict=True))
    for argument, stack, slices in zip(arguments[carried:], loop.stacks, loop.slices, strict=True):
        stacked = builder.memory(stack, loop)
        builder.sources[argument] = Memory(stacked.argument, slices)
    finals = [Wire(result.type, outside) for result in loop.res]
    builder.sources |= dict(zip(loop.res, finals, strict=True))
    builder.rate = "iteration"
    nexts: list[SSAValue] = []
    for number, (final, current) in enumerate(zip(finals, currents, strict=True)):
        _carry(builder, loop, (inits, nexts, number), final, current)
    _convert_body(builder, loop.body.block)
    last = end_of(loop.body.block)
    nexts += [builder.fresh(value, last) for value in last.operands]
    builder.rate = outside
    for result in loop.res:
        if outside == "step" and _has_many_readers(result):
            builder.sources[result] = add_copy(builder, loop, f"end.{result.name_hint or 'x'}", result)


def _has_many_readers(value: SSAValue) -> bool:
    """Whether more than one unit reads a value of a step; what the step yields goes two ways."""
    readers = [use.operation for use in value.uses]
    return len(readers) > 1 or any(isinstance(reader, kernel.YieldOp) for reader in readers)


def _inits(builder: NetworkBuilder, loop: kernel.LoopOp) -> list[SSAValue]:
    """Channels with the first carried values: from memory, or from stages that cut them as the loop does."""
    inits: list[SSAValue] = []
    for value in loop.carried:
        if isinstance(builder.sources[value], Memory):
            inits.append(builder.own_load(value, loop, builder.rate))
        else:
            begin = add_copy(builder, loop, f"begin.{value.name_hint or 'x'}", value)
            inits.append(builder.channel(begin, loop, value.name_hint))
    return inits


def _carry(
    builder: NetworkBuilder,
    loop: kernel.LoopOp | kernel.StepsOp,
    sources: tuple[list[SSAValue], list[SSAValue], int],
    final: Wire | None,
    current: Wire,
) -> None:
    """A carry; `sources` are the first values, the next ones (known when the body is there), its number."""

    def make() -> UnitOp:
        inits, nexts, number = sources
        end = final.channels[0] if final is not None and final.channels else None
        return dataflow.CarryOp(1, inits[number], nexts[number], end, current.channels)

    builder.unit(loop, make)


def _store_results(builder: NetworkBuilder, terminator: Operation) -> None:
    for number, value in enumerate(terminator.operands):
        wire = builder.wire(value, terminator)
        channel = builder.channel(wire, terminator, value.name_hint)
        builder.unit(
            terminator,
            lambda channel=channel, number=number: dataflow.StoreOp(channel, result=number),
            wire.rate,
        )


def _loop_of(func: kernel.FuncOp) -> kernel.LoopOp | kernel.StepsOp | None:
    """The loop that is all of a kernel, if it has one."""
    ops = list(func.body.block.ops)
    loops = [op for op in ops if isinstance(op, kernel.LoopOp | kernel.StepsOp)]
    if not loops:
        return None
    if len(ops) > 2:
        fail(func, f"@{func.sym_name.data} has operations beside its loop; outline them into kernels")
    loop = loops[0]
    for result in loop.res:
        if result.uses.get_length() != 1:
            fail(loop, "a result of the loop is not returned once; return each of them once")
    if isinstance(loop, kernel.StepsOp) and [*ops[-1].operands] != [*loop.res]:
        fail(loop, "the results of the steps are returned in another order; return them as they are")
    return loop


def _count(loop: kernel.LoopOp | kernel.StepsOp | None) -> tuple[int, int]:
    """Decode steps of a call, and iterations of a step; a step of several loops has no such number."""
    if not isinstance(loop, kernel.StepsOp):
        return 1, loop.count.value.data if loop is not None else 1
    inner = [op for op in loop.body.block.ops if isinstance(op, kernel.LoopOp)]
    if len(inner) > 1:
        fail(inner[1], "a step has two loops; its kernel can have one")
    return loop.count.value.data, inner[0].count.value.data if inner else 1


def build_network(func: kernel.FuncOp) -> dataflow.KernelOp:
    """The network of a kernel, all tiles whole.

    Raises: PassFailedException where the kernel has no network (a loop among other operations, uses of a
    cache that nothing can order).
    """
    loop = _loop_of(func)
    steps, iterations = _count(loop)
    signature = FunctionType.from_lists(func.function_type.inputs.data, func.function_type.outputs.data)
    counts = {"iterations": steps * iterations} | ({"steps": steps} if steps > 1 else {})
    network = dataflow.KernelOp(
        func.sym_name.data,
        signature,
        attributes={name: IntegerAttr(count, i64) for name, count in counts.items()},
    )
    network.location = func.location
    builder = NetworkBuilder(network, iterations, steps)
    for old, new in zip(func.args, network.args, strict=True):
        new.name_hint = old.name_hint
        builder.sources[old] = Memory(new, invariant=loop is not None)
    terminator = end_of(func.body.block)
    match loop:
        case kernel.StepsOp():
            _convert_steps(builder, loop)
        case kernel.LoopOp():
            builder.rate = "call"
            _convert_loop(builder, loop)
            _store_results(builder, terminator)
        case _:
            _convert_body(builder, func.body.block)
            _store_results(builder, terminator)
    return builder.finish()
