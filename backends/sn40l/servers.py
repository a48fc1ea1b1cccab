"""A socket's memories and links as servers: one transfer at a time, the most urgent request first."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from heapq import heappop, heappush

from ..tensors import Array
from .address import Walk
from .events import Calendar
from .program import Unit
from .units import Place, UnitRun


@dataclass(frozen=True)
class Transfer:
    """What each step of a unit moves, and what that costs."""

    server: Server
    service_cycles: int
    """For which it occupies the server."""
    size_bytes: int
    """That the program asks for; a memory may have to move more."""
    latency_cycles: int = 0
    """From the end of a transfer in memory until the tile is on the chip, or a store has landed."""


class ServedRun(UnitRun):
    """A unit whose steps are transfers that a server makes."""

    writes: bool
    """Whether bytes go to the server: into memory, or out to other sockets."""

    def __init__(self, unit: Unit, place: Place, transfer: Transfer):
        super().__init__(unit, place)
        self.server = transfer.server
        self.service_cycles = transfer.service_cycles
        self.transfer_bytes = transfer.size_bytes

    def fire(self, now: int, step: int) -> None:
        for port in self.outputs:
            if port.begin == step:
                port.reserve()
        self.server.request(self.iteration(step), self, step)

    @abstractmethod
    def iteration(self, step: int) -> int:
        """The iteration that a step belongs to."""

    @abstractmethod
    def serve(self, now: int, end: int, step: int) -> None:
        """The transfer of a step begins now and occupies the server until `end`."""


class StreamRun(ServedRun):
    """A unit whose steps are transfers of a memory."""

    def __init__(self, unit: Unit, place: Place, walk: Walk, transfer: Transfer):
        super().__init__(unit, place, transfer)
        self.walk = walk
        self.latency = transfer.latency_cycles
        self.writes = walk.writes

    def iteration(self, step: int) -> int:
        return self.walk.iteration(step)


class Server:
    """One memory, or a socket's links: the requests that wait for it, and for how long it was busy."""

    __slots__ = (
        "busy_cycles",
        "calendar",
        "first_busy",
        "free_at",
        "last",
        "queue",
        "read_bytes",
        "written_bytes",
    )

    def __init__(self, calendar: Calendar):
        self.calendar = calendar
        self.queue: list[tuple[int, int, int, ServedRun]] = []
        """A heap by iteration, program order of the unit, tile."""
        self.free_at = 0
        self.last: tuple[ServedRun, int] | None = None
        """The unit and the step of the last transfer that has begun."""
        self.first_busy: int | None = None
        self.busy_cycles = 0
        self.read_bytes = 0
        self.written_bytes = 0

    def request(self, iteration: int, unit: ServedRun, step: int) -> None:
        """Queue a transfer; it is not interrupted once it has begun."""
        heappush(self.queue, (iteration, unit.index, step, unit))

    def dispatch(self, now: int) -> None:
        """Begin the most urgent transfer if the server is free; called when all else of a cycle is done."""
        if not self.queue or self.free_at > now:
            return
        _, _, step, unit = heappop(self.queue)
        self.last = unit, step
        cycles = unit.service_cycles
        self.free_at = now + cycles
        self.busy_cycles += cycles
        if self.first_busy is None:
            self.first_busy = now
        if unit.writes:
            self.written_bytes += unit.transfer_bytes
        else:
            self.read_bytes += unit.transfer_bytes
        unit.serve(now, self.free_at, step)
        self.calendar.at(self.free_at, _wake, 0)

    def busy_until(self, now: int) -> int:
        """For how many cycles it was busy before `now`, of whose cycle no transfer has begun yet."""
        return self.busy_cycles - max(0, self.free_at - now)


def _wake(now: int, _number: int, _tile: Array | None) -> None:
    """The server is free again: the engine looks at its queue when the cycle's events are done."""
