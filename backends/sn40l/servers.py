"""What units share at run time: the calendar, memories and links as servers, the way between sockets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Protocol

from ..tensors import Array
from .ledger import Idle

Action = Callable[[int, int, Array | None], None]
"""What an event does; it gets the cycle and the number and the tile that were given with it."""

Event = tuple[int, int, Action, int, Array | None]
"""Cycle, a number that grows from event to event, the action and its arguments."""


class Calendar:
    """Events by cycle; those of one cycle in the order in which they were made."""

    __slots__ = ("_numbers", "events")

    def __init__(self) -> None:
        self.events: list[Event] = []
        """They are a heap."""
        self._numbers = count()

    def at(self, cycle: int, action: Action, number: int, tile: Array | None = None) -> None:
        """Let something happen at a cycle."""
        heappush(self.events, (cycle, next(self._numbers), action, number, tile))


class Served(Protocol):
    """A unit whose firings are transfers, as a server sees it."""

    index: int
    writes: bool
    """Whether bytes go to the server: into memory, or out to other sockets."""
    firings: int
    """It fires so often in a call."""

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
        "last",
        "queue",
        "read_bytes",
        "written_bytes",
    )

    def __init__(self, calendar: Calendar):
        self.calendar = calendar
        self.queue: list[tuple[int, int, int, Served]] = []
        """It is a heap by program order, then by tile."""
        self.free_at = 0
        self.last: tuple[Served, int] | None = None
        """The last transfer that has begun is that of this unit and firing."""
        self.first_busy: int | None = None
        self.busy_cycles = 0
        self.read_bytes = 0
        self.written_bytes = 0

    def request(self, number: int, unit: Served, firing: int) -> None:
        """Queue a transfer of the pass with a number in program order; once begun it is not interrupted."""
        heappush(self.queue, (number, unit.index, firing, unit))

    def drop_abandoned(self) -> None:
        """Forget the requests of firings that are none of the call any more."""
        self.queue = [one for one in self.queue if one[2] < one[3].firings]
        heapify(self.queue)

    def dispatch(self, now: int) -> None:
        """Begin the most urgent transfer if the server is free; called when all else of a cycle is done."""
        if not self.queue or self.free_at > now:
            return
        _, _, firing, unit = heappop(self.queue)
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
        self.calendar.at(now + cycles, _wake, 0)

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


def _wake(now: int, _number: int, _tile: Array | None) -> None:
    """The server is free again: the engine looks at its queue when the cycle's events are done."""


class InFlight:
    """The cycles in which HBM idles while something is under way, such as tiles between sockets.

    HBM's busy cycles up to now are known at any time, so those of an interval are what they grow by.
    """

    __slots__ = ("_after", "_after_of", "_before", "_between", "_busy", "_hbm", "_since", "_tiles")

    def __init__(self, hbm: Server):
        self._hbm = hbm
        self._tiles = 0
        """So many are on their way now."""
        self._since = 0
        """The first of them set out then."""
        self._busy = 0
        """HBM was busy for so many cycles before that."""
        self._before = 0
        self._between = 0
        self._after = 0
        """HBM idled so long behind the transfer that ended at `_after_of`; between, if another follows."""
        self._after_of = 0

    def begin(self, now: int) -> None:
        """A tile sets out, or what else is under way begins."""
        if self._tiles == 0:
            self._since = now
            self._busy = self._hbm.busy_until(now)
        self._tiles += 1

    def end(self, now: int) -> None:
        """A tile has arrived."""
        self._tiles -= 1
        if self._tiles > 0:
            return
        self._settle()
        more = self._since_begin(now)
        self._before += more.before
        self._after += more.after
        self._between += more.between

    def _settle(self) -> None:
        """What came after a transfer stands between transfers now, if another one has begun."""
        if self._after_of != self._hbm.free_at:
            self._between += self._after
            self._after, self._after_of = 0, self._hbm.free_at

    def _since_begin(self, now: int) -> Idle:
        """The cycles since the first of the tiles that are on their way set out."""
        since, first, last = self._since, self._hbm.first_busy, self._hbm.free_at
        if first is None:
            return Idle(before=now - since)
        before = max(0, min(now, first) - since)
        after = max(0, now - max(since, last))
        idle = now - since - (self._hbm.busy_until(now) - self._busy)
        return Idle(before, idle - before - after, after)

    def idle(self) -> Idle:
        """The cycles up to the last time when no tile was on its way."""
        self._settle()
        return Idle(self._before, self._between, self._after)

    def idle_until(self, now: int) -> Idle:
        """All such cycles before `now`."""
        return self.idle() + (self._since_begin(now) if self._tiles else Idle())

    def state(self) -> tuple[int, int, int]:
        """The tiles on their way, since when there have been some, and HBM's busy cycles before that."""
        return (self._tiles, self._since, self._busy) if self._tiles else (0, 0, 0)

    def repeat(
        self, since: Idle, state: tuple[int, int, int], times: int, cycles: int, busy_cycles: int
    ) -> None:
        """Count what came behind `since` and `state` another `times` times, before HBM moves on by as much.

        It took `cycles`, for `busy_cycles` of which HBM was busy.
        """
        idle = self.idle()
        self._before += times * (idle.before - since.before)
        self._between += times * (idle.between - since.between)
        self._after += times * (idle.after - since.after)
        if self.state() != state:
            self._since += times * cycles
            self._busy += times * busy_cycles
        if busy_cycles:
            self._after_of += times * cycles


InFlightState = tuple[int, int, int]
"""What `InFlight.state` says."""


class Reasons:
    """Why HBM idles: tiles are on their way between sockets, or loads by index wait for ids.

    Where both are so, it is for the tiles. So it is enough to count two: the tiles, and tiles or ids.
    """

    __slots__ = ("_either", "_tiles")

    def __init__(self, hbm: Server):
        self._tiles, self._either = InFlight(hbm), InFlight(hbm)

    def send(self, now: int) -> None:
        """A tile sets out to the other sockets."""
        self._tiles.begin(now)
        self._either.begin(now)

    def arrive(self, now: int) -> None:
        """The result of one that was sent is there."""
        self._tiles.end(now)
        self._either.end(now)

    def wait(self, now: int) -> None:
        """A load waits for ids, and for nothing else."""
        self._either.begin(now)

    def go_on(self, now: int) -> None:
        """It has its ids."""
        self._either.end(now)

    def until(self, now: int) -> tuple[Idle, Idle]:
        """The idle cycles before `now` with tiles on their way, and those of ids alone."""
        tiles = self._tiles.idle_until(now)
        return tiles, self._either.idle_until(now) - tiles

    def idle(self) -> tuple[Idle, Idle]:
        """Those of tiles and of either, but for what is under way."""
        return self._tiles.idle(), self._either.idle()

    def state(self) -> tuple[InFlightState, InFlightState]:
        """What is under way: of tiles and of either."""
        return self._tiles.state(), self._either.state()

    def repeat(
        self,
        since: tuple[Idle, Idle],
        states: tuple[InFlightState, InFlightState],
        times: int,
        cycles: int,
        busy_cycles: int,
    ) -> None:
        """As `InFlight.repeat` does, of both."""
        for part, idle, state in zip((self._tiles, self._either), since, states, strict=True):
            part.repeat(idle, state, times, cycles, busy_cycles)


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
