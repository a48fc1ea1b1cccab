"""What units share at run time: the calendar, memories and links as servers, the way between sockets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace
from itertools import count
from typing import Protocol

from ..tensors import Array

Action = Callable[[int, int, Array | None], None]
"""What an event does; it gets the cycle and the number and the tile that were given with it."""

Event = tuple[int, int, Action, int, Array | None]
"""Cycle, a number that grows from event to event, the action and its arguments."""


LAST = 1 << 60
"""Events that end a cycle have numbers from here on."""


class Calendar:
    """Events by cycle; those of one cycle in the order in which they were made, but for those that end it."""

    __slots__ = ("_numbers", "events")

    def __init__(self) -> None:
        self.events: list[Event] = []
        """They are a heap."""
        self._numbers = count()

    def at(self, cycle: int, action: Action, number: int, tile: Array | None = None) -> None:
        """Let something happen at a cycle."""
        heappush(self.events, (cycle, next(self._numbers), action, number, tile))

    def at_end(self, cycle: int, action: Action, number: int) -> None:
        """Let something happen when all else of a cycle is done, in the order of the numbers, one of each."""
        heappush(self.events, (cycle, LAST + number, action, number, None))


class Served(Protocol):
    """A unit whose firings are transfers, as a server sees it."""

    index: int
    writes: bool
    """Whether bytes go to the server: into memory, or out to other sockets."""
    firings: int
    """It fires so often in a call."""
    firings_per_pass: int
    firing: int
    """It has asked for so many transfers."""
    served: int
    """So many of them have begun."""

    def number(self, firing: int) -> int:
        """The number in program order of the pass of a firing."""
        ...

    def cost(self, firing: int) -> tuple[int, int]:
        """For how many cycles the transfer of a firing occupies the server, and the bytes that it is of.

        The program asks for so many; a memory may have to move more.
        """
        ...

    def serve(self, now: int, end: int, firing: int) -> None:
        """The transfer of a firing begins now and occupies the server until `end`."""
        ...


class Server:
    """One memory, or a socket's links: the requests that wait for it, and for how long it was busy."""

    __slots__ = (
        "busy_cycles",
        "calendar",
        "first_busy",
        "free_at",
        "is_due",
        "last",
        "number",
        "queue",
        "read_bytes",
        "written_bytes",
    )

    def __init__(self, calendar: Calendar, number: int = 0):
        self.calendar = calendar
        self.number = number
        """Of the servers that take a request in the same cycle those with lower numbers come first."""
        self.queue: list[tuple[int, int, Served]] = []
        """The units that wait: a heap by program order of what each asks for next, then by unit."""
        self.is_due = False
        """Whether an event is to come in which it looks at its queue."""
        self.free_at = 0
        self.last: tuple[Served, int] | None = None
        """The last transfer that has begun is that of this unit and firing."""
        self.first_busy: int | None = None
        self.busy_cycles = 0
        self.read_bytes = 0
        self.written_bytes = 0

    def request(self, now: int, unit: Served) -> None:
        """A unit has asked for one more transfer; once begun it is not interrupted."""
        if unit.firing > unit.served + 1:  # it waits already
            return
        self.enqueue(unit)
        if not self.is_due:
            self.is_due = True
            self.calendar.at_end(max(now, self.free_at), self.dispatch, self.number)

    def enqueue(self, unit: Served) -> None:
        """Let a unit wait for the first transfer that it has asked for and that has not begun."""
        heappush(self.queue, (unit.number(unit.served), unit.index, unit))

    def drop_abandoned(self) -> None:
        """Forget the requests of firings that are none of the call any more."""
        for _, _, unit in self.queue:
            unit.firing = min(unit.firing, max(unit.served, unit.firings))
        self.queue = [one for one in self.queue if one[2].served < one[2].firing]
        heapify(self.queue)

    def dispatch(self, now: int, _number: int, _tile: Array | None) -> None:
        """Begin the most urgent transfer, now that the server is free and all else of a cycle is done."""
        queue = self.queue
        if not queue:
            self.is_due = False
            return
        unit = queue[0][2]
        firing = unit.served
        unit.served = following = firing + 1
        if following == unit.firing:
            heappop(queue)
        elif not following % unit.firings_per_pass:
            heapreplace(queue, (unit.number(following), unit.index, unit))
        cycles, size_bytes = unit.cost(firing)
        if cycles:  # what moves nothing has its turn, and leaves no trace
            self.last = unit, firing
            self.free_at = now + cycles
            self.busy_cycles += cycles
            if self.first_busy is None:
                self.first_busy = now
        if unit.writes:
            self.written_bytes += size_bytes
        else:
            self.read_bytes += size_bytes
        unit.serve(now, now + cycles, firing)
        self.is_due = bool(queue)
        if queue:
            self.calendar.at_end(now + cycles, self.dispatch, self.number)

    def busy_until(self, now: int) -> int:
        """For how many cycles it was busy before `now`, of whose cycle no transfer has begun yet."""
        return self.busy_cycles - max(0, self.free_at - now)

    def bytes_until(self, now: int) -> int:
        """How many bytes it transferred before `now`, likewise; of the last transfer a share, rounded up."""
        left = self.free_at - now
        if left <= 0 or self.last is None:
            return self.read_bytes + self.written_bytes
        unit, firing = self.last
        cycles, size_bytes = unit.cost(firing)
        return self.read_bytes + self.written_bytes - size_bytes * left // cycles


class Sender(Protocol):
    """A unit that sends tiles to its like on the other sockets."""

    index: int

    def receive(self, sent: int, firing: int, tile: Array | None) -> None:
        """All sockets have sent their tile, the last one at `sent`; this is what they make."""
        ...

    def combined(self, tiles: list[Array]) -> list[Array]:
        """What each socket gets; the tiles stand in the order of the sockets."""
        ...


@dataclass(frozen=True)
class Sent:
    """A tile that a socket sends."""

    unit: Sender
    socket: int
    end: int
    """Its last byte has left then."""
    tile: Array | None


class Exchange:
    """Where the tiles of the sockets that are run meet.

    Of sockets that are not run, each is taken to do at the same time what one that is run does.
    """

    def __init__(self, sockets: int = 1):
        self._sockets = sockets
        self._waiting: dict[tuple[int, int], list[Sent]] = {}
        """This has been sent, by unit and firing, while others' tiles are missing."""

    def send(self, sent: Sent, firing: int) -> None:
        """A socket sends its tile of a firing; with the last one, all receive the result."""
        key = (sent.unit.index, firing)
        all_sent = [*self._waiting.pop(key, ()), sent]
        if len(all_sent) < self._sockets:
            self._waiting[key] = all_sent
            return
        all_sent.sort(key=lambda one: one.socket)
        last = max(one.end for one in all_sent)
        tiles = [one.tile for one in all_sent if one.tile is not None]
        results = sent.unit.combined(tiles) if len(tiles) == len(all_sent) else [None] * len(all_sent)
        for one, result in zip(all_sent, results, strict=True):
            one.unit.receive(last, firing, result)

    def first_waiting(self) -> tuple[int, list[Sent]] | None:
        """A firing whose tiles have not all been sent, and those that have."""
        return next(((firing, sent) for (_, firing), sent in self._waiting.items()), None)
