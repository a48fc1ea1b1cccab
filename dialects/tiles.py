"""Tiles: how they cut tensors along one axis, and how tiles of one extent make those of another.

**Last tiles.** As many tiles as cover a tensor cut it; no extent has to be a multiple of theirs. The last one
has what is left, and zeros behind that: it hangs over. All tiles of a channel have one type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute
from xdsl.utils.exceptions import VerifyException

from .tensors import expect, shape_of


def tiled_axis(whole: Sequence[int], tile: Sequence[int]) -> tuple[int | None, int]:
    """The axis along which `tile` cuts `whole`, and into how many; (None, 1) where they are equal.

    The last tile may hang over: it has the indices that are left, and zeros behind them.

    Raises: VerifyException if they differ in rank or in several axes, or if the tile is the larger one.
    """
    return _tiled_axis(tuple(whole), tuple(tile))


@lru_cache(maxsize=4096)
def _tiled_axis(whole: tuple[int, ...], tile: tuple[int, ...]) -> tuple[int | None, int]:
    expect(len(whole) == len(tile), f"tile {tile} and {whole} differ in rank")
    axes = [axis for axis, (a, b) in enumerate(zip(whole, tile, strict=True)) if a != b]
    if not axes:
        return None, 1
    expect(len(axes) == 1, f"tile {tile} cuts {whole} along several axes")
    large, small = whole[axes[0]], tile[axes[0]]
    expect(0 < small <= large, f"a tile of extent {small} cuts an extent of {large}")
    return axes[0], -(-large // small)


def last_tile(whole: Sequence[int], tile: Sequence[int]) -> tuple[int, ...]:
    """The shape of what the last tile has of `whole`, where that is less than the others; else ()."""
    axis, count = tiled_axis(whole, tile)
    if axis is None or whole[axis] == count * tile[axis]:
        return ()
    return (*tile[:axis], whole[axis] - (count - 1) * tile[axis], *tile[axis + 1 :])


@dataclass(frozen=True)
class SlotTiles:
    """How the tiles of a stream cut slots that lie side by side along an axis.

    Tile t has its part of the `per_tile` slots from `t // tiles_per_slot * per_tile` on: the part of number
    `t % tiles_per_slot`.
    """

    slots: int
    per_tile: int
    """It is 1 where tiles cut slots, and all slots where tiles are cut along another axis."""
    tiles_per_slot: int


def slot_tiles(whole: Sequence[int], tile: Sequence[int], axis: int, slots: int) -> SlotTiles:
    """How tiles cut a tensor of so many equal slots along an axis.

    Raises: VerifyException for tiles that cross the end of a slot, or hang over the last one.
    """
    cut, count = tiled_axis(whole, tile)
    if cut != axis:
        return SlotTiles(slots, slots, count)
    extent, slot = tile[axis], whole[axis] // slots
    if slot % extent == 0:
        return SlotTiles(slots, 1, slot // extent)
    per_tile = extent // slot
    fits = extent % slot == 0 and slots % per_tile == 0
    expect(fits, f"tiles of {extent} cross the ends of {slots} slots of {slot}")
    return SlotTiles(slots, per_tile, 1)


@dataclass(frozen=True)
class PortShape:
    """How a stage's input port turns tiles into arguments: `gathered` tiles per group, or `slices` of one.

    What is gathered is trimmed to the argument; the last slice has zeros where the tile ends.
    """

    axis: int | None
    gathered: int
    slices: int
    extent: int = 1
    """The argument has so many indices along the axis."""


@lru_cache(maxsize=4096)
def port_shape(tile: Attribute, argument: Attribute) -> PortShape:
    """Compare a channel's tile with the body's argument; see the dialect's **Ports**.

    Raises: VerifyException where neither cuts the other along one axis.
    """
    if tile == argument:
        return PortShape(None, 1, 1)
    message = f"a tile {tile} for an argument {argument}"
    if not isinstance(tile, TensorType) or not isinstance(argument, TensorType):
        raise VerifyException(message)
    expect(tile.get_element_type() == argument.get_element_type(), message)
    tile_shape, argument_shape = shape_of(tile), shape_of(argument)
    expect(len(tile_shape) == len(argument_shape), message)
    if any(a > b for a, b in zip(argument_shape, tile_shape, strict=True)):
        axis, factor = tiled_axis(argument_shape, tile_shape)
        return PortShape(axis, factor, 1, argument_shape[axis or 0])
    axis, factor = tiled_axis(tile_shape, argument_shape)
    return PortShape(axis, 1, factor, argument_shape[axis or 0])
