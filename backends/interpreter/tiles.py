"""Tiles of channels, on all sockets at once."""

from __future__ import annotations

from xdsl.ir import SSAValue

from ...dialects.tensors import ChannelType
from ...dialects.tiles import PortShape, tiled_axis
from ..specs import tensor_spec
from ..tensors import Array, TensorSpec
from ..tiles import rest_or_part, sliced
from .values import SocketValues

Tile = list[Array]
"""What a channel carries: an array per socket, or none at all for a token."""


def tile_spec(channel: SSAValue) -> TensorSpec:
    """The spec of a channel's tiles."""
    assert isinstance(channel.type, ChannelType), "checked by the op's definition"
    return tensor_spec(channel.type.tile)


def tiles_of(whole: Tile, channel: SSAValue) -> tuple[int | None, list[Tile]]:
    """The axis along which a channel's tile cuts an array, and the tiles as views; the last is the rest."""
    shape = tile_spec(channel).shape
    axis, count = tiled_axis(whole[0].shape, shape)
    if axis is None:
        return None, [whole]
    parts = ([rest_or_part(array, axis, shape[axis], n) for array in whole] for n in range(count))
    return axis, list(parts)


def slice_of(held: Tile, shape: PortShape, firing: int) -> SocketValues:
    """What a firing sees of a tile that a port holds."""
    if shape.axis is None or shape.slices == 1:
        return held
    return [sliced(array, shape.axis, shape.extent, firing % shape.slices) for array in held]
