"""Weights in a socket's memory without a copy: arrays of any strides, read as if they lay packed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from typing import TypeAlias

from ..tensors import Array, TensorSpec
from .address import Layout
from .errors import ExecutionError
from .program import Region

Slices: TypeAlias = "tuple[Array, ...]"
"""A tensor in pieces along its first dimension, one behind the other; or all of it, in one piece."""


@dataclass(frozen=True)
class _Grid:
    """Elements that are packed for who reads them, the last dimension fastest, whatever their strides."""

    array: Array

    @cached_property
    def _steps(self) -> list[int]:
        """Bytes from an element to the next one along each dimension, where they are packed."""
        shape, size = self.array.shape, self.array.itemsize
        return [prod(shape[axis + 1 :]) * size for axis in range(len(shape))]

    def view(self, offset: int, shape: Sequence[int], strides: Sequence[int]) -> Array | None:
        """The elements at a packed place and strides, in bytes; None where no view is made of just them."""
        from numpy.lib.stride_tricks import as_strided

        first = self._moves(offset)
        moves = [self._moves(s if n > 1 else 0) for n, s in zip(shape, strides, strict=True)]
        if first is None or not all(self._holds(axis, first, shape, moves) for axis in range(len(first))):
            return None
        own = [sum(n * s for n, s in zip(move or (), self.array.strides, strict=True)) for move in moves]
        return as_strided(self.array[tuple(slice(n, None) for n in first)], shape, own)

    def _moves(self, stride: int) -> list[int] | None:
        """The same way along each dimension; None if it ends inside an element."""
        rest, moves = abs(stride), list[int]()
        for step in self._steps:
            count, rest = divmod(rest, step)
            moves.append(count if stride >= 0 else -count)
        return None if rest else moves

    def _holds(
        self, axis: int, first: list[int], shape: Sequence[int], moves: Sequence[list[int] | None]
    ) -> bool:
        """Whether no element is beyond the ends of a dimension, where the next one begins."""
        ways = [0 if move is None else (n - 1) * move[axis] for n, move in zip(shape, moves, strict=True)]
        low, high = (first[axis] + sum(bound(0, way) for way in ways) for bound in (min, max))
        return None not in moves and low >= 0 and high < self.array.shape[axis]


@lru_cache(maxsize=4096)
def parts_of(layout: Layout) -> tuple[tuple[int, Layout], ...]:
    """The parts of a tile along its first dimension, or the bytes of an element, and where each begins."""
    if not layout.shape:
        return tuple((byte, Layout((), (), 1)) for byte in range(layout.element_bytes))
    part = Layout(layout.shape[1:], layout.strides[1:], layout.element_bytes)
    return tuple((number * layout.strides[0], part) for number in range(layout.shape[0]))


class PlacedSlice:
    """An array at an address, never written."""

    def __init__(self, address: int, array: Array):
        words = array.view(f"u{array.itemsize}")
        words.flags.writeable = False
        flat = words.reshape(-1) if words.flags.c_contiguous else words
        self.start, self.end = address, address + array.nbytes
        self._words = _Grid(flat)

    @cached_property
    def _bytes(self) -> _Grid:
        """The same, of bytes."""
        words = self._words.array
        parts = words.reshape(*words.shape, 1).view("u1")
        return _Grid(parts.reshape(-1) if parts.flags.c_contiguous else parts)

    def view(self, address: int, layout: Layout) -> Array | None:
        """A tile that lies inside, in words or in bytes; None where no view is made of just it."""
        offset = address - self.start
        if layout.element_bytes == self._words.array.itemsize:
            found = self._words.view(offset, layout.shape, layout.strides)
            if found is not None:
                return found
        return self._bytes.view(offset, (*layout.shape, layout.element_bytes), (*layout.strides, 1))


class SliceStore:
    """Slices of weights at their addresses, which do not overlap."""

    def __init__(self, placed: Iterable[tuple[int, Slices]]):
        found: list[PlacedSlice] = []
        for address, slices in placed:
            for array in slices:
                if array.size:
                    found.append(PlacedSlice(address, array))
                address += array.nbytes
        self._slices = sorted(found, key=lambda one: one.start)
        self._starts = [one.start for one in self._slices]

    def touches(self, low: int, high: int) -> bool:
        """Whether one of them has a byte from `low` to before `high`."""
        index = bisect_right(self._starts, high - 1) - 1
        return index >= 0 and self._slices[index].end > low

    def view(self, address: int, layout: Layout) -> Array | None:
        """A tile that lies in one of them; None where it does not, or no view is made of just it."""
        index = bisect_right(self._starts, address + layout.low) - 1
        if index < 0 or address + layout.high > self._slices[index].end:
            return None
        return self._slices[index].view(address, layout)


def weight_slices(region: Region, values: Mapping[str, Array | Slices], sockets: int) -> Sequence[Slices]:
    """What each socket gets of the value of a weight, as views wherever it is no more than a part of it.

    Raises: ExecutionError if none is given or it does not fit.
    """
    import numpy as np

    value, whole, axis = value_of(region, values), region.whole, region.shard_axis
    if not isinstance(value, tuple):
        value = np.asarray(value)
        check_value(region, whole, value)
        return _parts(region, (value,), axis, sockets)
    is_stack = value[0].shape != whole.shape
    layer = TensorSpec(whole.shape[1:], whole.dtype) if is_stack else whole
    for one in value:
        check_value(region, layer, one)
    if is_stack and len(value) != whole.shape[0]:
        raise ExecutionError(f"{region.kind} '{region.name}' is a {whole}, {len(value)} layers are given")
    if is_stack and axis == 0:
        return _parts(region, (np.stack(value),), axis, sockets)
    return _parts(region, value, axis if axis is None else axis - is_stack, sockets)


def value_of(region: Region, values: Mapping[str, Array | Slices]) -> Array | Slices:
    """Raises: ExecutionError if there is no value for a region."""
    if region.name not in values:
        raise ExecutionError(f"no value for {region.kind} '{region.name}', a {region.whole}")
    return values[region.name]


def check_value(region: Region, wanted: TensorSpec, value: Array) -> None:
    """Raises: ExecutionError if a value is not of the shape and type that are wanted."""
    if not wanted.fits(value):
        has = f"{value.dtype}{list(value.shape)}"
        raise ExecutionError(f"{region.kind} '{region.name}' is a {wanted}, the value given is {has}")


def _parts(region: Region, slices: Slices, axis: int | None, sockets: int) -> Sequence[Slices]:
    if axis is None:
        return [slices] * sockets
    from ..collectives import shards

    parts, runs, repeats = region.shard_parts, region.shard_runs, region.shard_repeats
    return [*zip(*(shards(one, axis, parts, sockets, runs, repeats) for one in slices), strict=True)]
