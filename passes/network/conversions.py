"""Operations that become more than a stage, or something else: caches, reads by index, exchanges of sockets.

A cache is appended to by a store and read by loads that wait for it; attention is three stages over it.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerAttr, TensorType, f32, f64
from xdsl.ir import Operation, SSAValue

from ...dialects import dataflow, nn
from ...dialects.accesses import Access, Loop, Meeting, conflicts, may_meet
from ...dialects.dataflow import TokenType, UnitOp
from ...dialects.nn_compute import TableLookupOp
from ...dialects.operation import SocketExchangeOp
from ...dialects.rings import ring_of
from ...dialects.tensors import element_type_of, shape_of
from ...dialects.vocabulary import STEP
from ..diagnostics import fail
from .wires import Memory, NetworkBuilder, Touched, Wire, add_copy, add_stage

DEFAULT_ALGORITHM = "one_shot"
"""Of a collective: the one with the least latency; `overlap-collectives` chooses for each."""


def convert_special(builder: NetworkBuilder, op: Operation) -> bool:
    """Convert an operation that is not just a stage; whether it is such a one."""
    match op:
        case nn.GatherSlicesOp():
            _convert_slices(builder, op)
        case TableLookupOp():
            _convert_lookup(builder, op)
        case SocketExchangeOp():
            _convert_exchange(builder, op)
        case nn.CacheAppendOp():
            _convert_append(builder, op)
        case nn.AttentionOp():
            _convert_attention(builder, op)
        case _:
            return False
    return True


def _convert_append(builder: NetworkBuilder, op: nn.CacheAppendOp) -> None:
    """A store at the position; whoever reads the cache after it gets its token.

    It waits for what has read the cache before: for all tiles of the results, which need all of the cache.
    """
    cache, position = builder.memory(op.cache, op), _position(builder, op.position, op)
    reads = _touch(builder, op, cache, position, writes=True)
    behind = [result for read in dict.fromkeys(reads) if not _uses(op.x, read) for result in read.results]
    if behind:
        label = f"wait.{op.x.name_hint or 'x'}"
        channel = builder.channel(add_copy(builder, op, label, op.x, behind), op, op.x.name_hint)
    else:
        channel = builder.fresh(op.x, op)
    slices = cache.slices(builder.tree, builder.rate)
    done = builder.appends[cache] = Wire(TokenType(), builder.rate)
    builder.unit(
        op,
        lambda: dataflow.StoreOp(
            channel,
            destination=cache.argument,
            position=position.argument,
            done=done.channels,
            slices=slices,
            ring=op.ring is not None,
        ),
    )


def _uses(value: SSAValue, op: Operation) -> bool:
    """Whether a value is computed from the results of an operation of its block."""
    waiting, seen = [value], set[SSAValue]()
    while waiting:
        owner = (value := waiting.pop()).owner
        if owner is op:
            return True
        if isinstance(owner, Operation) and value not in seen:
            waiting += owner.operands
        seen.add(value)
    return False


def _position(builder: NetworkBuilder, value: SSAValue, op: Operation) -> Memory:
    """Where a position comes from; streams of a kernel of several decode steps count it."""
    position = builder.memory(value, op)
    if builder.tree.steps > 1 and not position.counted:
        fail(op, f"{op.name} is at the same position in every step; count the position")
    return position


def _touch(
    builder: NetworkBuilder, op: nn.CacheAppendOp | nn.AttentionOp, cache: Memory, at: Memory, *, writes: bool
) -> list[Operation]:
    """Note a use of a cache; returns those before it that it has to wait for.

    Raises: PassFailedException where waiting does not help.
    """
    strides = dict(cache.strides)
    loops = (loop for loop in builder.tree.path(builder.rate) if loop.name != STEP)
    walked = tuple(Loop(loop.name, loop.count, strides.get(loop.name, 0)) for loop in loops)
    where = (at.argument, None) if writes else (None, at.argument)
    access = Access(writes, walked, cache.start or 0, 1, *where, ring_of(op))
    met: list[Operation] = []
    for other in builder.touched:
        if other.argument is cache.argument and may_meet(other.access, access):
            for meeting in conflicts(other.access, access):
                fail(op, _unordered(op, other.access, access, meeting))
            met.append(other.op)
    builder.touched.append(Touched(cache.argument, access, op))
    return met


def _unordered(
    op: nn.CacheAppendOp | nn.AttentionOp, earlier: Access, later: Access, meeting: Meeting
) -> str:
    """Why a network cannot keep the order of two uses of a cache, and the way out."""
    if earlier.writes and later.writes and meeting.level is None:
        return "a kernel appends twice to one cache; split it between the two"
    if meeting.level is None and (earlier.loops, earlier.start) == (later.loops, later.start):
        return (
            f"{op.name} reads a cache at another position than a kernel appends at; split it between the two"
        )
    return "an iteration reads what another one appends to a cache; give each iteration its own"


def _read_cache(builder: NetworkBuilder, op: nn.AttentionOp, cache: SSAValue) -> Wire:
    """Stream a cache; after an append in the same kernel, the tile of its position waits for it."""
    memory, position = builder.memory(cache, op), _position(builder, op.position, op)
    _touch(builder, op, memory, position, writes=False)
    wire = Wire(TensorType(element_type_of(cache), shape_of(cache)), builder.rate)
    append = builder.appends.get(memory)
    token = builder.channel(append, op) if append is not None else None
    slices = memory.slices(builder.tree, builder.rate)

    def make() -> UnitOp:
        return dataflow.LoadOp(
            memory.argument,
            wire.channels,
            slices=slices,
            after=token,
            position=position.argument if token is not None else None,
            ring=op.ring is not None and token is not None,
        )

    builder.unit(op, make)
    return wire


def _convert_attention(builder: NetworkBuilder, op: nn.AttentionOp) -> None:
    """Three stages: scores, softmax over the whole context, weighted sum of the values."""
    batch, _, context, _ = shape_of(op.keys)
    row = TensorType(f32, [batch, op.heads, context])
    accumulator = TensorType(f64, shape_of(op.result))
    query, keys = builder.held(op.query, op), _read_cache(builder, op, op.keys)
    hint = op.result.name_hint or "attention"

    def scores(args: Sequence[SSAValue]) -> tuple[list[Operation], SSAValue, list[SSAValue]]:
        made = nn.AttentionScoresOp(args[0], args[1], op.scale, row, op.softcap)
        return [made], made.result, []

    def softmax(args: Sequence[SSAValue]) -> tuple[list[Operation], SSAValue, list[SSAValue]]:
        made = nn.AttentionSoftmaxOp(args[0], args[1], args[2:], op)
        return [made], made.result, []

    def values(args: Sequence[SSAValue]) -> tuple[list[Operation], SSAValue, list[SSAValue]]:
        made = nn.AttentionValuesOp(args[0], args[1], args[2])
        rounded = nn.CastOp(made.result, op.result.type)
        return [made, rounded], rounded.result, [made.result]

    scored = add_stage(
        builder,
        op,
        f"scores.{hint}",
        [query, (builder.channel(keys, op, "keys"), 1)],
        [op.query.type, keys.type],
        scores,
    )
    held = [op.position, *op.by_head]
    weighted = add_stage(
        builder,
        op,
        f"softmax.{hint}",
        [(builder.channel(scored, op, "scores"), 1), *(builder.held(value, op) for value in held)],
        [row, *(value.type for value in held)],
        softmax,
    )
    cached = _read_cache(builder, op, op.values)
    builder.sources[op.result] = add_stage(
        builder,
        op,
        f"values.{hint}",
        [(builder.channel(weighted, op, "weights"), 1), (builder.channel(cached, op, "values"), 1)],
        [row, cached.type, accumulator],
        values,
    )


def _convert_lookup(builder: NetworkBuilder, op: TableLookupOp) -> None:
    """An indexed read of the table."""
    ids, table = builder.fresh(op.ids, op), builder.memory(op.table, op)
    if table.start is not None:
        fail(op, "embedding from a stack of tables has no form as a stream; give it one table")
    wire = Wire(op.result.type, builder.rate)

    def make() -> UnitOp:
        channels, sharded = wire.channels, op.ACROSS_SOCKETS
        return dataflow.GatherOp(table.argument, ids, channels, sharded=sharded, rows=op.padded_rows)

    builder.unit(op, make)
    builder.sources[op.result] = wire


def _convert_slices(builder: NetworkBuilder, op: nn.GatherSlicesOp) -> None:
    """A load of the slices that ids name."""
    stack, ids = builder.sources[op.stack], _ids(builder, op)
    if not isinstance(stack, Memory):
        what = f"{op.name} reads slices of what is computed in its kernel"
        fail(op, what, "read slices of a weight, and compute with them")
    if stack.is_window:
        fail(op, f"{op.name} takes slices of several layers as a stack; let a loop walk along them")
    wire, slices = Wire(op.result.type, builder.rate), stack.slices(builder.tree, builder.rate)

    def make() -> UnitOp:
        return dataflow.LoadOp(stack.argument, wire.channels, slices=slices, by=ids, along=op.axis)

    builder.unit(op, make)
    builder.sources[op.result] = wire


def _ids(builder: NetworkBuilder, op: nn.GatherSlicesOp) -> SSAValue:
    """A channel that brings ids in every pass; those made around the loop are held in a stage for it."""
    source = builder.sources[op.ids]
    if isinstance(source, Memory) or source.rate == builder.rate:
        return builder.fresh(op.ids, op)
    label = f"hold.{op.ids.name_hint or 'ids'}"
    inputs = [builder.held(op.ids, op)]
    again = add_stage(builder, op, label, inputs, [op.ids.type], lambda args: ([], args[0], []))
    return builder.channel(again, op, op.ids.name_hint)


def _convert_exchange(builder: NetworkBuilder, op: SocketExchangeOp) -> None:
    """A stage that collects the whole value, and the exchange of it."""
    inputs = [builder.held(op.x, op)]
    whole = add_stage(
        builder, op, f"collect.{op.x.name_hint or 'x'}", inputs, [op.x.type], lambda args: ([], args[0], [])
    )
    source, wire = builder.channel(whole, op, op.x.name_hint), Wire(op.result.type, builder.rate)
    kind, along = op.name.split(".")[-1], op.properties.get("axis")
    axis = along.value.data if isinstance(along, IntegerAttr) else None
    builder.unit(op, lambda: dataflow.ExchangeOp(kind, 1, source, wire.channels, DEFAULT_ALGORITHM, axis))
    builder.sources[op.result] = wire
