"""How the streams of a network walk through memory: byte strides of packed row-major tensors."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import NoReturn

from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ...dialects import dataflow, nn, rdu
from ...dialects.tiles import tile_of, tiled_axis


def _fail(op: Operation, message: str) -> NoReturn:
    op.emit_error(message, PassFailedException(message))


def byte_strides(type_: Attribute) -> tuple[int, ...]:
    """Bytes from one index to the next, per dimension, of a packed row-major tensor."""
    shape = nn.shape_of(type_)
    stride = nn.size_bytes_of(type_) // max(1, prod(shape))
    strides: list[int] = []
    for extent in reversed(shape):
        strides.append(stride)
        stride *= extent
    return tuple(strides[::-1])


def _tile_shape(channel: SSAValue) -> tuple[int, ...]:
    return nn.shape_of(tile_of(channel))


def _walk(op: dataflow.LoadOp | dataflow.StoreOp, stream: Attribute, channel: SSAValue) -> rdu.Walk:
    """Tiles, their distance and the strides inside of the passes over a packed tensor, or its slices."""
    strides = byte_strides(stream)
    axis, tiles = tiled_axis(nn.shape_of(stream), _tile_shape(channel))
    distance = 0 if axis is None else _tile_shape(channel)[axis] * strides[axis]
    return rdu.Walk(tiles, distance, *_slices(op, stream), strides)


def _slices(op: dataflow.LoadOp | dataflow.StoreOp, stream: Attribute) -> tuple[int, int]:
    """Bytes to the first pass, and from one pass to the next."""
    slice_bytes = nn.size_bytes_of(stream)
    start = op.start.value.data if op.start is not None else 0
    stride = op.stride.value.data if op.stride is not None else 0
    return start * slice_bytes, stride * slice_bytes


def _load_walk(op: dataflow.LoadOp) -> rdu.Walk:
    walk = _walk(op, op.stream_type, op.channels[0])
    if op.after is None:
        return walk
    axis, _ = tiled_axis(nn.shape_of(op.stream_type), _tile_shape(op.channels[0]))
    context = len(nn.shape_of(op.stream_type)) - 2
    if axis not in (None, context):
        _fail(op, f"a gated load is tiled along axis {axis}; its positions lie along axis {context}")
    return replace(walk, positions_per_tile=_tile_shape(op.channels[0])[context])


def _store_walk(op: dataflow.StoreOp) -> rdu.Walk:
    if op.position is None:
        return _walk(op, op.stream_type, op.channel)
    # A tile `[B, n]` at one position of a cache `[B, G, context, D]`.
    cache = op.memory_type
    batch, heads, position, element = byte_strides(cache)
    _, groups, _, head_dim = nn.shape_of(cache)
    columns = _tile_shape(op.channel)[1]
    assert columns % head_dim == 0, "tile-stages cuts these tiles at whole heads"
    count = columns // head_dim
    return rdu.Walk(
        groups // count,
        count * heads,
        *_slices(op, cache),
        (batch, heads, element),
        position_stride=position,
    )


def set_walks(network: dataflow.KernelOp) -> None:
    """Give every stream of a planned network its walk.

    Raises: PassFailedException where a unit has no schedule, count or place, and where a load that waits
        for a store is cut so that it has no walk.
    """
    missing = rdu.missing_plan(network)
    if missing is not None:
        _fail(*missing)
    for unit in network.units():
        match unit:
            case dataflow.LoadOp():
                rdu.set_walk(unit, _load_walk(unit))
            case dataflow.StoreOp():
                rdu.set_walk(unit, _store_walk(unit))
            case _:
                pass
