"""Cut the stages of a network into tiles, as many as `solver.py` says."""

from __future__ import annotations

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.rewriter import Rewriter

from ...dialects import dataflow
from ...dialects.dataflow import ChannelType
from ...dialects.tiles import tile_of
from .axes import StageAxes, cut_type, streams_tiles, tile_rule
from .problem import tiling_problem
from .solver import choose_tiles

TILE_BYTES = 1024 * 1024
"""Largest tile that a stage streams, by default. Assumed: small against SRAM, large against a burst."""
LEAST_TILES = 8
"""Fewest tiles of a streamed tensor, by default. Assumed: enough that compute starts long before the end."""


def _set_type(value: SSAValue, type_: Attribute) -> SSAValue:
    return value if value.type == type_ else Rewriter.replace_value_with_new_type(value, type_)


def _cut_body(stage: dataflow.StageOp, axes: StageAxes, count: int) -> None:
    """Give the body's values the types of tiles."""
    block = stage.body.block
    kinds: dict[SSAValue, int | None] = {}
    for argument, axis in zip(list(block.args), axes.arguments, strict=True):
        kinds[_set_type(argument, cut_type(argument.type, axis, count))] = axis
    for op in list(stage.body_ops()):
        rule, result = tile_rule(op), op.results[0]
        assert rule is not None, "a stage that is cut has operations with rules"
        is_cut = any(kinds.get(operand) is not None for operand in op.operands)
        axis = rule.result if is_cut else None
        kinds[_set_type(result, cut_type(result.type, axis, count))] = axis


def _cut_channels(stage: dataflow.StageOp, axes: StageAxes, iterations: int) -> None:
    """Give a stage's channels the tiles that it makes; a stream of its own takes those that it reads."""
    for channel, value in zip(list(stage.outs), stage.yielded(), strict=False):
        _set_type(channel, ChannelType(value.type))
    ports = zip(list(stage.ins), stage.body.block.args, axes.arguments, strict=False)
    for channel, argument, axis in ports:
        if axis is not None and streams_tiles(channel, iterations):
            _set_type(channel, ChannelType(argument.type))


def _cut_handed_on(unit: dataflow.UnitOp) -> None:
    """Give the channels of a unit that hands tiles on those of the stage that makes them."""
    handed = unit.handed_on()
    source = None if handed is None else dataflow.source_of(handed.next)
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


def tile_network(
    network: dataflow.KernelOp,
    tile_bytes: int,
    least_tiles: int,
    least_run_bytes: int,
    cache_tile_bytes: int | None = None,
) -> None:
    """Cut a network whose stages are all whole; one that is cut already stays as it is.

    Tiles of a KV cache have at most `cache_tile_bytes`, or `tile_bytes` like all others.
    """
    problem = tiling_problem(network)
    if not all(map(_is_whole, problem.stages)):
        return
    numbers = range(len(problem.stages))
    solver_stages = [problem.tiled_stage(number, least_run_bytes, cache_tile_bytes) for number in numbers]
    counts = [*choose_tiles(solver_stages, tile_bytes, least_tiles)]
    for begin, maker in problem.beginnings():
        counts[begin] = counts[maker]
    cut = [entry for entry in zip(problem.stages, problem.axes, counts, strict=True) if entry[2] > 1]
    for stage, axes, count in cut:
        _cut_body(stage, axes, count)
    for stage, axes, _ in cut:
        _cut_channels(stage, axes, network.iterations)
    for unit in network.units():
        _cut_handed_on(unit)
    # Only now: how an input holds its tiles depends on what their producers make of them.
    for stage, axes, count in cut:
        _retime(stage, axes, count)
