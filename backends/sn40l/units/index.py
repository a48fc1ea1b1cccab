"""Loads by index: which slices of a stack a pass reads, how tiles cut them, and what moves of a tile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...tensors import TensorSpec
from ..address import Layout, Walk
from ..errors import ProgramError, require
from ..kernel import Kernel

if TYPE_CHECKING:
    from ....dialects.dataflow import LoadOp
    from ..numbering import Numbering
    from .patterns import AddressPattern

NOBODY = -1
"""The id of a slot for which no slice is read."""


@dataclass(frozen=True)
class Index:
    """A pass takes a tile of ids `[slots]` and reads the slices that they name, in bytes from its address.

    Slot s has the slice `id * slot_stride` further, and zeros for an id of -1. Tile t has its part of the
    `slots_per_tile` slots from `t // tiles_per_slot * slots_per_tile` on; it begins
    `t % tiles_per_slot * tile_stride` from the start of each of these slices.
    """

    ids: int
    """The channel that brings them, a tile a pass."""
    axis: int
    """The axis of a tile along which slots lie side by side."""
    slices: int
    """The stack has so many: ids are below."""
    slots: int
    slot_stride: int
    slots_per_tile: int = 1
    tiles_per_slot: int = 1

    def piece(self, layout: Layout) -> Layout:
        """How the part of a tile that one slot has lies in its slice."""
        return replace(layout, shape=self._shape(layout.shape))

    def _shape(self, tile: Sequence[int]) -> tuple[int, ...]:
        return (*tile[: self.axis], tile[self.axis] // self.slots_per_tile, *tile[self.axis + 1 :])

    def slots_of(self, tile: int) -> range:
        """The slots that a tile of a pass has a part of."""
        first = tile // self.tiles_per_slot * self.slots_per_tile
        return range(first, first + self.slots_per_tile)

    def offset(self, pattern: AddressPattern, tile: int) -> int:
        """Bytes from the start of a slice to where a tile of a pass begins in it."""
        return tile % self.tiles_per_slot * pattern.tile_stride

    def slice_bytes(self, pattern: AddressPattern) -> int:
        """Bytes that all tiles of a pass have of one slot."""
        whole, last = self.piece(pattern.layout).size_bytes, pattern.last
        rest = self.piece(replace(pattern.layout, shape=last)).size_bytes if last else whole
        return whole * (self.tiles_per_slot - 1) + rest

    def walk(self, pattern: AddressPattern, walk: Walk) -> Walk:
        """The walk of a load whose tiles may each be anywhere in the stack, as nobody knows the ids."""
        last = None if walk.last is None else self.piece(walk.last)
        one = replace(walk, layout=self.piece(walk.layout), tiles=self.tiles_per_slot, last=last)
        stack = one.pass_layout.repeated(self.slices, self.slot_stride)
        return replace(walk, layout=stack, tile_stride=0, last=None)

    def check(self, kernel: Kernel, pattern: AddressPattern) -> None:
        """Raises: ProgramError where ids are none, or tiles do not cut slots."""
        self._check_ids(kernel)
        require(self.slices > 0, f"its stack has {self.slices} slices")
        require(self.slot_stride > 0, f"its slices are {self.slot_stride} bytes apart")
        require(self.tiles_per_slot > 0, f"{self.tiles_per_slot} tiles per slot; it takes one at least")
        per_tile, rank = self.slots_per_tile, len(pattern.tile.shape)
        fits = per_tile > 0 and self.slots % per_tile == 0
        require(fits, f"{per_tile} slots per tile of {self.slots} slots")
        wanted = self.slots // per_tile * self.tiles_per_slot
        parts = f"{self.slots} slots, {per_tile} per tile, {self.tiles_per_slot} tiles per slot"
        require(pattern.tiles == wanted, f"{parts} make {wanted} tiles a pass, not {pattern.tiles}")
        require(0 <= self.axis < rank, f"slots along axis {self.axis} of a {pattern.tile}")
        extent = pattern.tile.shape[self.axis]
        require(extent % per_tile == 0, f"{per_tile} slots in {extent} indices of a tile")
        moves = pattern.position_parameter is not None or pattern.ring is not None
        require(not moves, "a load by index knows no position")
        if pattern.last:
            whole = per_tile == self.slots and pattern.last[self.axis] == extent
            require(whole, f"its last tile has {pattern.last}, it must have all of its slots")
        self._check_stack(kernel, pattern)

    def _check_ids(self, kernel: Kernel) -> None:
        tile = kernel.channels[self.ids].tile
        if tile is None:
            raise ProgramError("its ids are bare tokens")
        wanted = TensorSpec((self.slots,), "i32")
        require(tile == wanted, f"its ids are a {tile}, {self.slots} slots take a {wanted}")

    def _check_stack(self, kernel: Kernel, pattern: AddressPattern) -> None:
        """Raises: ProgramError where the last slice lies outside of what the parameter points to."""
        need = self.slices * self.slice_bytes(pattern)
        parameter = kernel.parameters[pattern.parameter]
        have = parameter.tensor.size_bytes
        require(need <= have, f"{self.slices} slices take {need} bytes, '{parameter.name}' has {have}")


def emit_index(op: LoadOp, numbering: Numbering) -> Index | None:
    """How the load of an operation reads by index; None of one that does not."""
    if op.by is None:
        return None
    walk = numbering.walk(op)
    numbers = walk.slots, walk.slot_stride, walk.slots_per_tile, walk.tiles_per_slot
    slots, stride, per_tile, tiles = (number for number in numbers if number is not None)
    slices = numbering.spec(op.part_of(op.source.type)).shape[0]
    return Index(numbering.channel(op.by), op.axis, slices, slots, stride, per_tile, tiles)
