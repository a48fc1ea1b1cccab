"""Build the `rdu.kernel` of a planned network: the same units with explicit address patterns."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NoReturn

from xdsl.dialects.builtin import DenseArrayBase, FunctionType, IntegerAttr, MemRefType, i64
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ...dialects import dataflow, nn, rdu
from ...dialects.network import QueueOp, UnitOp, tile_of, tiled_axis

Values = dict[SSAValue, SSAValue]
Properties = dict[str, Attribute | None]

STAGE_PASSES = "allocate-units, schedule-stages and place-units"


def _fail(op: Operation, message: str) -> NoReturn:
    op.emit_error(message, PassFailedException(message))


def byte_strides(type_: Attribute) -> list[int]:
    """Bytes from one index to the next, per dimension, of a packed row-major tensor."""
    shape = nn.shape_of(type_)
    stride = nn.size_bytes_of(type_) // max(1, prod(shape))
    strides: list[int] = []
    for extent in reversed(shape):
        strides.append(stride)
        stride *= extent
    return strides[::-1]


def _number(value: int) -> IntegerAttr:
    return IntegerAttr(value, i64)


def _tile_shape(channel: SSAValue) -> tuple[int, ...]:
    return nn.shape_of(tile_of(channel))


def _slices(op: dataflow.LoadOp | dataflow.StoreOp, stream_bytes: int) -> Properties:
    start = op.start.value.data if op.start is not None else 0
    step = op.step.value.data if op.step is not None else 0
    return {
        "start": _number(start * stream_bytes),
        "pass_stride": _number(step * stream_bytes),
        "once": op.once,
    }


def _walk(stream: Attribute, channel: SSAValue) -> Properties:
    """Tiles, their distance and the strides inside of one pass over a packed tensor."""
    strides = byte_strides(stream)
    axis, tiles = tiled_axis(nn.shape_of(stream), _tile_shape(channel))
    distance = 0 if axis is None else _tile_shape(channel)[axis] * strides[axis]
    return {
        "tiles": _number(tiles),
        "tile_stride": _number(distance),
        "strides": DenseArrayBase.from_list(i64, strides),
    }


def _convert_load(op: dataflow.LoadOp, values: Values) -> rdu.LoadOp:
    properties = _walk(op.stream_type, op.channels[0]) | _slices(op, nn.size_bytes_of(op.stream_type))
    if op.after is not None:
        axis, _ = tiled_axis(nn.shape_of(op.stream_type), _tile_shape(op.channels[0]))
        context = len(nn.shape_of(op.stream_type)) - 2
        if axis not in (None, context):
            _fail(op, f"a gated load is tiled along axis {axis}; its positions lie along axis {context}")
        properties["positions_per_tile"] = _number(_tile_shape(op.channels[0])[context])
    return rdu.LoadOp(
        values[op.source],
        [values[channel] for channel in op.channels],
        values[op.after] if op.after is not None else None,
        values[op.position] if op.position is not None else None,
        properties,
    )


def _at_position(cache: Attribute, channel: SSAValue) -> Properties:
    """A tile `[B, n]` at one position of a cache `[B, G, context, D]`."""
    batch, heads, position, element = byte_strides(cache)
    _, groups, _, head_dim = nn.shape_of(cache)
    columns = _tile_shape(channel)[1]
    assert columns % head_dim == 0, "tile-stages cuts these tiles at whole heads"
    count = columns // head_dim
    return {
        "tiles": _number(groups // count),
        "tile_stride": _number(count * heads),
        "strides": DenseArrayBase.from_list(i64, [batch, heads, element]),
        "position_stride": _number(position),
    }


def _convert_store(op: dataflow.StoreOp, values: Values, results: Sequence[SSAValue]) -> rdu.StoreOp:
    if op.destination is None:
        assert op.result is not None, "checked by the op's verifier"
        stream, destination = op.stream_type, results[op.result.value.data]
        walk = _walk(stream, op.channel)
    else:
        destination = values[op.destination]
        stream = op.memory_type
        walk = _walk(stream, op.channel) if op.position is None else _at_position(stream, op.channel)
    return rdu.StoreOp(
        values[op.channel],
        destination,
        values[op.position] if op.position is not None else None,
        [values[token] for token in op.done],
        walk | _slices(op, nn.size_bytes_of(stream)),
    )


def _planned(op: dataflow.StageOp | QueueOp, names: Sequence[str], passes: str) -> dict[str, Attribute]:
    """The properties that planning passes have written."""
    for name in names:
        if name not in op.properties:
            what = op.label.data if isinstance(op, dataflow.StageOp) else op.label
            _fail(op, f"{what} has no {name}; run {passes} first")
    return {name: op.properties[name] for name in names}


def _convert_stage(op: dataflow.StageOp, values: Values) -> rdu.StageOp:
    planned = _planned(op, ("ii", "latency", "pcus", "pcu_first"), STAGE_PASSES)
    stage = rdu.StageOp(
        op.label.data,
        op.firings.value.data,
        [values[channel] for channel in op.ins],
        [values[channel] for channel in op.outs],
        op.detach_region(op.body),
        [int(period) for period in op.in_periods.get_values()],
        [int(period) for period in op.out_periods.get_values()],
    )
    stage.properties |= planned
    return stage


def _convert_buffer(op: QueueOp) -> rdu.BufferOp:
    buffer = rdu.BufferOp(op.type.tile, op.depth.value.data)
    buffer.properties |= _planned(op, ("pmus", "pmu_first", "hops"), "allocate-units and place-units")
    buffer.result.name_hint = op.result.name_hint
    return buffer


def _convert_at_its_rate(op: Operation, values: Values, results: Sequence[SSAValue]) -> UnitOp:
    unit = _convert_unit(op, values, results)
    if "per_step" in op.properties:
        unit.properties["per_step"] = op.properties["per_step"]
    return unit


def _convert_unit(op: Operation, values: Values, results: Sequence[SSAValue]) -> UnitOp:
    match op:
        case dataflow.LoadOp():
            return _convert_load(op, values)
        case dataflow.StoreOp():
            return _convert_store(op, values, results)
        case dataflow.StageOp():
            return _convert_stage(op, values)
        case dataflow.GatherOp():
            channels = [values[channel] for channel in op.channels]
            sharded = op.sharded is not None
            return rdu.GatherOp(values[op.table], values[op.ids], channels, sharded=sharded)
        case dataflow.CollectiveOp():
            channels = [values[channel] for channel in op.channels]
            axis = op.axis.value.data if op.axis is not None else None
            source, tiles = values[op.source], op.tiles.value.data
            return rdu.CollectiveOp(op.kind.data, tiles, source, channels, op.algorithm.data, axis)
        case dataflow.CarryOp():
            init, following = values[op.init], values[op.next]
            final = None if op.final is None else values[op.final]
            current = [values[channel] for channel in op.current]
            return rdu.CarryOp(op.tiles.value.data, init, following, final, current)
        case dataflow.CounterOp():
            return rdu.CounterOp(values[op.first], [values[channel] for channel in op.channels])
        case _:
            _fail(op, f"{op.name} has no form on the machine")


def build_kernel(network: dataflow.KernelOp) -> rdu.KernelOp:
    """The `rdu.kernel` of a network; the stages' bodies move over.

    Raises: PassFailedException where a unit has no schedule, count or place.
    """
    inputs = network.function_type.inputs.data
    outputs = [
        MemRefType(nn.element_type_of(output), nn.shape_of(output))
        for output in network.function_type.outputs.data
    ]
    block = Block(arg_types=[*inputs, *outputs])
    values: Values = dict(zip(network.args, block.args, strict=False))
    for old, new in zip(network.args, block.args, strict=False):
        new.name_hint = old.name_hint
    results = block.args[len(inputs) :]
    for number, result in enumerate(results):
        result.name_hint = f"out{number}"
    for op in list(network.body.block.ops):
        made = _convert_buffer(op) if isinstance(op, QueueOp) else _convert_at_its_rate(op, values, results)
        if isinstance(op, QueueOp):
            values[op.result] = made.results[0]
        made.location = op.location
        block.add_op(made)
    signature = FunctionType.from_lists([*inputs, *outputs], [])
    kernel = rdu.KernelOp(network.sym_name.data, signature, Region(block), network.attributes)
    kernel.location = network.location
    return kernel
