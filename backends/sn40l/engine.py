"""The engine: a call of a kernel as discrete events in integer cycles, with data or without.

Both run the same events; data only travels along. In a cycle all events happen first, then memories and links
take their next requests, so that nothing depends on the order of events within a cycle. One socket is run
alone, or several in lock step, each with its own units, channels, memories and links.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop

from ...dialects.machine import Machine
from .accesses import OrderCheck, conflicts_of
from .address import Walk
from .binding import Arguments, Bound
from .deadlock import deadlock
from .ending import Ending, check_alike
from .errors import ExecutionError, HazardError
from .firing import ChannelRun, InputState, OutputState, Place, Surroundings, UnitRun
from .idling import Reasons
from .kernel import Kernel, Unit
from .ledger import KernelTiming, Traffic, split
from .memory import Data, MemoryMap
from .servers import Calendar, Exchange, Server
from .units import KINDS, Load


@dataclass(frozen=True)
class Call:
    """A kernel with all that a call's arguments decide: addresses and gates."""

    kernel: Kernel
    addresses: tuple[int, ...]
    """One for each parameter."""
    bound: tuple[Bound, ...]
    """Each unit has one."""
    walks: tuple[Walk, ...]
    """They are those of the streams, in program order."""
    conflicts: tuple[tuple[int, int], ...]
    """These pairs of `walks` may touch the same bytes."""

    @property
    def reads_by_index(self) -> bool:
        """Whether what is read depends on ids."""
        return any(isinstance(unit, Load) and unit.index is not None for unit in self.kernel.units)

    def moved(self, addresses: tuple[int, ...]) -> Call:
        """The call with other addresses; those of positions point to the same integers."""
        by = [there - here for there, here in zip(addresses, self.addresses, strict=True)]
        units = zip(self.kernel.units, self.bound, strict=True)
        bound = (one if unit.memory is None else one.moved(by[unit.memory]) for unit, one in units)
        return _call(self.kernel, addresses, tuple(bound))


def _call(kernel: Kernel, addresses: tuple[int, ...], bound: tuple[Bound, ...]) -> Call:
    walks = tuple(one.walk for one in bound if one.walk is not None)
    return Call(kernel, addresses, bound, walks, conflicts_of(walks))


def resolve(
    kernel: Kernel,
    addresses: tuple[int, ...],
    memory: MemoryMap,
    present: Mapping[int, tuple[int, ...]] | None = None,
) -> Call:
    """What a call of a kernel with these addresses does to memory.

    Without data, loads by index read as many slots in each pass as `present` says, by their place.

    Raises: ExecutionError if a position is unknown or outside what a unit reads.
    """
    arguments = Arguments(addresses, memory.scalar, present or {})
    bound = (unit.bind(kernel, index, arguments) for index, unit in enumerate(kernel.units))
    return _call(kernel, addresses, tuple(bound))


class Resolver:
    """Resolves the calls of a step; what only their addresses tell apart is resolved once and moved."""

    def __init__(self, memory: MemoryMap):
        self._memory = memory
        self._known: dict[Hashable, Call] = {}

    def __call__(
        self, kernel: Kernel, addresses: tuple[int, ...], present: Mapping[int, tuple[int, ...]]
    ) -> Call:
        """As `resolve` does, with the scalars that memory has in this step."""
        positions = tuple(addresses[one] for unit in kernel.units for one in unit.positions)
        alike = kernel.name, positions, *present.items()
        if alike not in self._known:
            self._known[alike] = resolve(kernel, addresses, self._memory, present)
        return self._known[alike].moved(addresses)


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
        self.hbm, self.ddr, self.link = (Server(self.calendar, number) for number in range(3))
        resident = enumerate(_resident(call.walks, memory), 3)
        self.resident = {name: Server(self.calendar, number) for number, name in resident}
        """The PMUs of the resident weights that the call reads are servers, too, by region."""
        self.servers = (self.hbm, self.ddr, self.link, *self.resident.values())
        self.reasons = Reasons(self.hbm)
        self.channels = [ChannelRun(channel, with_data=data is not None) for channel in kernel.channels]
        self.order = OrderCheck(kernel, call.walks, call.conflicts, memory)
        self.ending = Ending(kernel)
        shared = (
            self.hbm,
            self.ddr,
            self.link,
            self.resident,
            self.reasons,
            exchange or Exchange(),
            self.ending,
        )
        self._around = Surroundings(self.calendar, memory, data, self.order, machine, socket, *shared)
        self.units = [self._start(unit, index) for index, unit in enumerate(kernel.units)]
        self.ending.join(self.units, self.servers)
        self.now = 0
        """It is the cycle of the last event."""

    def run(self, until: int | None = None) -> None:
        """Go on until everything is done, or up to and including cycle `until`.

        Raises: HazardError, DeadlockError; ExecutionError where an operation cannot be computed.
        """
        self.proceed(until)
        if not self.calendar.events:
            self.check_end()

    def close(self) -> None:
        """Let go of what holds each other, so that the tiles of a finished run are freed at once."""
        for channel in self.channels:
            del channel.producer, channel.consumer
        self.ending.join((), ())
        self.calendar.events.clear()

    def proceed(self, until: int | None = None, watched: Sequence[tuple[UnitRun, int]] = ()) -> None:
        """Like `run`, but having nothing to do may only mean that other sockets have to go on first.

        It stops at the end of the cycle in which one of the `watched` units has fired as often as is said.
        """
        if self.now == 0:
            for unit in self.units:
                unit.advance(0)
        events = self.calendar.events
        while events and (until is None or events[0][0] <= until):
            now = events[0][0]
            while events and events[0][0] == now:
                _, _, action, number, tile = heappop(events)
                action(now, number, tile)
            self.now = now
            for unit, firing in watched:
                if unit.firing >= firing:
                    return

    def timing(self) -> KernelTiming:
        """What a finished run took."""
        hbm, ddr, sent = self.hbm, self.ddr, self.link.written_bytes
        sram = sum(server.read_bytes for server in self.resident.values())
        traffic = Traffic(hbm.read_bytes, hbm.written_bytes, ddr.read_bytes, ddr.written_bytes, sent, sram)
        full = self._around.machine.hbm_roof_cycles(traffic.hbm)
        return KernelTiming(
            self.now,
            split(
                self.now, hbm.first_busy, hbm.free_at, hbm.busy_cycles, full, *self.reasons.until(self.now)
            ),
            traffic,
            sum(run.unit.work[0] * min(run.firing, run.firings) for run in self.units),
            made=self.ending.made,
            wide_flops=sum(run.unit.work[1] * min(run.firing, run.firings) for run in self.units),
        )

    def check_end(self) -> None:
        """Raises: DeadlockError if work remains, HazardError if tokens do."""
        if not all(unit.is_done for unit in self.units):
            raise deadlock(self.units, self.now)
        for state in self.channels:
            if state.arrived != state.released and self.ending.steps is None:
                left = state.arrived - state.released
                raise HazardError(
                    f"hazard at cycle {self.now}: the kernel ends with {left} unread tokens "
                    f"of {state.producer} in channel '{state.channel.name}'",
                    state.consumer.unit.location,
                )

    def _start(self, unit: Unit, index: int) -> UnitRun:
        """The state of a unit, connected to its channels."""
        kernel, bound = self.call.kernel, self.call.bound[index]
        takes, puts = unit.takes(kernel, bound.gates), unit.puts(kernel)
        inputs = tuple(InputState(port, self.channels[port.channel]) for port in takes)
        outputs = tuple(OutputState(port, self.channels[port.channel]) for port in puts)
        firings, placement = unit.firings_per_call(kernel), kernel.placements[index]
        run = KINDS[type(unit)](unit, Place(index, firings, placement, inputs, outputs, bound, self._around))
        for state in inputs:
            state.channel.consumer = run
        for state in outputs:
            state.channel.producer = run
        return run


def _resident(walks: Iterable[Walk], memory: MemoryMap) -> list[str]:
    """The resident weights that streams read, each once, in program order."""
    regions = (memory.resident(walk.start) for walk in walks)
    return [*dict.fromkeys(region.name for region in regions if region is not None)]


class SocketsRun:
    """A call of a kernel on several sockets: cycle by cycle, on every socket in order.

    What a socket sends reaches the others in a later cycle, so that their order within a cycle is no matter.
    """

    def __init__(self, call: Call, machine: Machine, memory: MemoryMap, sockets: Sequence[Data | None]):
        self._exchange = Exchange(len(sockets))
        self.runs = [
            KernelRun(call, machine, memory, data, socket, self._exchange)
            for socket, data in enumerate(sockets)
        ]

    def run(self) -> None:
        """Go on until everything is done.

        Raises: ExecutionError as `KernelRun.run` does; the message names the socket.
        """
        now = 0
        while now is not None:
            for socket in range(len(self.runs)):
                self._on(socket, lambda run, now=now: run.proceed(now))
            pending = (run.calendar.events[0][0] for run in self.runs if run.calendar.events)
            now = min(pending, default=None)
        self._check_ends()

    def timing(self) -> KernelTiming:
        """What a finished run took on each socket; on the slowest, where each reads what its ids name."""
        timings = [run.timing() for run in self.runs]
        alike = all(timing == timings[0] for timing in timings)
        assert alike or self.runs[0].call.reads_by_index, (
            "sockets run the same program in lock step, and no time depends on data but for ids"
        )
        return max(timings, key=lambda timing: timing.cycles)

    def close(self) -> None:
        """Let go of what the runs hold, as `KernelRun.close` does."""
        for run in self.runs:
            run.close()

    def _check_ends(self) -> None:
        check_alike([run.ending for run in self.runs])
        if (waiting := self._exchange.first_waiting()) is not None:
            firing, sent = waiting
            here = {one.socket for one in sent}
            missing = next(socket for socket in range(len(self.runs)) if socket not in here)
            what = f"socket {min(here)} has sent tile {firing} of {sent[0].unit} and waits for its"
            self._on(missing, KernelRun.check_end, what)
        for socket in range(len(self.runs)):
            self._on(socket, KernelRun.check_end)

    def _on(self, socket: int, action: Callable[[KernelRun], None], note: str = "") -> None:
        """Do something with a socket's run; errors name the socket."""
        try:
            action(self.runs[socket])
        except ExecutionError as error:
            error.message = f"socket {socket}: {error.message}{f'; {note}' if note else ''}"
            raise
