"""Loads, gathers and stores at run time."""

from __future__ import annotations

import numpy as np

from ..tensors import Array, TensorSpec
from .address import packed
from .errors import HazardError
from .memory import Data
from .program import Gather, Load, Store
from .servers import StreamRun


class LoadRun(StreamRun):
    """A load: it requests its next tile as soon as all its channels have a slot for it.

    So it runs ahead of its readers, into the next iterations, as far as the channels' depths let it.
    """

    unit: Load

    def fire(self, now: int, step: int) -> None:
        super().fire(now, step)
        for port in self.inputs:  # the gate, where there is one
            if port.held_until == step:
                port.channel.release(now, 1)

    def serve(self, now: int, end: int, step: int) -> None:
        around, calendar = self.around, self.around.calendar
        around.order.record(self.index, step, now)
        tile = None
        if around.data is not None:
            tile = around.data.read(self.walk.address(step), self.walk.layout, self.unit.pattern.tile)
        for port in self.outputs:
            channel = port.channel
            calendar.at(end + self.latency + channel.latency, channel.deliver, step, tile)


class GatherRun(StreamRun):
    """A gather: it waits for its indices, then reads the rows that they name in one transfer.

    Where the rows are split over the sockets, those of others are zeros, and take as long as its own.
    """

    unit: Gather

    def serve(self, now: int, end: int, step: int) -> None:
        around, calendar = self.around, self.around.calendar
        around.order.record(self.index, step, now)
        tile = self._rows(around.data, now, step) if around.data is not None else None
        calendar.at(end, self.inputs[0].channel.release, 1)
        for port in self.outputs:
            channel = port.channel
            calendar.at(end + self.latency + channel.latency, channel.deliver, step, tile)

    def _rows(self, data: Data, now: int, step: int) -> Array:
        """The rows that the indices name, wherever that is in memory.

        Raises: HazardError if a row lies outside every region, or is none of any socket's.
        """
        ids = self.inputs[0].channel.tiles(step, 1)[0]
        rows = [self._row(data, now, index) for index in ids.ravel().tolist()]
        return np.stack(rows).reshape(*ids.shape, *self.unit.table.shape[1:])

    def _row(self, data: Data, now: int, index: int) -> Array:
        table = self.unit.table
        row = TensorSpec(table.shape[1:], table.dtype)
        if self.unit.sharded:
            owner, index = self._owner(now, index)
            if owner != self.around.socket:
                return row.zeros()
        layout = packed(row.shape, row.numpy_dtype.itemsize)
        address = self.walk.start + index * row.size_bytes
        outside = self.around.memory.first_outside(address, layout)
        if outside is not None:
            raise self._outside(now, f"row {index} at address {outside}, which is outside every region")
        return data.read(address, layout, row)

    def _owner(self, now: int, index: int) -> tuple[int, int]:
        """The socket that has a row, and the row's number there."""
        rows = self.unit.table.shape[0]
        if not 0 <= index < self.around.sockets * rows:
            last = self.around.sockets * rows - 1
            raise self._outside(now, f"row {index}; the sockets together have rows 0 to {last}")
        return divmod(index, rows)

    def _outside(self, now: int, what: str) -> HazardError:
        return HazardError(f"hazard at cycle {now}: {self} reads {what}", self.unit.location)


class StoreRun(StreamRun):
    """A store: a tile's slot is free when memory has taken it; it has landed a latency later."""

    unit: Store

    def serve(self, now: int, end: int, step: int) -> None:
        around, channel = self.around, self.inputs[0].channel
        tile = channel.tiles(step, 1)[0].copy() if around.data is not None else None
        around.calendar.at(end, channel.release, 1)
        around.calendar.at(end + self.latency, self.land, step, tile)

    def land(self, now: int, step: int, tile: Array | None) -> None:
        """A tile is in memory; after the last one of a pass, say so."""
        around, walk = self.around, self.walk
        around.order.record(self.index, step, now)
        if around.data is not None and tile is not None:
            around.data.write(walk.address(step), walk.layout, tile)
        index, number = divmod(step, walk.tiles)
        if number == walk.tiles - 1:
            for port in self.outputs:
                around.calendar.at(now + port.channel.latency, port.channel.deliver, index)
