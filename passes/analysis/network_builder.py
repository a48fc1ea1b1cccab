"""Build the network of a kernel: its operations become stages and streams, in program order."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import FunctionType, IntegerAttr, i64
from xdsl.ir import Block, Operation, SSAValue
from xdsl.transforms.dead_code_elimination import would_be_trivially_dead

from ...dialects import collective, dataflow, kernel, nn
from .network_caches import convert_append, convert_attention
from .network_wires import Memory, NetworkBuilder, Wire, add_stage, fail

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
    wire = Wire(op.result.type)
    sharded = isinstance(op, collective.ShardedEmbeddingOp)
    builder.unit(op, lambda: dataflow.GatherOp(table.argument, ids, wire.channels, sharded=sharded))
    builder.sources[op.result] = wire


def _convert_collective(builder: NetworkBuilder, op: collective.AllReduceOp | collective.AllGatherOp) -> None:
    """A stage that collects the whole value, and the exchange of it."""
    inputs = [builder.held(op.x, op)]
    whole = add_stage(
        builder, op, f"collect.{op.x.name_hint or 'x'}", inputs, [op.x.type], lambda args: ([], args[0], [])
    )
    source, wire = builder.channel(whole, op, op.x.name_hint), Wire(op.result.type)
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


def _convert_loop(builder: NetworkBuilder, loop: kernel.LoopOp) -> None:
    """The body once, its carried values through carries."""
    carried, arguments = len(loop.carried), loop.body.block.args
    currents = [Wire(argument.type) for argument in arguments[:carried]]
    builder.sources |= dict(zip(arguments[:carried], currents, strict=True))
    for argument, stack, slices in zip(arguments[carried:], loop.stacks, loop.slices, strict=True):
        stacked = builder.memory(stack, loop)
        builder.sources[argument] = Memory(stacked.argument, slices)
    inits = [builder.own_load(value, loop, once=True) for value in loop.carried]
    finals = [Wire(result.type, per_call=True) for result in loop.res]
    builder.sources |= dict(zip(loop.res, finals, strict=True))
    nexts: list[SSAValue] = []
    for number in range(carried):
        builder.unit(
            loop,
            lambda n=number: dataflow.CarryOp(
                1, inits[n], nexts[n], finals[n].channels[0], currents[n].channels
            ),
        )
    _convert_body(builder, loop.body.block)
    last = loop.body.block.last_op
    assert last is not None, "the verifier wants a yield"
    nexts += [builder.fresh(value, last) for value in last.operands]


def _store_results(builder: NetworkBuilder, terminator: Operation) -> None:
    for number, value in enumerate(terminator.operands):
        wire = builder.wire(value, terminator)
        channel, once = builder.channel(wire, terminator, value.name_hint), wire.per_call
        builder.unit(
            terminator,
            lambda channel=channel, number=number, once=once: dataflow.StoreOp(
                channel, result=number, once=once
            ),
        )


def _loop_of(func: kernel.FuncOp) -> kernel.LoopOp | None:
    ops = list(func.body.block.ops)
    loops = [op for op in ops if isinstance(op, kernel.LoopOp)]
    if not loops:
        return None
    if len(ops) > 2:
        fail(func, f"@{func.sym_name.data} has operations beside its loop; outline them into kernels")
    for result in loops[0].res:
        if result.uses.get_length() != 1:
            fail(loops[0], "a result of the loop is not returned once; return each of them once")
    return loops[0]


def build_network(func: kernel.FuncOp) -> dataflow.KernelOp:
    """The network of a kernel, all tiles whole.

    Raises: PassFailedException where the kernel has no network (a loop among other operations, a cache
    that is appended to after it was read).
    """
    loop = _loop_of(func)
    iterations = loop.count.value.data if loop is not None else 1
    signature = FunctionType.from_lists(func.function_type.inputs.data, func.function_type.outputs.data)
    network = dataflow.KernelOp(
        func.sym_name.data, signature, attributes={"iterations": IntegerAttr(iterations, i64)}
    )
    network.location = func.location
    builder = NetworkBuilder(func, network, iterations)
    for old, new in zip(func.args, network.args, strict=True):
        new.name_hint = old.name_hint
        builder.sources[old] = Memory(new, invariant=loop is not None)
    if loop is not None:
        _convert_loop(builder, loop)
    else:
        _convert_body(builder, func.body.block)
    terminator = func.body.block.last_op
    assert terminator is not None, "the verifier wants a return"
    _store_results(builder, terminator)
    return builder.finish()
