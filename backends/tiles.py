"""Tiles of arrays: parts along an axis, the last of which has what is left, and zeros behind that."""

from __future__ import annotations

from collections.abc import Sequence

from .tensors import Array


def rest_or_part(array: Array, axis: int, extent: int, number: int) -> Array:
    """A view of a part of an array; the last one has what is left of it."""
    cut = [slice(None)] * array.ndim
    cut[axis] = slice(number * extent, (number + 1) * extent)
    return array[tuple(cut)]


def trimmed(tile: Array, shape: Sequence[int]) -> Array:
    """A view of the first elements of a tile, as far as a shape goes."""
    return tile[tuple(map(slice, shape))]


def filled_up(array: Array, shape: Sequence[int]) -> Array:
    """A new tile of a shape that begins with an array and has zeros behind it."""
    if array.shape == tuple(shape):
        return array.copy()
    import numpy as np

    tile = np.zeros(tuple(shape), array.dtype)
    trimmed(tile, array.shape)[...] = array
    return tile


def sliced(tile: Array, axis: int, extent: int, number: int) -> Array:
    """A slice of a tile: a view, but for the last one where that has zeros behind what is left."""
    view = rest_or_part(tile, axis, extent, number)
    shape = (*view.shape[:axis], extent, *view.shape[axis + 1 :])
    return view if view.shape == shape else filled_up(view, shape)


def joined(tiles: Sequence[Array], axis: int, extent: int) -> Array:
    """Tiles one behind the other, as far as they are not more than an extent."""
    import numpy as np

    return rest_or_part(np.concatenate(tiles, axis), axis, extent, 0)
