"""The engine: one call of a kernel on a socket as discrete events in integer cycles, with data or without.

Both run the same events; data only travels along. In a cycle all events happen first, then memories and links
take their next requests, so that nothing depends on the order of events within a cycle.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop

from ...dialects.machine import Machine
from .accesses import OrderCheck, conflicts_of
from .address import Walk, packed, walk_of
from .channels import ChannelRun
from .collectives import CollectiveRun, Exchange, Links
from .deadlock import deadlock
from .errors import ExecutionError, HazardError
from .events import Calendar
from .ledger import KernelTiming, Traffic, split
from .links import InFlight
from .memory import Data, MemoryMap
from .pipelines import CarryRun, CounterRun, StageRun
from .ports import inputs_of, order_of, outputs_of, passes_of, steps_per_pass
from .program import Carry, Collective, Counter, Gather, Kernel, Load, Stage, Store, Unit, tier_span
from .roof import ddr_cycles, sram_cycles
from .servers import Server, Transfer
from .streams import GatherRun, LoadRun, StoreRun
from .units import InputState, OutputState, Place, Surroundings, UnitRun


@dataclass(frozen=True)
class Call:
    """A kernel with all that a call's arguments decide: addresses and gates."""

    kernel: Kernel
    walks: tuple[Walk, ...]
    """Of the streams, in program order."""
    conflicts: tuple[tuple[int, int], ...]
    """Pairs of `walks` that may touch the same bytes."""
    gates: tuple[tuple[int, ...], ...]
    """Per unit: for a gated load the first tile of a pass that waits for its token, in each decode step."""
    counters: tuple[int, ...]
    """Per unit: where a counter begins, else 0. No time depends on it."""


def resolve(kernel: Kernel, addresses: tuple[int, ...], memory: MemoryMap) -> Call:
    """What a call of a kernel with these addresses does to memory.

    Raises: ExecutionError if a position is unknown or outside what a gated load reads.
    """
    walks = tuple(
        walk_of(kernel, index, addresses, memory.scalar)
        for index, unit in enumerate(kernel.units)
        if isinstance(unit, Load | Store | Gather)
    )
    gates = tuple(_gate_tiles(unit, kernel, addresses, memory) for unit in kernel.units)
    counters = tuple(
        memory.scalar(addresses[unit.position_parameter]) if isinstance(unit, Counter) else 0
        for unit in kernel.units
    )
    return Call(kernel, walks, conflicts_of(walks), gates, counters)


def _gate_tiles(unit: Unit, kernel: Kernel, addresses: tuple[int, ...], memory: MemoryMap) -> tuple[int, ...]:
    if not isinstance(unit, Load) or unit.gate is None:
        return (0,)
    first, tiles = memory.scalar(addresses[unit.gate.position_parameter]), unit.pattern.tiles
    gates: list[int] = []
    for position in range(first, first + (1 if unit.once else kernel.steps)):
        gates.append(position // unit.gate.positions_per_tile)
        if not 0 <= gates[-1] < tiles:
            last = tiles * unit.gate.positions_per_tile - 1
            what = f"position {position} is outside what load '{unit.name}' reads, 0 to {last}"
            raise ExecutionError(what, unit.location)
    return tuple(gates)


class KernelRun:
    """The whole state of one call of a kernel on a socket.

    Without an `exchange` that it shares with others, the other sockets are taken to do the same.
    """

    def __init__(
        self,
        call: Call,
        machine: Machine,
        memory: MemoryMap,
        data: Data | None = None,
        socket: int = 0,
        exchange: Exchange | None = None,
    ):
        kernel = call.kernel
        self.call = call
        self.calendar = Calendar()
        self.hbm = Server(self.calendar)
        self.ddr = Server(self.calendar)
        self.link = Server(self.calendar)
        self.resident = {name: Server(self.calendar) for name in _resident(call.walks, memory)}
        """The PMUs of the resident weights that the call reads, by region."""
        self.servers = (self.hbm, self.ddr, self.link, *self.resident.values())
        self.in_flight = InFlight(self.hbm)
        self._links = Links(self.link, self.in_flight, exchange or Exchange())
        self.channels = [ChannelRun(channel, with_data=data is not None) for channel in kernel.channels]
        self._machine = machine
        self.order = OrderCheck(kernel, call.walks, call.conflicts, memory)
        self._around = Surroundings(self.calendar, memory, data, self.order, socket, machine.sockets)
        self._walks = {walk.unit: walk for walk in call.walks}
        self.units = [self._start(unit, index) for index, unit in enumerate(kernel.units)]
        self.now = 0
        """Cycle of the last event."""

    def run(self, until: int | None = None) -> None:
        """Go on until everything is done, or up to and including cycle `until`.

        Raises: HazardError, DeadlockError; ExecutionError where an operation cannot be computed.
        """
        self.proceed(until)
        if not self.calendar.events:
            self.check_end()

    def proceed(self, until: int | None = None, marker: UnitRun | None = None, step: int = 0) -> None:
        """Like `run`, but having nothing to do may only mean that other sockets have to go on first.

        With a `marker` it stops at the end of the cycle in which that unit has taken `step` steps.
        """
        if self.now == 0:
            for unit in self.units:
                unit.advance(0)
        events, hbm, ddr, link = self.calendar.events, self.hbm, self.ddr, self.link
        resident = [*self.resident.values()]
        for server in self.servers:
            server.dispatch(self.now)
        while events and (until is None or events[0][0] <= until):
            now = events[0][0]
            while events and events[0][0] == now:
                _, _, action, number, tile = heappop(events)
                action(now, number, tile)
            if hbm.queue:
                hbm.dispatch(now)
            if ddr.queue:
                ddr.dispatch(now)
            if link.queue:
                link.dispatch(now)
            for server in resident:
                if server.queue:
                    server.dispatch(now)
            self.now = now
            if marker is not None and marker.step >= step:
                return

    def timing(self) -> KernelTiming:
        """What a finished run took."""
        kernel, hbm, ddr, sent = self.call.kernel, self.hbm, self.ddr, self.link.written_bytes
        sram = sum(server.read_bytes for server in self.resident.values())
        stages = [unit for unit in kernel.units if isinstance(unit, Stage)]
        return KernelTiming(
            self.now,
            split(self.now, hbm.first_busy, hbm.free_at, hbm.busy_cycles, self.in_flight.idle()),
            Traffic(hbm.read_bytes, hbm.written_bytes, ddr.read_bytes, ddr.written_bytes, sent, sram),
            sum(stage.flops * stage.firings * passes_of(stage, kernel) for stage in stages),
        )

    def check_end(self) -> None:
        """Raises: DeadlockError if work remains, HazardError if tokens do."""
        if not all(unit.is_done for unit in self.units):
            raise deadlock(self.units, self.now)
        for state in self.channels:
            if state.arrived != state.released:
                left = state.arrived - state.released
                raise HazardError(
                    f"hazard at cycle {self.now}: the kernel ends with {left} unread tokens "
                    f"of {state.producer} in channel '{state.channel.name}'",
                    state.consumer.unit.location,
                )

    def _start(self, unit: Unit, index: int) -> UnitRun:
        """The state of a unit, connected to its channels."""
        kernel, around = self.call.kernel, self._around
        steps, order = passes_of(unit, kernel) * steps_per_pass(unit), order_of(kernel, index)
        ports = inputs_of(unit, kernel, self.call.gates[index])
        inputs = tuple(InputState(port, self.channels[port.channel]) for port in ports)
        ports = outputs_of(unit, kernel)
        outputs = tuple(OutputState(port, self.channels[port.channel]) for port in ports)
        place = Place(index, steps, order, inputs, outputs, around)
        match unit:
            case Stage():
                run = StageRun(unit, place)
            case Carry():
                run = CarryRun(unit, place)
            case Counter():
                run = CounterRun(unit, place, self.call.counters[index])
            case Load():
                run = LoadRun(unit, place, self._walks[index], self._transfer(unit, index))
            case Gather():
                run = GatherRun(unit, place, self._walks[index], self._transfer(unit, index))
            case Store():
                run = StoreRun(unit, place, self._walks[index], self._transfer(unit, index))
            case Collective():
                run = CollectiveRun(unit, place, self._links, self._machine)
        _connect(run)
        return run

    def _transfer(self, unit: Load | Store | Gather, index: int) -> Transfer:
        """What one transfer of a stream costs."""
        machine, walk = self._machine, self._walks[index]
        layout, count = walk.layout, 1
        if isinstance(unit, Gather):
            layout, count = packed(unit.table.shape[1:], unit.table.numpy_dtype.itemsize), self._rows_of(unit)
        size, latency = layout.size_bytes * count, machine.hbm_latency_cycles
        region = self._around.memory.resident(walk.start)
        if region is not None:
            words = layout.burst_bytes(machine.pmu_port_bytes_per_cycle) * count
            cycles = sram_cycles(machine, words, region.pmus(machine)[1])
            return Transfer(self.resident[region.name], cycles, size, machine.stage_latency_cycles)
        moved = layout.burst_bytes(machine.agcu_request_bytes) * count
        if is_in_ddr(walk, machine):
            return Transfer(self.ddr, ddr_cycles(machine, moved), size, latency)
        return Transfer(self.hbm, machine.hbm_cycles(moved), size, latency)

    def _rows_of(self, unit: Gather) -> int:
        ids = self.call.kernel.channels[unit.ids].tile
        return ids.elements if ids is not None else 0


def _connect(run: UnitRun) -> None:
    for state in run.inputs:
        state.channel.consumer = run
    for state in run.outputs:
        state.channel.producer = run


def _resident(walks: Iterable[Walk], memory: MemoryMap) -> list[str]:
    """The resident weights that streams read, each once, in program order."""
    regions = (memory.resident(walk.start) for walk in walks)
    return [*dict.fromkeys(region.name for region in regions if region is not None)]


def is_in_ddr(walk: Walk, machine: Machine) -> bool:
    """Whether a stream goes to DDR; its first tile says so, no region lies in two memories."""
    first, end = tier_span(machine, "ddr")
    return first <= walk.start < end
