"""What kinds of units have in common at run time: pipelines, and units that servers serve."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from ....dialects.machine import Machine
from ...tensors import Array
from ..address import Layout
from ..firing import Place, Surroundings, UnitRun
from ..kernel import Unit
from ..program import is_in_ddr
from ..servers import Server


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
        self.served = 0
        """So many of its transfers have begun."""

    @property
    def waiting(self) -> int:
        """Its requests that wait for the server."""
        return self.firing - self.served

    def fire(self, now: int, firing: int) -> None:
        for port in self.outputs:
            if port.begin == firing:
                port.reserve()
        self.server.request(now, self)

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
