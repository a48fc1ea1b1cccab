"""What kinds of units have in common: pipelines, and streams with address patterns, transfers and checks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from ....dialects.machine import Machine
from ....dialects.vocabulary import STEP
from ...tensors import Array, TensorSpec
from ..address import Layout, Level, Ring, Walk
from ..binding import Arguments
from ..errors import require, require_extents
from ..firing import Place, Surroundings, UnitRun
from ..kernel import Kernel, Unit
from ..program import is_in_ddr
from ..servers import Server

if TYPE_CHECKING:
    from xdsl.ir import SSAValue

    from ....dialects.dataflow import LoadOp, StoreOp
    from ..numbering import Numbering


@dataclass(frozen=True)
class AddressPattern:
    """How a stream walks through memory, all in bytes from the parameter's address.

    `tile` may have another shape than the channel's tile, with as many elements of the same type. Tile t in
    iteration i of its loop begins at `start + i * pass_stride + t * tile_stride`; inside, element (a, b, …)
    of the tile lies at the dot product with `strides`. With `outer_strides` it moves with the loops around as
    well, the outermost first. With `position_stride`, `position * position_stride` is added, position being
    the scalar that `position_parameter` points to plus the number of the decode step, modulo `ring` if given.
    """

    parameter: int
    tile: TensorSpec
    strides: tuple[int, ...]
    tiles: int
    tile_stride: int
    start: int = 0
    pass_stride: int = 0
    position_parameter: int | None = None
    position_stride: int = 0
    outer_strides: tuple[int, ...] = ()
    ring: int | None = None
    last: tuple[int, ...] = ()
    """The shape of what the last tile of a pass has in memory, zeros behind it; () where it has all."""

    def check(self, kernel: Kernel, unit: Unit) -> None:
        """Raises: ProgramError where it points to no parameter or its strides do not fit."""
        require_parameter(kernel, self.parameter)
        given, rank = len(self.strides), len(self.tile.shape)
        require(given == rank, f"{given} strides for a tile of rank {rank}")
        require_extents(self.tile, "its tile")
        path = kernel.tree.path(unit.runs(kernel))
        given, around = len(self.outer_strides), max(0, len(path) - 1)
        require(given in (0, around), f"{given} outer strides in {around} loops around")
        if self.position_parameter is not None:
            require_scalar(kernel, self.position_parameter)
        if self.ring is not None:
            require(self.position_parameter is not None, "a ring without a position")
            require(self.ring > 0, f"a ring of {self.ring} positions")
            moves = path and path[0].name == STEP and self._strides(len(path))[0]
            require(not moves, "a stream of a ring moves in decode steps besides its position")
        if self.last:
            self._check_last()

    def _check_last(self) -> None:
        """Raises: ProgramError unless the last tile is shorter along one axis and follows those before it."""
        shape, last = self.tile.shape, self.last
        axes = [axis for axis, (a, b) in enumerate(zip(shape, last, strict=False)) if a != b]
        one = len(shape) == len(last) and len(axes) == 1
        require(one and 0 < last[axes[0]] < shape[axes[0]], f"its last tile has {last} of {shape}")
        distance = shape[axes[0]] * self.strides[axes[0]]
        require(self.tiles > 1, f"its last tile has {last} of {shape}, and it is the only one")
        what = f"its tiles are {self.tile_stride} bytes apart, a shorter last one follows after {distance}"
        require(self.tile_stride == distance, what)

    @property
    def overhang(self) -> int:
        """Indices along the axis of the tiles that the last one lacks."""
        return sum(self.tile.shape) - sum(self.last) if self.last else 0

    def walk(self, unit: Unit, kernel: Kernel, index: int, arguments: Arguments) -> Walk:
        """The walk of a unit for the arguments of a call."""
        start = arguments.addresses[self.parameter] + self.start
        path = kernel.tree.path(unit.runs(kernel))
        strides = self._strides(len(path))
        levels = [Level(loop.name, loop.count, stride) for loop, stride in zip(path, strides, strict=True)]
        if self.position_parameter is not None:
            position = arguments.position(self.position_parameter)
            if path and path[0].name == STEP:
                levels[0] = self._stepping(levels[0], position)
            if not levels or levels[0].ring is None:
                start += self.slot(position) * self.position_stride
        return Walk(
            unit=index,
            writes=unit.writes,
            layout=self.layout,
            start=start,
            tiles=self.tiles,
            tile_stride=self.tile_stride,
            levels=tuple(levels),
            placement=kernel.placements[index],
            last=self._layout(self.last) if self.last else None,
        )

    @cached_property
    def layout(self) -> Layout:
        """One tile lies in memory like this."""
        return self._layout(self.tile.shape)

    def _layout(self, shape: tuple[int, ...]) -> Layout:
        return Layout(shape, self.strides, self.tile.element_bytes)

    def spec(self, layout: Layout) -> TensorSpec:
        """What a tile has in memory that lies like this."""
        return TensorSpec(layout.shape, self.tile.dtype)

    def _strides(self, loops: int) -> tuple[int, ...]:
        """Bytes that it moves in each of the loops around, the outermost first, but for its position."""
        return (*(self.outer_strides or (0,) * (loops - 1)), self.pass_stride) if loops else ()

    def slot(self, position: int) -> int:
        """Where a position is in the memory."""
        return position if self.ring is None else position % self.ring

    def _stepping(self, level: Level, position: int) -> Level:
        """The level of decode steps, in each of which the position is one further."""
        stride, slot = level.stride + self.position_stride, self.slot(position)
        if self.ring is None or slot + level.count <= self.ring:
            return replace(level, stride=stride)
        return replace(level, stride=stride, ring=Ring(slot, self.ring))


def emit_pattern(
    op: LoadOp | StoreOp,
    numbering: Numbering,
    parameter: int,
    tile: TensorSpec,
    position: SSAValue | None = None,
) -> AddressPattern:
    """How the stream of an operation walks through the memory of a parameter."""
    walk = numbering.walk(op)
    return AddressPattern(
        parameter,
        tile,
        walk.strides,
        walk.tiles,
        walk.tile_stride,
        walk.start,
        walk.pass_stride,
        None if position is None else numbering.parameter(position),
        walk.position_stride or 0,
        walk.outer_strides,
        walk.ring if position is not None else None,
        walk.last,
    )


def require_parameter(kernel: Kernel, index: int) -> None:
    """Raises: ProgramError unless the kernel has a parameter of this number."""
    count = len(kernel.parameters)
    require(0 <= index < count, f"parameter {index} of a kernel with {count} parameters")


def require_scalar(kernel: Kernel, index: int) -> None:
    """Raises: ProgramError unless the parameter of this number points to a scalar."""
    require_parameter(kernel, index)
    name, tensor = kernel.parameters[index].name, kernel.parameters[index].tensor
    require(tensor.shape == (), f"position '{name}' is a {tensor}, not a scalar")
    require(tensor.is_integer, f"position '{name}' is a {tensor}, not a whole number")


def require_tokens(kernel: Kernel, channels: Sequence[int]) -> None:
    """Raises: ProgramError unless channels hold bare tokens."""
    for index in channels:
        other = kernel.channels[index]
        require(other.tile is None, f"channel '{other.name}' holds {other.tile}, not bare tokens")


def require_tiles(kernel: Kernel, channels: Sequence[int], tile: TensorSpec) -> None:
    """Raises: ProgramError unless there are channels, with tiles of as many elements of the same type."""
    require(len(channels) > 0, "it feeds no channel")
    for index in channels:
        other = kernel.channels[index].tile
        fits = other is not None and (other.elements, other.dtype) == (tile.elements, tile.dtype)
        require(fits, f"its tile is a {tile}, channel '{kernel.channels[index].name}' holds {other}")


def ddr_cycles(machine: Machine, size_bytes: int) -> int:
    """Cycles for which a transfer occupies the DDR of a socket, rounded up."""
    return -(-size_bytes * machine.clock_hz // machine.ddr_bandwidth)


def sram_cycles(machine: Machine, size_bytes: int, pmus: int) -> int:
    """Cycles for which a transfer occupies the read ports of the PMUs that hold a weight, rounded up."""
    return -(-size_bytes // (pmus * machine.pmu_port_bytes_per_cycle))


@dataclass(frozen=True)
class Transfer:
    """What each firing of a unit moves, and what that costs."""

    server: Server
    service_cycles: int
    """It occupies the server for so long."""
    size_bytes: int
    """The program asks for so much; a memory may have to move more."""
    latency_cycles: int = 0
    """It takes from the end of a transfer in memory until the tile is on the chip, or a store has landed."""

    @staticmethod
    def of_memory(around: Surroundings, address: int, layout: Layout, count: int = 1) -> Transfer:
        """The transfer of `count` tiles from or to the memory that has an address."""
        machine = around.machine
        size, latency = layout.size_bytes * count, machine.hbm_latency_cycles
        region = around.memory.resident(address)
        if region is not None:
            words = layout.burst_bytes(machine.pmu_port_bytes_per_cycle) * count
            cycles = sram_cycles(machine, words, region.pmus(machine)[1])
            return Transfer(around.resident[region.name], cycles, size, machine.stage_latency_cycles)
        moved = layout.burst_bytes(machine.agcu_request_bytes) * count
        if is_in_ddr(machine, address):
            return Transfer(around.ddr, ddr_cycles(machine, moved), size, latency)
        return Transfer(around.hbm, machine.hbm_cycles(moved), size, latency)


class PipelineRun(UnitRun):
    """A unit that is busy for `ii` cycles per firing; what it puts leaves after `latency` cycles."""

    ii = 1
    latency = 1

    def fire(self, now: int, firing: int) -> None:
        calendar = self.around.calendar
        self.busy = True
        calendar.at(now + self.ii, self.finish, firing)
        tiles = self.compute(firing) if self.around.data is not None else None
        for number, port in enumerate(self.outputs):
            if port.begin == firing:
                tile = tiles[number].copy() if tiles is not None else None
                channel, leaves = port.channel, now + self.latency
                calendar.at(leaves + channel.latency, channel.deliver, port.reserve(), tile)

    def finish(self, now: int, firing: int, _: object) -> None:
        """A firing is over: release the groups that it was the last to hold, fire again."""
        for port in self.inputs:
            if port.held_until == firing:
                port.channel.release(now, port.port.size)
        self.busy = False
        self.advance(now)

    @abstractmethod
    def compute(self, firing: int) -> Sequence[Array]:
        """A tile per output, also for those that put none in this firing; it may be a view of a slot."""


class ServedRun(UnitRun):
    """A unit whose firings are transfers that a server makes."""

    writes: bool
    """Whether bytes go to the server: into memory, or out to other sockets."""

    def __init__(self, unit: Unit, place: Place, transfer: Transfer):
        super().__init__(unit, place)
        self.server = transfer.server
        self._cost = transfer.service_cycles, transfer.size_bytes
        self.latency = transfer.latency_cycles

    def fire(self, now: int, firing: int) -> None:
        for port in self.outputs:
            if port.begin == firing:
                port.reserve()
        self.server.request(self.number(firing), self, firing)

    def cost(self, firing: int) -> tuple[int, int]:
        """For how many cycles the transfer of a firing occupies the server, and the bytes that it is of."""
        return self._cost

    @abstractmethod
    def serve(self, now: int, end: int, firing: int) -> None:
        """The transfer of a firing begins now and occupies the server until `end`."""


class StreamRun(ServedRun):
    """A unit whose firings are transfers of a memory."""

    def __init__(self, unit: Unit, place: Place, layout: Layout | None = None, count: int = 1):
        walk = place.bound.walk
        assert walk is not None, "a stream walks through memory"
        around, start = place.around, walk.start
        super().__init__(unit, place, Transfer.of_memory(around, start, layout or walk.layout, count))
        self.walk = walk
        self.writes = walk.writes
        last = self._cost
        if walk.last is not None:
            transfer = Transfer.of_memory(around, start, walk.last)
            last = transfer.service_cycles, transfer.size_bytes
        self._last_cost = last

    def cost(self, firing: int) -> tuple[int, int]:
        return self._cost if (firing + 1) % self.walk.tiles else self._last_cost
