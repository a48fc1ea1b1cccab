"""Loads by index at run time: what they read where ids are known, and how much where only their number is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...tensors import Array
from ..address import Layout
from ..errors import HazardError
from ..firing import Place, UnitRun
from ..memory import Data
from .common import Transfer
from .index import NOBODY, Index
from .load import Load, LoadRun


def start_load(unit: Load, place: Place) -> UnitRun:
    """The behaviour of a load, by index or not."""
    return LoadRun(unit, place) if unit.index is None else IndexedLoadRun(unit, place, unit.index)


class IndexedLoadRun(LoadRun):
    """A load by index: it takes its ids with the first tile of a pass, and holds them up to the last.

    A tile is asked for with the addresses of its pieces, so ids are not needed any more when all are. What
    moves is the pieces of slices that ids name. A tile without any has its turn at the memory, takes no time
    there, and is on the chip at once, behind the tiles before it.
    """

    def __init__(self, unit: Load, place: Place, index: Index):
        super().__init__(unit, place)
        self._index = index
        self._present = place.bound.present
        """Without data: the slots that are read in each pass, the first ones."""
        self._ids: list[list[int]] = []
        """With data: those of each pass so far."""
        self._costs: dict[tuple[int, bool], tuple[int, int]] = {}
        """By the number of pieces, and whether they are those of the last tile of a pass."""
        self._waits = False
        self.due = 0
        """The last tile so far is on the chip then."""

    def advance(self, now: int) -> None:
        super().advance(now)
        waits = self._waits_for_ids
        if waits != self._waits:
            self._waits = waits
            tell = self.around.reasons.wait if waits else self.around.reasons.go_on
            tell(now)

    @property
    def _waits_for_ids(self) -> bool:
        """Whether it would ask for a tile if it had ids."""
        (ids,) = self.inputs
        if self.is_done or ids.begin != self.firing or ids.channel.arrived >= ids.needed:
            return False
        return not any(port.begin == self.firing and port.channel.is_full for port in self.outputs)

    def fire(self, now: int, firing: int) -> None:
        if self.around.data is not None and firing % self.firings_per_pass == 0:
            self._ids.append(self._named(now))
        super().fire(now, firing)

    def _named(self, now: int) -> list[int]:
        """The ids of a pass.

        Raises: HazardError for one that the stack has no slice of.
        """
        ids = [int(one) for one in self.inputs[0].tiles()[0]]
        last = self._index.slices - 1
        for slot, one in enumerate(ids):
            if not NOBODY <= one <= last:
                what = f"{self} reads expert {one} for slot {slot}; its stack has experts 0 to {last}"
                raise HazardError(f"hazard at cycle {now}: {what}", self.unit.location)
        return ids

    def alike_until(self, firing: int, distance: int) -> int:
        """Up to before which firing each from `firing + distance` on moves what the one so far before did."""
        passes, tiles = self._present, self.firings_per_pass
        if not passes or not distance:
            return self.firings
        first, period = firing // tiles, distance // tiles
        later = range(first + period, len(passes))
        other = next((number for number in later if passes[number] != passes[number - period]), None)
        return self.firings if other is None else other * tiles

    def arrival(self, now: int, end: int) -> int:
        self.due = max(self.due, end + self.latency if end > now else now)
        return self.due

    def cost(self, firing: int) -> tuple[int, int]:
        number, tile = divmod(firing, self.firings_per_pass)
        slots = self._index.slots_of(tile)
        if self._ids:
            pieces = sum(self._ids[number][slot] != NOBODY for slot in slots)
        else:
            present = self._present[number] if self._present else self._index.slots
            pieces = max(0, min(present, slots.stop) - slots.start)
        return self._cost_of(pieces, tile == self.firings_per_pass - 1)

    def _cost_of(self, pieces: int, is_last: bool) -> tuple[int, int]:
        if (pieces, is_last) not in self._costs:
            moved = Transfer.of_memory(self.around, self.walk.start, self._piece(is_last), pieces)
            cost = moved.service_cycles if pieces else 0, moved.size_bytes
            self._costs[pieces, is_last] = cost
        return self._costs[pieces, is_last]

    def _piece(self, is_last: bool) -> Layout:
        """How the part of a tile that one slot has lies in its slice."""
        pattern = self.unit.pattern
        layout = pattern.layout
        if is_last and pattern.last:
            layout = replace(layout, shape=pattern.last)
        return self._index.piece(layout)

    def _tile(self, data: Data, firing: int) -> Array:
        """The pieces of a tile, each behind the one before along the axis of slots, and zeros."""
        pattern, index = self.unit.pattern, self._index
        number, tile = divmod(firing, self.firings_per_pass)
        layout = self._piece(tile == self.firings_per_pass - 1)
        begin = self.walk.address(firing) + index.offset(pattern, tile)
        made, spec = pattern.tile.zeros(), pattern.spec(layout)
        for place, slot in enumerate(index.slots_of(tile)):
            one = self._ids[number][slot]
            if one != NOBODY:
                at = _place(layout.shape, index.axis, place)
                made[at] = data.read(begin + one * index.slot_stride, layout, spec)
        return made


def _place(piece: Sequence[int], axis: int, number: int) -> tuple[slice, ...]:
    """Where the piece of a number lies in a tile."""
    return tuple(
        slice(number * extent, (number + 1) * extent) if one == axis else slice(extent)
        for one, extent in enumerate(piece)
    )
