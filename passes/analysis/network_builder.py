"""Build the network of a kernel: stages, channels and streams in program order.

Channels are made where a value is read, one per reader. The channels of a stage's results, of a load and
of a carry are therefore known only when all readers have been built; the units are made last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from xdsl.dialects.builtin import (
    FunctionType,
    IntegerAttr,
    LocationAttr,
    MemRefType,
    TensorType,
    f32,
    f64,
    i64,
)
from xdsl.ir import Attribute, Block, BlockArgument, Operation, Region, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ...dialects import dataflow, kernel, nn
from ...dialects.network import TokenType, UnitOp, YieldOp


def _fail(op: Operation, message: str) -> NoReturn:
    op.emit_error(message, PassFailedException(message))


@dataclass(frozen=True)
class Memory:
    """A value in memory: a kernel argument, or slices `(start, step)` of one that the loop walks through."""

    argument: BlockArgument
    slices: tuple[int, int] | None = None
    invariant: bool = False
    """The same in all iterations of a loop."""


@dataclass
class Wire:
    """A value on its way through the network: what makes it and the channels of its readers."""

    type: Attribute
    per_call: bool = False
    """Its producer makes it once a call although the kernel loops."""
    channels: list[SSAValue] = field(default_factory=list[SSAValue])


Source = Memory | Wire


@dataclass
class NetworkBuilder:
    """The network under construction: channels, then units in program order."""

    func: kernel.FuncOp
    network: dataflow.KernelOp
    iterations: int
    sources: dict[SSAValue, Source] = field(default_factory=dict[SSAValue, Source])
    loads: dict[Memory, Wire] = field(default_factory=dict[Memory, Wire])
    appends: dict[Memory, Wire] = field(default_factory=dict[Memory, Wire])
    cache_reads: set[Memory] = field(default_factory=set[Memory])
    units: list[Callable[[], UnitOp]] = field(default_factory=list[Callable[[], UnitOp]])
    locations: list[LocationAttr] = field(default_factory=list[LocationAttr])

    def channel(self, wire: Wire, name: str | None = None) -> SSAValue:
        """A new reader of a wire."""
        op = dataflow.ChannelOp(wire.type, 1)
        op.result.name_hint = name
        self.network.body.block.add_op(op)
        wire.channels.append(op.result)
        return op.result

    def unit(self, at: Operation, make: Callable[[], UnitOp]) -> None:
        """Append a unit, made when all channels are known."""
        self.units.append(make)
        self.locations.append(at.location)

    def memory(self, value: SSAValue, at: Operation) -> Memory:
        """The memory of a value that must be there: a cache, a table, a position."""
        source = self.sources[value]
        if not isinstance(source, Memory):
            _fail(at, f"{at.name} needs this operand in memory; make it an argument of the kernel")
        return source

    def wire(self, value: SSAValue, at: Operation) -> Wire:
        """The wire of a value; what lies in memory is loaded, once for all its readers."""
        source = self.sources[value]
        if isinstance(source, Wire):
            return source
        if source not in self.loads:
            once = source.invariant
            wire = Wire(value.type, per_call=once)
            self.loads[source] = wire
            self.unit(at, lambda: self._load(source, wire))
        return self.loads[source]

    def _load(self, memory: Memory, wire: Wire) -> UnitOp:
        return dataflow.LoadOp(memory.argument, wire.channels, slices=memory.slices, once=memory.invariant)

    def load_once(self, memory: Memory, value: SSAValue, at: Operation) -> SSAValue:
        """A channel that gets a value once a call, from a load of its own."""
        wire = Wire(value.type, per_call=True)
        self.unit(at, lambda: self._load(memory, wire))
        return self.channel(wire, value.name_hint)

    def read(self, value: SSAValue, at: Operation) -> tuple[SSAValue, int]:
        """A channel from which a stage reads a value, and for how many firings it holds each tile."""
        wire = self.wire(value, at)
        return self.channel(wire, value.name_hint), self.iterations if wire.per_call else 1

    def finish(self) -> dataflow.KernelOp:
        """Add the units to the network."""
        for make, location in zip(self.units, self.locations, strict=True):
            op = make()
            op.location = location
            self.network.body.block.add_op(op)
        return self.network


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
    compute: Callable[[Sequence[SSAValue]], tuple[list[Operation], SSAValue, list[SSAValue]]],
) -> Wire:
    """A stage of one firing whose body `compute` builds: its operations, its result, its next states."""
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
    inputs = [builder.read(operand, op) for operand in op.operands]

    def compute(arguments: Sequence[SSAValue]) -> tuple[list[Operation], SSAValue, list[SSAValue]]:
        clone = op.clone(dict(zip(op.operands, arguments, strict=False)))
        for number, argument in enumerate(arguments):
            clone.operands[number] = argument
        return [clone], clone.results[0], []

    types = [operand.type for operand in op.operands]
    builder.sources[op.results[0]] = _add_stage(builder, op, _label(op), inputs, types, compute)


def _convert_embedding(builder: NetworkBuilder, op: nn.EmbeddingOp) -> None:
    """An indexed read of the table."""
    ids, _ = builder.read(op.ids, op)
    table = builder.memory(op.table, op)
    if table.slices is not None or builder.iterations > 1:
        _fail(op, "embedding inside a loop is not built; keep it outside the looped kernel")
    wire = Wire(op.result.type)
    builder.unit(op, lambda: dataflow.GatherOp(table.argument, ids, wire.channels))
    builder.sources[op.result] = wire


def _convert_append(builder: NetworkBuilder, op: nn.CacheAppendOp) -> None:
    """A store at the position; whoever reads the cache after it gets its token."""
    cache = builder.memory(op.cache, op)
    if cache in builder.appends:
        _fail(op, "a kernel appends twice to one cache; split it between the two")
    if cache in builder.cache_reads:
        _fail(op, "a kernel reads a cache and appends to it afterwards; split it between the two")
    position = builder.memory(op.position, op)
    channel, _ = builder.read(op.x, op)
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


def _read_cache(builder: NetworkBuilder, op: nn.AttentionOp, cache: SSAValue) -> Wire:
    """Stream a cache; after an append in the same kernel, the tile of its position waits for it."""
    memory, position = builder.memory(cache, op), builder.memory(op.position, op)
    if memory.invariant:
        _fail(op, "a looped kernel reads one cache in all iterations; give each iteration its own")
    builder.cache_reads.add(memory)
    wire = Wire(TensorType(nn.element_type_of(cache), nn.shape_of(cache)))
    append = builder.appends.get(memory)
    token = builder.channel(append) if append is not None else None

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


def _convert_attention(builder: NetworkBuilder, op: nn.AttentionOp) -> None:
    """Three stages: scores, softmax over the whole context, weighted sum of the values."""
    batch, _, context, _ = nn.shape_of(op.keys)
    row = TensorType(f32, [batch, op.heads, context])
    accumulator = TensorType(f64, nn.shape_of(op.result))
    query, keys = builder.read(op.query, op), _read_cache(builder, op, op.keys)
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
        [query, (builder.channel(keys, "keys"), 1)],
        [op.query.type, keys.type],
        scores,
    )
    position = builder.read(op.position, op)
    weighted = _add_stage(
        builder,
        op,
        f"softmax.{hint}",
        [(builder.channel(scored, "scores"), 1), position],
        [row, op.position.type],
        softmax,
    )
    cached = _read_cache(builder, op, op.values)
    builder.sources[op.result] = _add_stage(
        builder,
        op,
        f"values.{hint}",
        [(builder.channel(weighted, "weights"), 1), (builder.channel(cached, "values"), 1)],
        [row, cached.type, accumulator],
        values,
    )


def _convert_op(builder: NetworkBuilder, op: Operation) -> None:
    match op:
        case nn.EmbeddingOp():
            _convert_embedding(builder, op)
        case nn.CacheAppendOp():
            _convert_append(builder, op)
        case nn.AttentionOp():
            _convert_attention(builder, op)
        case nn.ComputeOp() if not any(isinstance(o.type, MemRefType) for o in op.operands):
            _convert_compute(builder, op)
        case _:
            _fail(op, f"{op.name} has no form as a stage")


def _convert_body(builder: NetworkBuilder, block: Block) -> None:
    for op in block.ops:
        if not isinstance(op, kernel.ReturnOp | kernel.YieldOp):
            _convert_op(builder, op)


def _convert_loop(builder: NetworkBuilder, loop: kernel.LoopOp) -> None:
    """The body once, its carried values through carries."""
    carried, arguments = len(loop.carried), loop.body.block.args
    currents = [Wire(argument.type) for argument in arguments[:carried]]
    builder.sources |= dict(zip(arguments[:carried], currents, strict=True))
    for argument, stack, slices in zip(arguments[carried:], loop.stacks, loop.slices, strict=True):
        stacked = builder.memory(stack, loop)
        builder.sources[argument] = Memory(stacked.argument, slices)
    inits = [builder.load_once(builder.memory(value, loop), value, loop) for value in loop.carried]
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
    nexts += [builder.channel(builder.wire(value, loop), value.name_hint) for value in last.operands]


def _store_results(builder: NetworkBuilder, terminator: Operation) -> None:
    for number, value in enumerate(terminator.operands):
        wire = builder.wire(value, terminator)
        channel, once = builder.channel(wire, value.name_hint), wire.per_call
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
        _fail(func, f"@{func.sym_name.data} has operations beside its loop; outline them into kernels")
    loop = loops[0]
    for result in loop.res:
        if not result.uses:
            _fail(loop, "a result of the loop is never read; return it or drop the carried value")
    return loop


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
