"""Stores: streams from a channel to memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ....dialects.vocabulary import STEP
from ...tensors import Array, TensorSpec
from ...tiles import trimmed
from ..binding import Arguments, Bound
from ..covered import Covered
from ..errors import ExecutionError, ProgramError
from ..firing import Place
from ..kernel import Kernel, Port, Unit
from ..memory import Data
from .common import StreamRun
from .covering import covered_in
from .patterns import AddressPattern, emit_pattern, require_tiles, require_tokens

if TYPE_CHECKING:
    from ....dialects.dataflow import StoreOp
    from ..numbering import Numbering


@dataclass(frozen=True)
class Store(Unit):
    """An AGCU stream to memory; each of `done` gets a token when a pass's last tile is in memory."""

    channel: int
    pattern: AddressPattern
    done: tuple[int, ...] = ()

    op_name: ClassVar[str] = "dataflow.store"
    writes: ClassVar[bool] = True

    @property
    def firings_per_pass(self) -> int:
        return self.pattern.tiles

    @property
    def memory(self) -> int:
        return self.pattern.parameter

    @property
    def positions(self) -> tuple[int, ...]:
        return self.pattern.positions

    def covers(self, kernel: Kernel) -> Covered:
        return covered_in(kernel, self, self.pattern)

    def takes(self, kernel: Kernel, gates: Sequence[int] = (0,)) -> tuple[Port, ...]:
        return (Port(self.channel, self.firings_per_call(kernel)),)

    def puts(self, kernel: Kernel) -> tuple[Port, ...]:
        passes, tiles = self.passes(kernel), self.pattern.tiles
        return tuple(Port(channel, passes, period=tiles, starts=(tiles - 1,)) for channel in self.done)

    def bind(self, kernel: Kernel, index: int, arguments: Arguments) -> Bound:
        if self.pattern.position_parameter is not None:
            self._check_position(kernel, arguments.position(self.pattern.position_parameter))
        return Bound(self.pattern.walk(self, kernel, index, arguments))

    def room(self, kernel: Kernel) -> int | None:
        """How many positions there are where it stores by position.

        None where its strides are not those of its parameter's tensor, which a check refuses.
        """
        try:
            return self.covers(kernel).positions
        except ProgramError:
            return None

    def _check_position(self, kernel: Kernel, position: int) -> None:
        """Raises: ExecutionError for one that is none of what it stores to, in one of the decode steps."""
        steps = kernel.steps if kernel.tree.is_inside(self.runs(kernel), STEP) else 1
        room = None if self.pattern.ring is not None else self.room(kernel)
        for here in (position, position + steps - 1):
            if here < 0 or (room is not None and here >= room):
                known = "0 on" if room is None else f"0 to {room - 1}"
                what = f"position {here} is outside what {self} stores to, {known}"
                raise ExecutionError(what, self.location)

    def check(self, kernel: Kernel, sockets: int) -> None:
        self.pattern.check(kernel, self)
        require_tiles(kernel, (self.channel,), self.pattern.tile)
        require_tokens(kernel, self.done)

    @staticmethod
    def emit(op: StoreOp, numbering: Numbering) -> Store:
        tile = numbering.tile(op.channel)
        parameter = numbering.destination(op)
        if op.position is not None and op.destination is not None:
            head_dim = numbering.spec(op.destination.type).shape[-1]
            batch, columns = tile.shape
            tile = TensorSpec((batch, columns // head_dim, head_dim), tile.dtype)
        return Store(
            f"store {numbering.names[parameter]}",
            numbering.channel(op.channel),
            emit_pattern(op, numbering, parameter, tile, op.position),
            numbering.channels(op.done),
        )


class StoreRun(StreamRun):
    """A store: a tile's slot is free when memory has taken it; it has landed a latency later."""

    unit: Store

    def __init__(self, unit: Store, place: Place):
        super().__init__(unit, place)
        stepped = unit.pattern.position_parameter is not None and self.walk.levels[:1]
        steps = stepped[0].count if stepped and stepped[0].loop == STEP else None
        self._firings_per_step = None if steps is None else place.firings // steps
        """They say in which step rows that are done are left out; None of a store that stores all rows."""

    def serve(self, now: int, end: int, firing: int) -> None:
        around, channel = self.around, self.inputs[0].channel
        tile = channel.tiles(firing, 1)[0].copy() if around.data is not None else None
        around.calendar.at(end, channel.release, 1)
        around.calendar.at(end + self.latency, self.land, firing, tile)

    def land(self, now: int, firing: int, tile: Array | None) -> None:
        """A tile is in memory; after the last one of a pass, say so."""
        around, walk = self.around, self.walk
        around.order.record(self.index, firing, now)
        if around.data is not None and tile is not None:
            self._write(around.data, now, firing, tile)
        index, number = divmod(firing, walk.tiles)
        if number == walk.tiles - 1:
            for port in self.outputs:
                around.calendar.at(now + port.channel.latency, port.channel.deliver, index)

    def _write(self, data: Data, now: int, firing: int, tile: Array) -> None:
        """Put a tile in memory, as far as there is memory for it, but for rows that are done."""
        pattern, address, layout = self.unit.pattern, self.walk.address(firing), self.walk.layout_of(firing)
        stored = trimmed(tile.reshape(pattern.tile.shape), layout.shape)
        if self._firings_per_step is not None:
            done = self.around.ending.done(self, firing // self._firings_per_step, now)
            if done is not None and done.any():
                stored[done] = data.read(address, layout, pattern.spec(layout))[done]
        data.write(address, layout, stored)
