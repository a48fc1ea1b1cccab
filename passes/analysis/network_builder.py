"""Build the network of a kernel: its operations become stages and streams, in program order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects.builtin import FunctionType, IntegerAttr, TensorType, f32, f64, i64
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.transforms.dead_code_elimination import would_be_trivially_dead

from ...dialects import collective, dataflow, kernel, nn
from ...dialects.network import TokenType, UnitOp, YieldOp
from .network_wires import Memory, NetworkBuilder, Wire, fail

DEFAULT_ALGORITHM = "one_shot"
"""Of a collective: the one with the least latency; `overlap-collectives` chooses for each."""

Compute = Callable[[Sequence[SSAValue]], tuple[list[Operation], SSAValue, list[SSAValue]]]
"""Builds the body of a stage from its arguments: the operations, the result, the next states."""


def _label(op: Operation) -> str:
    short = op.name.split(".")[-1]
    hint = op.results[0].name_hint if op.results else None
    return f"{short}.{hint}" if hint else short


def _add_stage(
    builder: NetworkBuilder,
    at: Operation,
    label: str,
    inputs: Sequence[tuple[SSAValue, int]],
    argument_types: Sequence[Attribute],
    compute: Compute,
) -> Wire:
    """A stage of one firing; returns the wire of its result."""
    block = Block(arg_types=argument_types)
    operations, result, states = compute(block.args)
    for op in operations:
        op.location = at.location
    block.add_ops(operations)
    wire = Wire(result.type)
    channels, periods = [channel for channel, _ in inputs], [period for _, period in inputs]

    def make() -> UnitOp:
        outs = wire.channels
        block.add_op(YieldOp([*(result for _ in outs), *states]))
        return dataflow.StageOp(label, 1, channels, outs, Region(block), periods, [1] * len(outs))

    builder.unit(at, make)
    return wire


def _convert_compute(builder: NetworkBuilder, op: Operation) -> None:
    """One operation, one stage."""
    inputs = [builder.held(operand, op) for operand in op.operands]

    def compute(arguments: Sequence[SSAValue]) -> tuple[list[Operation], SSAValue, list[SSAValue]]:
        clone = op.clone()
        clone.operands = arguments
        return [clone], clone.results[0], []

    types = [operand.type for operand in op.operands]
    builder.sources[op.results[0]] = _add_stage(builder, op, _label(op), inputs, types, compute)


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
    whole = _add_stage(
        builder, op, f"collect.{op.x.name_hint or 'x'}", inputs, [op.x.type], lambda args: ([], args[0], [])
    )
    source, wire = builder.channel(whole, op, op.x.name_hint), Wire(op.result.type)
    kind = op.name.split(".")[-1]
    axis = op.axis.value.data if isinstance(op, collective.AllGatherOp) else None
    builder.unit(op, lambda: dataflow.CollectiveOp(kind, 1, source, wire.channels, DEFAULT_ALGORITHM, axis))
    builder.sources[op.result] = wire


def _convert_append(builder: NetworkBuilder, op: nn.CacheAppendOp) -> None:
    """A store at the position; whoever reads the cache after it gets its token."""
    cache, position = builder.memory(op.cache, op), builder.memory(op.position, op)
    if any(_meet(cache, other, builder.iterations) for other in builder.appends):
        fail(op, "a kernel appends twice to one cache; split it between the two")
    if any(_meet(cache, other, builder.iterations) for other in builder.cache_reads):
        fail(op, "a kernel reads a cache and appends to it afterwards; split it between the two")
    channel = builder.fresh(op.x, op)
    done = builder.appends[cache] = Wire(TokenType())
    builder.unit(
        op,
        lambda: dataflow.StoreOp(
            channel,
            destination=cache.argument,
            position=position.argument,
            done=done.channels,
            slices=cache.slices,
        ),
    )


def _meet(memory: Memory, other: Memory, iterations: int) -> bool:
    """Whether two memories share a part in any two iterations."""
    if memory.argument is not other.argument:
        return False
    return not memory.parts(iterations).isdisjoint(other.parts(iterations))


def _read_cache(builder: NetworkBuilder, op: nn.AttentionOp, cache: SSAValue) -> Wire:
    """Stream a cache; after an append in the same kernel, the tile of its position waits for it."""
    memory, position = builder.memory(cache, op), builder.memory(op.position, op)
    _expect_own_appends(builder, op, memory)
    builder.cache_reads.append(memory)
    wire = Wire(TensorType(nn.element_type_of(cache), nn.shape_of(cache)))
    append = builder.appends.get(memory)
    token = builder.channel(append, op) if append is not None else None

    def make() -> UnitOp:
        return dataflow.LoadOp(
            memory.argument,
            wire.channels,
            slices=memory.slices,
            after=token,
            position=position.argument if token is not None else None,
        )

    builder.unit(op, make)
    return wire


def _expect_own_appends(builder: NetworkBuilder, op: nn.AttentionOp, memory: Memory) -> None:
    """A read waits for the append of its own iteration alone, so no other one may touch what it reads."""
    for other in builder.appends:
        if _meet(memory, other, builder.iterations) and (
            memory != other or memory.is_shared(builder.iterations)
        ):
            fail(op, "an iteration reads what another one appends to a cache; give each iteration its own")


def _convert_attention(builder: NetworkBuilder, op: nn.AttentionOp) -> None:
    """Three stages: scores, softmax over the whole context, weighted sum of the values."""
    batch, _, context, _ = nn.shape_of(op.keys)
    row = TensorType(f32, [batch, op.heads, context])
    accumulator = TensorType(f64, nn.shape_of(op.result))
    query, keys = builder.held(op.query, op), _read_cache(builder, op, op.keys)
    hint = op.result.name_hint or "attention"

    def scores(args: Sequence[SSAValue]) -> tuple[list[Operation], SSAValue, list[SSAValue]]:
        made = nn.AttentionScoresOp(args[0], args[1], op.scale, row)
        return [made], made.result, []

    def softmax(args: Sequence[SSAValue]) -> tuple[list[Operation], SSAValue, list[SSAValue]]:
        made = nn.AttentionSoftmaxOp(args[0], args[1])
        return [made], made.result, []

    def values(args: Sequence[SSAValue]) -> tuple[list[Operation], SSAValue, list[SSAValue]]:
        made = nn.AttentionValuesOp(args[0], args[1], args[2])
        rounded = nn.CastOp(made.result, op.result.type)
        return [made, rounded], rounded.result, [made.result]

    scored = _add_stage(
        builder,
        op,
        f"scores.{hint}",
        [query, (builder.channel(keys, op, "keys"), 1)],
        [op.query.type, keys.type],
        scores,
    )
    position = builder.held(op.position, op)
    weighted = _add_stage(
        builder,
        op,
        f"softmax.{hint}",
        [(builder.channel(scored, op, "scores"), 1), position],
        [row, op.position.type],
        softmax,
    )
    cached = _read_cache(builder, op, op.values)
    builder.sources[op.result] = _add_stage(
        builder,
        op,
        f"values.{hint}",
        [(builder.channel(weighted, op, "weights"), 1), (builder.channel(cached, op, "values"), 1)],
        [row, cached.type, accumulator],
        values,
    )


def _convert_op(builder: NetworkBuilder, op: Operation) -> None:
    match op:
        case nn.EmbeddingOp() | collective.ShardedEmbeddingOp():
            _convert_embedding(builder, op)
        case collective.AllReduceOp() | collective.AllGatherOp():
            _convert_collective(builder, op)
        case nn.CacheAppendOp():
            _convert_append(builder, op)
        case nn.AttentionOp():
            _convert_attention(builder, op)
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
