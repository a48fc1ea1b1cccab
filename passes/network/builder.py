"""Build the network of a kernel: its operations become stages and streams, in program order."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import FunctionType, IntegerAttr, i64
from xdsl.ir import Block, Operation, SSAValue
from xdsl.transforms.dead_code_elimination import would_be_trivially_dead

from ...dialects import collective, dataflow, kernel, nn
from ...dialects.dataflow import UnitOp
from .caches import convert_append, convert_attention
from .wires import Memory, NetworkBuilder, Wire, add_stage, fail

DEFAULT_ALGORITHM = "one_shot"
"""Of a collective: the one with the least latency; `overlap-collectives` chooses for each."""


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


def _convert_embedding(builder: NetworkBuilder, op: nn.EmbeddingOp | collective.ShardedEmbeddingOp) -> None:
    """An indexed read of the table."""
    ids, table = builder.fresh(op.ids, op), builder.memory(op.table, op)
    if table.slices is not None:
        fail(op, "embedding from a stack of tables has no form as a stream; give it one table")
    wire = Wire(op.result.type, builder.rate)
    sharded = isinstance(op, collective.ShardedEmbeddingOp)
    builder.unit(op, lambda: dataflow.GatherOp(table.argument, ids, wire.channels, sharded=sharded))
    builder.sources[op.result] = wire


def _convert_collective(builder: NetworkBuilder, op: collective.AllReduceOp | collective.AllGatherOp) -> None:
    """A stage that collects the whole value, and the exchange of it."""
    inputs = [builder.held(op.x, op)]
    whole = add_stage(
        builder, op, f"collect.{op.x.name_hint or 'x'}", inputs, [op.x.type], lambda args: ([], args[0], [])
    )
    source, wire = builder.channel(whole, op, op.x.name_hint), Wire(op.result.type, builder.rate)
    kind = op.name.split(".")[-1]
    axis = op.axis.value.data if isinstance(op, collective.AllGatherOp) else None
    builder.unit(op, lambda: dataflow.CollectiveOp(kind, 1, source, wire.channels, DEFAULT_ALGORITHM, axis))
    builder.sources[op.result] = wire


def _convert_op(builder: NetworkBuilder, op: Operation) -> None:
    match op:
        case nn.EmbeddingOp() | collective.ShardedEmbeddingOp():
            _convert_embedding(builder, op)
        case collective.AllReduceOp() | collective.AllGatherOp():
            _convert_collective(builder, op)
        case nn.CacheAppendOp():
            convert_append(builder, op)
        case nn.AttentionOp():
            convert_attention(builder, op)
        case nn.ComputeOp():
            _convert_compute(builder, op)
        case _:
            fail(op, f"{op.name} has no form as a stage")


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
    last = steps.body.block.last_op
    assert last is not None, "the verifier wants a yield"
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
    last = loop.body.block.last_op
    assert last is not None, "the verifier wants a yield"
    nexts += [builder.fresh(value, last) for value in last.operands]
    builder.rate = outside
    for result in loop.res:
        if outside == "step" and _has_many_readers(result):
            builder.sources[result] = builder.copied(result, loop, f"end.{result.name_hint or 'x'}")


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
            begin = builder.copied(value, loop, f"begin.{value.name_hint or 'x'}")
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

    Raises: PassFailedException where the kernel has no network (a loop among other operations, a cache
    that is appended to after it was read).
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
    terminator = func.body.block.last_op
    assert terminator is not None, "the verifier wants a return"
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
