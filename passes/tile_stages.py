"""Cut the work of each stage into tiles.

Before:

```mlir
dataflow.kernel @project(%x: tensor<1x8xbf16>, %w: tensor<8x16xbf16>) -> tensor<1x16xbf16> attributes {iterations = 1} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<8x16xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x16xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %w to %b : tensor<8x16xbf16> -> !dataflow.channel<tensor<8x16xbf16>>
  dataflow.stage "matmul" firings 1 ins(%a, %b : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<8x16xbf16>>) periods [1, 1] outs(%c : !dataflow.channel<tensor<1x16xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x8xbf16>, %e: tensor<8x16xbf16>):
    %f = nn.matmul %d, %e : (tensor<1x8xbf16>, tensor<8x16xbf16>) -> tensor<1x16xbf16>
    dataflow.yield %f : tensor<1x16xbf16>
  }
  dataflow.store %c result 0 : !dataflow.channel<tensor<1x16xbf16>>
}
```

After:

```mlir
dataflow.kernel @project(%x: tensor<1x8xbf16>, %w: tensor<8x16xbf16>) -> tensor<1x16xbf16> attributes {iterations = 1} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<8x2xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x2xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %w to %b : tensor<8x16xbf16> -> !dataflow.channel<tensor<8x2xbf16>>
  dataflow.stage "matmul" firings 8 ins(%a, %b : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<8x2xbf16>>) periods [8, 1] outs(%c : !dataflow.channel<tensor<1x2xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x8xbf16>, %e: tensor<8x2xbf16>):
    %f = nn.matmul %d, %e : (tensor<1x8xbf16>, tensor<8x2xbf16>) -> tensor<1x2xbf16>
    dataflow.yield %f : tensor<1x2xbf16>
  }
  dataflow.store %c result 0 : !dataflow.channel<tensor<1x2xbf16>>
}
```

A matmul works column by column of its weight, attention position by position of its cache, elementwise work
follows its producers. Tiles keep the numbers: no reduction is cut except where the stage accumulates in order.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, ModuleOp, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ..dialects import dataflow, nn
from ..dialects.network import ChannelType
from .analysis.footprint import LEAST_TILES, TILE_BYTES
from .analysis.stage_axes import (
    StageAxes,
    body_ops,
    cut_type,
    producer_of,
    stage_axes,
    streams_tiles,
)
from .solvers.tiling import TiledStage, choose_tiles


@dataclass(frozen=True)
class _Plan:
    """The stages of a kernel in program order, their axes and their tiles per iteration."""

    stages: list[dataflow.StageOp]
    axes: list[StageAxes]
    counts: tuple[int, ...]

    def stage_tiles(self, stage: dataflow.StageOp) -> int:
        return self.counts[self.stages.index(stage)]


def _resolve(channel: SSAValue, stages: list[dataflow.StageOp]) -> tuple[int | None, int | None, bool]:
    """Stage that makes a channel's tiles, the result's number there, and whether they are carried."""
    producer, carried = producer_of(channel), False
    if isinstance(producer, dataflow.CarryOp):
        carried, channel = True, producer.next
        producer = producer_of(channel)
    if not isinstance(producer, dataflow.StageOp):
        return None, None, carried
    port = next(i for i, out in enumerate(producer.outs) if out is channel)
    return stages.index(producer), port, carried


def _problem_stage(
    stage: dataflow.StageOp, axes: list[StageAxes], stages: list[dataflow.StageOp], iterations: int
) -> TiledStage | None:
    """The stage for the solver; None where a producer is cut along another axis."""
    own = axes[stages.index(stage)]
    sources: list[int] = []
    streamed, carries = 0, False
    for channel, argument, axis in zip(stage.ins, stage.body.block.args, own.arguments, strict=False):
        if axis is None:
            continue
        if streams_tiles(channel, iterations):
            streamed = max(streamed, nn.size_bytes_of(argument) // own.extent)
        source, port, carried = _resolve(channel, stages)
        if source is None or port is None or axes[source].extent == 1:
            continue
        if axes[source].yielded[port] != axis:
            return None
        carries |= carried
        if not carried:
            sources.append(source)
    return TiledStage(own.extent, streamed, own.multiple, tuple(sources), carries)


def _plan(network: dataflow.KernelOp, tile_bytes: int, least_tiles: int) -> _Plan:
    stages = [op for op in network.body.block.ops if isinstance(op, dataflow.StageOp)]
    axes = [stage_axes(stage) for stage in stages]
    problem: list[TiledStage] = []
    for number, stage in enumerate(stages):
        found = _problem_stage(stage, axes, stages, network.iterations)
        if found is None:
            none = (None,) * len(axes[number].arguments)
            axes[number] = StageAxes(none, (None,) * len(axes[number].yielded))
        problem.append(found or TiledStage())
    carries = [op for op in network.body.block.ops if isinstance(op, dataflow.CarryOp)]
    carried_from = _resolve(carries[0].next, stages)[0] if len(carries) == 1 else None
    if len(carries) > 1:
        # With several carried values their makers stay whole: no cut has to agree around the loop.
        makers = {_resolve(carry.next, stages)[0] for carry in carries}
        problem = [TiledStage() if i in makers else stage for i, stage in enumerate(problem)]
    return _Plan(stages, axes, choose_tiles(problem, tile_bytes, least_tiles, carried_from))


def _set_type(value: SSAValue, type_: Attribute) -> SSAValue:
    return value if value.type == type_ else Rewriter.replace_value_with_new_type(value, type_)


def _cut_body(stage: dataflow.StageOp, axes: StageAxes, count: int) -> None:
    """Give the body's values the types of tiles."""
    block = stage.body.block
    kinds: dict[SSAValue, int | None] = {}
    for argument, axis in zip(list(block.args), axes.arguments, strict=True):
        kinds[_set_type(argument, cut_type(argument.type, axis, count))] = axis
    for op in list(body_ops(stage)):
        cut = [axis for operand in op.operands if (axis := kinds.get(operand)) is not None]
        accumulates = isinstance(op, nn.AttentionValuesOp)
        axis = cut[0] if cut and not accumulates else None
        result = op.results[0]
        kinds[_set_type(result, cut_type(result.type, axis, count))] = axis


def _tile_channel(channel: SSAValue, tile: Attribute) -> None:
    _set_type(channel, ChannelType(tile))


def _cut_streams(plan: _Plan, network: dataflow.KernelOp) -> None:
    """Give the channels the tiles of their producers; a stream of its own takes those of its reader."""
    for stage, axes in zip(plan.stages, plan.axes, strict=True):
        last = stage.body.block.last_op
        assert last is not None, "the verifier wants a yield"
        for number, channel in enumerate(list(stage.outs)):
            _tile_channel(channel, last.operands[number].type)
        for number, channel in enumerate(list(stage.ins)):
            if axes.arguments[number] is not None and streams_tiles(channel, network.iterations):
                _tile_channel(channel, stage.body.block.args[number].type)
    for carry in [op for op in network.body.block.ops if isinstance(op, dataflow.CarryOp)]:
        producer = producer_of(carry.next)
        assert isinstance(carry.next.type, ChannelType), "checked by the op's definition"
        tile = carry.next.type.tile
        if isinstance(producer, dataflow.StageOp):
            carry.tiles = IntegerAttr(plan.stage_tiles(producer), i64)
        for channel in list(carry.operands):
            _tile_channel(channel, tile)


def _retime(stage: dataflow.StageOp, axes: StageAxes, count: int) -> None:
    """Firings and periods of a stage that now fires once per tile."""
    shapes = stage.ports()
    periods: list[int] = []
    for number, old in enumerate(stage.in_periods.get_values()):
        whole = axes.arguments[number] is None
        held = count if whole else max(shapes[number].slices, 1)
        if not whole and int(old) > 1:
            held = count
        periods.append(int(old) * held)
    last = stage.body.block.last_op
    assert last is not None, "the verifier wants a yield"
    outs = [1 if axes.yielded[number] is not None else count for number in range(len(stage.outs))]
    stage.firings = IntegerAttr(count, i64)
    stage.in_periods = DenseArrayBase.from_list(i64, periods)
    stage.out_periods = DenseArrayBase.from_list(i64, outs)


def tile_network(network: dataflow.KernelOp, tile_bytes: int, least_tiles: int) -> None:
    """Cut a network whose stages are all whole; one that is cut already stays as it is."""
    plan = _plan(network, tile_bytes, least_tiles)
    if any(stage.firings.value.data != 1 for stage in plan.stages):
        return
    for stage, axes, count in zip(plan.stages, plan.axes, plan.counts, strict=True):
        if count > 1:
            _cut_body(stage, axes, count)
    _cut_streams(plan, network)
    for stage, axes, count in zip(plan.stages, plan.axes, plan.counts, strict=True):
        if count > 1:
            _retime(stage, axes, count)


@dataclass(frozen=True)
class TileStagesPass(ModulePass):
    """Cut every stage into tiles of at most `tile-bytes`, at least `least-tiles` where it streams."""

    name: ClassVar[str] = "tile-stages"

    tile_bytes: int = TILE_BYTES
    least_tiles: int = LEAST_TILES

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for network in op.ops:
            if isinstance(network, dataflow.KernelOp):
                tile_network(network, self.tile_bytes, self.least_tiles)
