"""The links of a socket to the others: how much of the time that tiles are on their way shows."""

from __future__ import annotations

from .ledger import Idle
from .servers import Server


class InFlight:
    """The cycles in which HBM idles while tiles are on their way between sockets.

    HBM's busy cycles up to now are known at any time, so those of an interval are what they grow by.
    """

    __slots__ = ("_after", "_after_of", "_before", "_between", "_busy", "_hbm", "_since", "_tiles")

    def __init__(self, hbm: Server):
        self._hbm = hbm
        self._tiles = 0
        """On their way now."""
        self._since = 0
        """When the first of them set out."""
        self._busy = 0
        """HBM's busy cycles before that."""
        self._before = 0
        self._between = 0
        self._after = 0
        """Idle cycles behind the transfer that ended at `_after_of`; they are between if another follows."""
        self._after_of = 0

    def begin(self, now: int) -> None:
        """A tile sets out."""
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

    def total(self, now: int) -> int:
        """All such cycles before `now`."""
        last = self._since_begin(now) if self._tiles else Idle()
        return self.idle().total + last.total

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
