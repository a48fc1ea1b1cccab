"""Loads: streams from memory to channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ....dialects.vocabulary import STEP
from ...tensors import Array
from ...tiles import filled_up
from ..binding import Arguments, Bound
from ..covered import Covered
from ..errors import ExecutionError, require
from ..kernel import Kernel, Port, Unit
from ..memory import Data
from .common import StreamRun
from .covering import covered_in
from .index import Index, emit_index
from .patterns import AddressPattern, emit_pattern, require_scalar, require_tiles, require_tokens

if TYPE_CHECKING:
    from ....dialects.dataflow import LoadOp
    from ..numbering import Numbering


@dataclass(frozen=True)
class Gate:
    """A load's tiles from `position // positions_per_tile` on wait for one token a pass.

    The position is the scalar that the parameter points to plus the number of the decode step, modulo `ring`
    with that.
    """

    channel: int
    position_parameter: int
    positions_per_tile: int
    ring: int | None = None

    def tiles(self, load: Load, steps: int, position: int) -> tuple[int, ...]:
        """The first tile of a pass that waits, in each of so many decode steps from a position on.

        Raises: ExecutionError for a position outside what the load reads.
        """
        gates: list[int] = []
        for here in range(position, position + steps):
            slot = here if self.ring is None else here % self.ring
            gates.append(slot // self.positions_per_tile)
            if not 0 <= slot < self.positions(load):
                last = self.positions(load) - 1
                what = f"position {here} is outside what load '{load.name}' reads, 0 to {last}"
                raise ExecutionError(what, load.location)
        return tuple(gates)

    def positions(self, load: Load) -> int:
        """How many positions the tiles of a pass hold."""
        return load.pattern.tiles * self.positions_per_tile - load.pattern.overhang


@dataclass(frozen=True)
class Load(Unit):
    """An AGCU stream from memory: every tile goes to each of `channels`; with an index, of slices by ids."""

    channels: tuple[int, ...]
    pattern: AddressPattern
    gate: Gate | None = None
    index: Index | None = None

    op_name: ClassVar[str] = "dataflow.load"

    @property
    def firings_per_pass(self) -> int:
        return self.pattern.tiles

    @property
    def memory(self) -> int:
        return self.pattern.parameter

    @property
    def positions(self) -> tuple[int, ...]:
        gate = () if self.gate is None else (self.gate.position_parameter,)
        return (*self.pattern.positions, *gate)

    def covers(self, kernel: Kernel) -> Covered:
        return covered_in(kernel, self, self.pattern, self.index)

    @property
    def channels_in_place(self) -> tuple[int, ...]:
        return self.channels if self.index is None else ()  # what lies in place does not move by ids

    def takes(self, kernel: Kernel, gates: Sequence[int] = (0,)) -> tuple[Port, ...]:
        passes, tiles = self.passes(kernel), self.pattern.tiles
        if self.index is not None:
            return (Port(self.index.ids, passes, period=tiles, hold=tiles),)
        if self.gate is None:
            return ()
        length = passes // len(gates) * tiles
        starts = tuple(number * length + gate for number, gate in enumerate(gates))
        return (Port(self.gate.channel, passes, period=tiles, starts=starts),)

    def puts(self, kernel: Kernel) -> tuple[Port, ...]:
        return tuple(Port(channel, self.firings_per_call(kernel)) for channel in self.channels)

    def bind(self, kernel: Kernel, index: int, arguments: Arguments) -> Bound:
        walk = self.pattern.walk(self, kernel, index, arguments)
        if self.index is not None:
            present = arguments.present.get(index, ())
            return Bound(self.index.walk(self.pattern, walk), present=present)
        if self.gate is None:
            return Bound(walk)
        position = arguments.position(self.gate.position_parameter)
        steps = kernel.steps if kernel.tree.is_inside(self.runs(kernel), STEP) else 1
        return Bound(walk, self.gate.tiles(self, steps, position))

    def check(self, kernel: Kernel, sockets: int) -> None:
        self.pattern.check(kernel, self)
        require_tiles(kernel, self.channels, self.pattern.tile)
        if self.index is not None:
            require(self.gate is None, "a load by index waits for no position")
            self.index.check(kernel, self.pattern)
        if self.gate is not None:
            require_scalar(kernel, self.gate.position_parameter)
            require_tokens(kernel, (self.gate.channel,))
            require(self.gate.positions_per_tile > 0, "no position per tile")
            held = self.gate.positions(self)
            fits = self.gate.ring in (None, held)
            require(fits, f"a ring of {self.gate.ring} positions in tiles that hold {held}")

    @staticmethod
    def emit(op: LoadOp, numbering: Numbering) -> Load:
        gate = None
        if op.after is not None and op.position is not None:
            walk = numbering.walk(op)
            assert walk.positions_per_tile is not None, "the check of planned kernels wants it"
            channel, position = numbering.channel(op.after), numbering.parameter(op.position)
            gate = Gate(channel, position, walk.positions_per_tile, walk.ring)
        return Load(
            f"load {numbering.name(op.source)}",
            numbering.channels(op.channels),
            emit_pattern(op, numbering, numbering.parameter(op.source), numbering.tile(op.channels[0])),
            gate,
            emit_index(op, numbering),
        )


class LoadRun(StreamRun):
    """A load: it requests its next tile as soon as all its channels have a slot for it.

    So it runs ahead of its readers, into the next iterations, as far as the channels' depths let it.
    """

    unit: Load

    def fire(self, now: int, firing: int) -> None:
        super().fire(now, firing)
        for port in self.inputs:  # the gate, where there is one
            if port.held_until == firing:
                port.channel.release(now, 1)

    def serve(self, now: int, end: int, firing: int) -> None:
        around, calendar = self.around, self.around.calendar
        around.order.record(self.index, firing, now)
        tile = None
        if around.data is not None:
            tile = self._tile(around.data, firing)
        arrival = self.arrival(now, end)
        for port in self.outputs:
            channel = port.channel
            calendar.at(arrival + channel.latency, channel.deliver, firing, tile)

    def arrival(self, now: int, end: int) -> int:
        """When a tile is on the chip whose transfer begins now."""
        return end + self.latency

    def _tile(self, data: Data, firing: int) -> Array:
        """The tile of a firing, with zeros behind what is left for the last one."""
        pattern, layout = self.unit.pattern, self.walk.layout_of(firing)
        tile = data.read(self.walk.address(firing), layout, pattern.spec(layout))
        return tile if layout is self.walk.layout else filled_up(tile, pattern.tile.shape)
