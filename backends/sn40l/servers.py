"""A socket's memories as servers: one transfer at a time, the most urgent request first."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from heapq import heappop, heappush

from ..tensors import Array
from .address import Walk
from .events import Calendar
from .program import Unit
from .units import Place, UnitRun


class StreamRun(UnitRun):
    """A unit whose steps are transfers of a memory."""

    def __init__(self, unit: Unit, place: Place, stream: Stream):
        super().__init__(unit, place)
        self.walk = stream.walk
        self.server = stream.server
        self.service_cycles = stream.service_cycles
        self.transfer_bytes = stream.transfer_bytes

    def fire(self, now: int, step: int) -> None:
        for port in self.outputs:
            if port.begin == step:
                port.reserve()
        self.server.request(self.walk.iteration(step), self, step)

    @abstractmethod
    def serve(self, now: int, end: int, step: int) -> None:
        """The transfer of a step begins now and occupies the memory until `end`."""


@dataclass(frozen=True)
class Stream:
    """What a stream moves in a call, and what that costs."""

    walk: Walk
    server: MemoryServer
    service_cycles: int
    """For which a transfer occupies the memory."""
    transfer_bytes: int
    """That the program asks for; the memory may have to move more."""


class MemoryServer:
    """One memory: the requests that wait for it, and for how long it was busy."""

    __slots__ = (
        "busy_cycles",
        "calendar",
        "first_busy",
        "free_at",
        "queue",
        "read_bytes",
        "written_bytes",
    )

    def __init__(self, calendar: Calendar):
        self.calendar = calendar
        self.queue: list[tuple[int, int, int, StreamRun]] = []
        """A heap by iteration, program order of the stream, tile."""
        self.free_at = 0
        self.first_busy: int | None = None
        self.busy_cycles = 0
        self.read_bytes = 0
        self.written_bytes = 0

    def request(self, iteration: int, stream: StreamRun, step: int) -> None:
        """Queue a transfer; it is not interrupted once it has begun."""
        heappush(self.queue, (iteration, stream.index, step, stream))

    def dispatch(self, now: int) -> None:
        """Begin the most urgent transfer if the memory is free; called when all else of a cycle is done."""
        if not self.queue or self.free_at > now:
            return
        _, _, step, stream = heappop(self.queue)
        cycles = stream.service_cycles
        self.free_at = now + cycles
        self.busy_cycles += cycles
        if self.first_busy is None:
            self.first_busy = now
        if stream.walk.writes:
            self.written_bytes += stream.transfer_bytes
        else:
            self.read_bytes += stream.transfer_bytes
        stream.serve(now, self.free_at, step)
        self.calendar.at(self.free_at, _wake, 0)


def _wake(now: int, _number: int, _tile: Array | None) -> None:
    """The memory is free again: the engine looks at its queue when the cycle's events are done."""
