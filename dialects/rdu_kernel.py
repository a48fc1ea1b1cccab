"""The `rdu` operations of a kernel: placed units, buffers in PMUs, streams with byte strides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from xdsl.dialects.builtin import (
    DenseArrayBase,
    IntegerAttr,
    IntegerType,
    MemRefType,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import (
    HasParent,
    IsolatedFromAbove,
    NoTerminator,
    SymbolOpInterface,
)

from .network import (
    ExchangeOp,
    LoadStreamOp,
    LoopCarryOp,
    NetworkOp,
    PipelineStageOp,
    QueueOp,
    StepCounterOp,
    StreamUnitOp,
    TableGatherOp,
)
from .nn import expect, shape_of
from .rdu_machine import machine_of
from .tiles import ChannelType, data_tile_of, expect_tokens


@irdl_op_definition
class KernelOp(NetworkOp):
    """A placed kernel; its arguments are addresses that an argument load sets, the results' last.

    `rdu.kernel @norm(%x: tensor<1x8xbf16>, %y: memref<1x8xbf16>) attributes {iterations = 1} { … }`
    """

    name = "rdu.kernel"
    traits = traits_def(IsolatedFromAbove(), SymbolOpInterface(), NoTerminator())

    def verify_(self) -> None:
        super().verify_()
        expect(not self.function_type.outputs.data, "an rdu kernel returns nothing, it stores")
        machine = machine_of(self)
        ops = list(self.body.block.ops)
        stages = [(op.label.data, op.pcu_first, op.pcus) for op in ops if isinstance(op, StageOp)]
        buffers = [
            (op.result.name_hint or "buffer", op.pmu_first, op.pmus) for op in ops if isinstance(op, BufferOp)
        ]
        _verify_places(stages, machine.pcus, "PCU")
        _verify_places(buffers, machine.pmus, "PMU")


Place = tuple[str, IntegerAttr | None, IntegerAttr | None]


def _verify_places(places: Iterable[Place], available: int, kind: str) -> None:
    """Raises: VerifyException where a unit has two tasks or lies outside the machine."""
    spans: list[tuple[int, int, str]] = []
    for name, first, count in places:
        expect(first is not None and count is not None, f"'{name}' has no {kind}s")
        assert first is not None
        assert count is not None
        if count.value.data > 0:
            spans.append((first.value.data, first.value.data + count.value.data, name))
    spans.sort()
    for (_, end, name), (begin, _, other) in pairwise(spans):
        expect(end <= begin, f"{kind} {begin} belongs to '{name}' and to '{other}'")
    if spans:
        last = max(end for _, end, _ in spans)
        expect(last <= available, f"{kind} {last - 1} of a machine with {available}")


@irdl_op_definition
class BufferOp(QueueOp):
    """A channel in its PMUs: `%b = rdu.buffer 4 {pmus = 2, pmu_first = 8, hops = 5} : !dataflow.channel…`."""

    name = "rdu.buffer"
    traits = traits_def(HasParent(KernelOp))

    def verify_(self) -> None:
        super().verify_()
        expect(self.pmus is not None, "a buffer needs `pmus`")
        assert self.pmus is not None
        need = self.depth.value.data * self.type.tile_bytes
        machine, count = machine_of(self), self.pmus.value.data
        room = count * machine.pmu_bytes if count else machine.pcu_fifo_bytes
        expect(need <= room, f"{self.depth.value.data} tiles take {need} bytes, {count} PMUs hold {room}")


@irdl_op_definition
class StageOp(PipelineStageOp):
    """A stage on its PCUs, scheduled: `rdu.stage "matmul" firings 8 ins(…) … attributes {ii = 160, …}`."""

    name = "rdu.stage"
    traits = traits_def(HasParent(KernelOp))

    def verify_(self) -> None:
        super().verify_()
        for value, name in ((self.ii, "ii"), (self.latency, "latency")):
            expect(value is not None and value.value.data > 0, f"a stage needs a positive `{name}`")


@irdl_op_definition
class CarryOp(LoopCarryOp):
    """The loop-carried value, as in `dataflow.carry`."""

    name = "rdu.carry"
    traits = traits_def(HasParent(KernelOp))


@irdl_op_definition
class CounterOp(StepCounterOp):
    """The position of each decode step, as in `dataflow.counter`."""

    name = "rdu.counter"
    traits = traits_def(HasParent(KernelOp))


@irdl_op_definition
class GatherOp(TableGatherOp):
    """An AGCU that reads rows by index, as in `dataflow.gather`."""

    name = "rdu.gather"
    traits = traits_def(HasParent(KernelOp))


@irdl_op_definition
class CollectiveOp(ExchangeOp):
    """An exchange between sockets, as in `dataflow.collective`."""

    name = "rdu.collective"
    traits = traits_def(HasParent(KernelOp))


class StreamOp(StreamUnitOp):
    """An AGCU stream with its address pattern; the base of `rdu.load` and `rdu.store`.

    Tile t of the i-th pass of a decode step begins at `start + i * pass_stride + t * tile_stride` bytes from
    the argument's address, a store at a position `position * position_stride` further; `strides` are those
    inside the tile. A stream `per_step` goes on with the passes of the step before.
    """

    tiles = prop_def(IntegerAttr.constr(i64))
    """Tiles of one pass."""
    tile_stride = prop_def(IntegerAttr.constr(i64))
    start = prop_def(IntegerAttr.constr(i64))
    pass_stride = prop_def(IntegerAttr.constr(i64))
    strides = prop_def(DenseArrayBase.constr(i64))
    """Bytes from one element to the next, per dimension of the tile."""


@irdl_op_definition
class LoadOp(LoadStreamOp, StreamOp):
    """A stream from memory to channels: `rdu.load %w to %c {tiles = 8, tile_stride = 1024, …} : …`."""

    name = "rdu.load"

    positions_per_tile = opt_prop_def(IntegerAttr.constr(i64))
    """With `after`: tiles from `position / positions_per_tile` on wait for its token."""

    traits = traits_def(HasParent(KernelOp))

    def produced_tiles(self, channel: SSAValue) -> int:
        return self.passes * self.tiles.value.data

    def verify_(self) -> None:
        super().verify_()
        gate = {self.after is None, self.position is None, self.positions_per_tile is None}
        expect(len(gate) == 1, "give `after`, `position` and `positions_per_tile` together")
        if self.positions_per_tile is not None:
            positions = self.positions_per_tile.value.data
            expect(positions > 0, f"positions_per_tile is {positions}; the least is 1")
        tile = data_tile_of(self.channels[0], self.source.type, "the source")
        _verify_walk(self, len(shape_of(tile)), self.position)


@irdl_op_definition
class StoreOp(StreamOp):
    """A stream from a channel to memory: `rdu.store %c into %y {tiles = 1, …} : …`.

    At a position of a cache, a tile `[B, n]` is written as `[B, n / head_dim, head_dim]`: three strides.
    """

    name = "rdu.store"

    channel = operand_def(ChannelType)
    destination = operand_def(MemRefType[Attribute])
    position = opt_operand_def(TensorType[IntegerType])
    done = var_operand_def(ChannelType)
    position_stride = opt_prop_def(IntegerAttr.constr(i64))

    traits = traits_def(HasParent(KernelOp))
    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "$channel `into` $destination (`at` $position^ `:` type($position))? "
        "(`done` `(` $done^ `:` type($done) `)`)? attr-dict `:` type($channel) `->` type($destination)"
    )

    def __init__(
        self,
        channel: SSAValue,
        destination: SSAValue,
        position: SSAValue | None,
        done: Sequence[SSAValue],
        properties: dict[str, Attribute | None],
    ):
        super().__init__(operands=[channel, destination, position, done], properties=properties)

    def inputs(self) -> Sequence[SSAValue]:
        return (self.channel,)

    def outputs(self) -> Sequence[SSAValue]:
        return self.done

    def consumed_tiles(self, channel: SSAValue) -> int:
        return self.passes * self.tiles.value.data

    def produced_tiles(self, channel: SSAValue) -> int:
        return self.passes

    def verify_(self) -> None:
        super().verify_()
        both = (self.position is None) == (self.position_stride is None)
        expect(both, "give `at` and `position_stride` together")
        expect_tokens(self.done, "`done`")
        shape = shape_of(data_tile_of(self.channel, self.destination.type, "the destination"))
        _verify_walk(self, len(shape) if self.position is None else 3, self.position)
        if self.position is not None:
            cache = shape_of(self.destination)
            expect(len(cache) >= 4, f"`at` needs a cache [batch, heads, context, head_dim], got {cache}")
            head_dim = cache[-1]
            heads = len(shape) == 2 and shape[1] % head_dim == 0
            expect(heads, f"`at` takes tiles [batch, heads * {head_dim}], not {shape}")


def _verify_walk(op: StreamOp, rank: int, position: SSAValue | None) -> None:
    expect(len(op.strides) == rank, f"{len(op.strides)} strides for a tile of rank {rank}")
    expect(op.tiles.value.data > 0, f"a stream of {op.tiles.value.data} tiles")
    if position is not None:
        expect(shape_of(position) == (), f"a position is a scalar, not a {position.type}")
