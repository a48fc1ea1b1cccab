"""Cut the work of each stage into tiles.

Before:

```mlir
dataflow.kernel @project(%x: tensor<1x8xbf16>, %w: tensor<8x256xbf16>) -> tensor<1x256xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<8x256xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x256xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %w to %b : tensor<8x256xbf16> -> !dataflow.channel<tensor<8x256xbf16>>
  dataflow.stage "matmul" firings 1 ins(%a, %b : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<8x256xbf16>>) periods [1, 1] outs(%c : !dataflow.channel<tensor<1x256xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x8xbf16>, %e: tensor<8x256xbf16>):
    %f = nn.matmul %d, %e : (tensor<1x8xbf16>, tensor<8x256xbf16>) -> tensor<1x256xbf16>
    dataflow.yield %f : tensor<1x256xbf16>
  }
  dataflow.store %c result 0 : !dataflow.channel<tensor<1x256xbf16>>
}
```

After:

```mlir
dataflow.kernel @project(%x: tensor<1x8xbf16>, %w: tensor<8x256xbf16>) -> tensor<1x256xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<8x32xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x32xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %w to %b : tensor<8x256xbf16> -> !dataflow.channel<tensor<8x32xbf16>>
  dataflow.stage "matmul" firings 8 ins(%a, %b : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<8x32xbf16>>) periods [8, 1] outs(%c : !dataflow.channel<tensor<1x32xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x8xbf16>, %e: tensor<8x32xbf16>):
    %f = nn.matmul %d, %e : (tensor<1x8xbf16>, tensor<8x32xbf16>) -> tensor<1x32xbf16>
    dataflow.yield %f : tensor<1x32xbf16>
  }
  dataflow.store %c result 0 : !dataflow.channel<tensor<1x32xbf16>>
}
```

A matmul works column by column of its weight, attention position by position of its cache, elementwise work
follows its producers. Of slices that are read by index a tile has part of one, or of all. Tiles keep the
numbers: no reduction is cut except where the stage accumulates in order. What is read around a loop is loaded
ahead while it runs, in tiles that HBM brings about as fast as it answers: what the loop needs waits for them.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, ModuleOp, i64
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects import dataflow
from ...dialects.dataflow import ChannelType
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ...dialects.tensors import tile_of
from ...dialects.tile_sources import source_of
from ..diagnostics import fail
from ..knobs import Knob
from .axes import Cut, StageAxes, cut_type, cuts_of, tile_rule
from .problem import Limits, tiling_problem
from .solver import choose_tiles
from .streams import shared_with, streams_tiles

TILE_BYTES = 1024 * 1024
"""Largest tile that a stage streams, by default. Assumed: small against SRAM, large against a burst."""
LEAST_TILES = 8
"""Fewest tiles of a streamed tensor, by default. Assumed: enough that compute starts long before the end."""

LEAST_KNOB_BYTES, MOST_KNOB_BYTES = 4096, 4 * TILE_BYTES
"""Tiles worth trying: a few requests of the memory to a good part of the SRAM."""


def _bytes_up_to(size: str, default: str | None = None) -> Knob:
    """The knob of a tile's size, where there is something to cut that is larger than the smallest tile."""
    return Knob(
        low=LEAST_KNOB_BYTES,
        high=f"min({MOST_KNOB_BYTES}, {size})",
        scale="pow2",
        unit="bytes",
        prior="exponential",
        default=default,
        where=(f"{size} > {LEAST_KNOB_BYTES}",),
    )


@dataclass(frozen=True)
class TileStagesPass(ModulePass):
    """Cut every stage into tiles of at most `tile-bytes`, at least `least-tiles` where it streams."""

    name: ClassVar[str] = "tile-stages"

    tile_bytes: int = field(default=TILE_BYTES, metadata={"knob": _bytes_up_to("largest_weight_bytes")})
    """Largest tile that a stage streams, where the extents allow it."""
    least_tiles: int = field(
        default=LEAST_TILES,
        metadata={"knob": Knob(low=1, high=64, scale="pow2", prior="gaussian", unit="tiles")},
    )
    """Fewest tiles of what a stage streams, where the extents allow it."""
    least_run_bytes: int | None = field(
        default=None,
        metadata={
            "knob": Knob(
                low=16, high=512, scale="pow2", prior="gaussian", default="agcu_request_bytes", unit="bytes"
            )
        },
    )
    """Neighbouring bytes that a streamed tile should have; the machine's `agcu_request_bytes` if absent."""
    cache_tile_bytes: int | None = field(
        default=None, metadata={"knob": _bytes_up_to("largest_cache_bytes", default="tile_bytes")}
    )
    """Largest tile of a KV cache; `tile_bytes` if absent."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        run = machine_of(op).agcu_request_bytes if self.least_run_bytes is None else self.least_run_bytes
        for name, value in (
            ("tile-bytes", self.tile_bytes),
            ("least-tiles", self.least_tiles),
            ("least-run-bytes", run),
            ("cache-tile-bytes", self.tile_bytes if self.cache_tile_bytes is None else self.cache_tile_bytes),
        ):
            if value < 1:
                fail(op, f"{name} is {value}; it must be positive")
        for network in op.ops:
            if isinstance(network, dataflow.KernelOp):
                limits = Limits(self.tile_bytes, run, self.cache_tile_bytes, _brief_bytes(machine_of(op)))
                tile_network(network, limits, self.least_tiles)


def _set_type(value: SSAValue, type_: Attribute) -> SSAValue:
    return value if value.type == type_ else Rewriter.replace_value_with_new_type(value, type_)


def _cut_body(stage: dataflow.StageOp, axes: StageAxes, extent: int) -> None:
    """Give the body's values the types of tiles of an extent."""
    block = stage.body.block
    results = {op: _cut_result(op) for op in stage.body_ops()}  # by the shapes that they have whole
    kinds: dict[SSAValue, Cut | None] = {}
    for number, (argument, axis) in enumerate(zip(list(block.args), axes.arguments, strict=True)):
        tile = cut_type(argument.type, axis, axes.argument_extent(number, extent))
        kinds[_set_type(argument, tile)] = axis
    for op, cut in results.items():
        result = op.results[0]
        is_cut = any(kinds.get(operand) is not None for operand in op.operands)
        axis = cut if is_cut else None
        kinds[_set_type(result, cut_type(result.type, axis, extent))] = axis


def _cut_result(op: Operation) -> Cut | None:
    rule = tile_rule(op)
    assert rule is not None, "a stage that is cut has operations with rules"
    return cuts_of(rule)[-1]


def _cut_channels(stage: dataflow.StageOp, axes: StageAxes) -> None:
    """Give a stage's channels the tiles that it makes; a stream of its own takes those that it reads."""
    for channel, value in zip(list(stage.outs), stage.yielded(), strict=False):
        _set_type(channel, ChannelType(value.type))
    ports = zip(list(stage.ins), stage.body.block.args, axes.arguments, strict=False)
    for channel, argument, axis in ports:
        if axis is not None and streams_tiles(channel):
            _set_type(channel, ChannelType(argument.type))


def _cut_shared(unit: dataflow.UnitOp) -> None:
    """Give all channels of a load the tiles of the first one, whose reader has chosen them."""
    if isinstance(unit, dataflow.LoadOp) and shared_with(unit.channels[0]) is not None:
        for channel in list(unit.channels)[1:]:
            _set_type(channel, unit.channels[0].type)


def _cut_handed_on(unit: dataflow.UnitOp) -> None:
    """Give the channels of a unit that hands tiles on those of the stage that makes them."""
    handed = unit.handed_on()
    source = None if handed is None else source_of(handed.next)
    if source is None:
        return
    tile = tile_of(source.stage.outs[source.port])
    unit.cut(tile)
    for channel in list(unit.operands):
        _set_type(channel, ChannelType(tile))


def _retime(stage: dataflow.StageOp, axes: StageAxes, count: int) -> None:
    """Firings and periods of a stage that now fires once per tile."""
    periods: list[int] = []
    ports = zip(stage.ports(), axes.arguments, stage.in_periods.get_values(), strict=False)
    for port, axis, period in ports:
        held_longer = axis is None or period > 1
        periods.append(int(period) * (count if held_longer else port.slices))
    outs = [1 if axis is not None else count for axis in axes.yielded[: len(stage.outs)]]
    stage.firings = IntegerAttr(count, i64)
    stage.in_periods = DenseArrayBase.from_list(i64, periods)
    stage.out_periods = DenseArrayBase.from_list(i64, outs)


def _is_whole(stage: dataflow.StageOp) -> bool:
    """Whether a stage works on whole tensors, once an iteration."""
    inputs = zip(stage.ins, stage.body.block.args, strict=False)
    return stage.firings.value.data == 1 and all(tile_of(c) == arg.type for c, arg in inputs)


def _brief_bytes(machine: Machine) -> int:
    """What HBM brings in the time that it takes to answer: who waits behind that hardly waits longer."""
    bytes_a_second = machine.hbm_bandwidth * machine.hbm_efficiency_permille // 1000
    return machine.hbm_latency_cycles * bytes_a_second // machine.clock_hz


def tile_network(network: dataflow.KernelOp, limits: Limits, least_tiles: int) -> None:
    """Cut a network whose stages are all whole; one that is cut already stays as it is."""
    problem = tiling_problem(network)
    if not all(map(_is_whole, problem.stages)):
        return
    numbers = range(len(problem.stages))
    solver_stages = [problem.tiled_stage(number, limits) for number in numbers]
    tiles = [*choose_tiles(solver_stages, limits.tile_bytes, least_tiles)]
    for begin, maker in problem.beginnings():
        whole = maker is None or tiles[maker] == problem.axes[maker].extent
        tiles[begin] = problem.axes[begin].extent if whole or maker is None else tiles[maker]
    entries = zip(problem.stages, problem.axes, tiles, strict=True)
    cut = [entry for entry in entries if entry[1].extent > entry[2]]
    for stage, axes, extent in cut:
        _cut_body(stage, axes, extent)
    for stage, axes, _ in cut:
        _cut_channels(stage, axes)
    for unit in network.units():
        _cut_shared(unit)
        _cut_handed_on(unit)
    # Only now: how an input holds its tiles depends on what their producers make of them.
    for stage, axes, extent in cut:
        _retime(stage, axes, -(-axes.extent // extent))
