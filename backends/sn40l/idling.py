"""Why HBM idles: the cycles in which it does while something is under way, to the cycle."""

from __future__ import annotations

from dataclasses import dataclass
from operator import add, sub

from .servers import Server


@dataclass(frozen=True)
class Idle:
    """Cycles in which HBM idles: before it is used first, between uses, after the last one."""

    before: int = 0
    between: int = 0
    after: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.before + self.between + self.after

    def __add__(self, other: Idle) -> Idle:
        return Idle(*map(add, vars(self).values(), vars(other).values()))

    def __sub__(self, other: Idle) -> Idle:
        return Idle(*map(sub, vars(self).values(), vars(other).values()))


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
