"""When what happened between two moments of a run must happen again, and how often: its period.

Two moments are alike if all that decides what happens next is the same, relative to the cycle and to what
each unit has done: how many tokens and free slots there are, the events to come, the requests that wait. Then
the run repeats itself, until a unit comes to something that is not the same in every turn: its last firing,
the end of a tile that is held for the whole call.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, takewhile
from operator import sub

from ..engine import KernelRun
from ..firing import UnitRun
from ..idling import InFlightState
from ..ports import Port
from ..servers import Action
from ..units.common import ServedRun
from ..units.indexed import IndexedLoadRun
from .turns import ServerState, Snapshot, Turns

FAR = 1 << 62
"""A firing that no unit comes to."""


def period_between(run: KernelRun, before: Snapshot, now: Snapshot, loop: Turns) -> Period | None:
    """The period that began at `before` and ends now, after whole turns; None if there is none."""
    if before.phase != now.phase:
        return None
    period = Period(run, before, now, loop)
    fits = period.firings_fit and period.channels_fit and period.servers_fit and period.events_fit
    return period if fits and period.times > 0 and period.passes_checks else None


def _runs_ahead(unit: UnitRun) -> bool:
    """Whether it is nobody else's business how far its requests are ahead of the server, if there are any.

    A stream that takes no tokens has none to hold: its requests just wait.
    """
    return isinstance(unit, ServedRun) and not unit.inputs


@dataclass(frozen=True)
class Period:
    """What a run has done between two moments, the second one now, so that it does it again and again.

    That it does is for the properties named `…fit` to say. What they have read of the run stays as it was.
    """

    run: KernelRun
    since: Snapshot
    now: Snapshot
    loop: Turns

    @property
    def turns(self) -> int:
        """It takes so many."""
        return self.now.turn - self.since.turn

    @property
    def cycles(self) -> int:
        """It takes so long."""
        return self.now.now - self.since.now

    @property
    def busy_cycles(self) -> int:
        """HBM transfers data in so many of them."""
        return self.now.servers[0].busy_cycles - self.since.servers[0].busy_cycles

    @cached_property
    def times(self) -> int:
        """It can be repeated so often; the last turn is always replayed: there is always something to see."""
        most = (self.loop.count - self.loop.replayed - self.now.turn) // self.turns
        return min(most, *map(self._times, self.run.units))

    @cached_property
    def waiting(self) -> list[int]:
        """How many requests of each unit wait at servers now."""
        return [unit.waiting if isinstance(unit, ServedRun) else 0 for unit in self.run.units]

    @cached_property
    def fired(self) -> list[int]:
        """How often each unit has fired."""
        return [*map(sub, self.now.firings, self.since.firings)]

    @cached_property
    def firings(self) -> list[int]:
        """How often each unit has fired; where it is done, how often it must have been served."""
        return [
            self._whole(unit) if unit.is_done and self.waiting[unit.index] and _runs_ahead(unit) else fired
            for unit, fired in zip(self.run.units, self.fired, strict=True)
        ]

    @cached_property
    def arrived(self) -> list[int]:
        """Tokens of each channel that have come."""
        return [*map(sub, self.now.arrived, self.since.arrived)]

    @cached_property
    def released(self) -> list[int]:
        """Tokens of each channel that have gone."""
        return [*map(sub, self.now.released, self.since.released)]

    @cached_property
    def growth(self) -> dict[Action, int]:
        """By how much events' numbers grow: tags by tokens, firings by firings; those of others do not."""
        growth: dict[Action, int] = {}
        for channel, arrived in zip(self.run.channels, self.arrived, strict=True):
            growth[channel.deliver] = arrived
        for _, _, action, _, _ in self.now.events:
            unit = getattr(action, "__self__", None)
            if isinstance(unit, UnitRun):
                growth[action] = self.firings[unit.index]
        return growth

    def _whole(self, unit: UnitRun) -> int:
        """Steps of the iterations that lie between."""
        return self.turns * self.loop.strides[unit.index]

    @property
    def firings_fit(self) -> bool:
        """Whether all units of the loop are as far, except those at their end.

        No request of another unit may wait, unless it has to until the loop is over.
        """
        return all(
            fired in (0, self._whole(unit))
            and (firings > 0 or not self.waiting[unit.index] or self._waits_for_the_end(unit))
            for unit, fired, firings in zip(self.run.units, self.fired, self.firings, strict=True)
        )

    def _waits_for_the_end(self, unit: UnitRun) -> bool:
        """Whether all that the loop asks for in this loop is more urgent than what a unit waits for."""
        assert isinstance(unit, ServedRun), "no others have requests"
        return unit.number(unit.firing - self.waiting[unit.index]) > self.loop.last

    @property
    def channels_fit(self) -> bool:
        """Whether as many tokens have come as have gone; all the same if none are to come any more."""
        for channel, arrived, released, first in zip(
            self.run.channels, self.arrived, self.released, self.since.arrived, strict=True
        ):
            port = next(state.port for state in channel.producer.outputs if state.channel is channel)
            if arrived != released and first < port.tokens:
                return False
        return True

    @property
    def servers_fit(self) -> bool:
        """Whether they are busy for as long, and the counts of the links can go on as they did."""
        before, now = self.since, self.now
        pairs = zip(before.servers, now.servers, strict=True)
        if any(_rest(a, before.now) != _rest(b, now.now) for a, b in pairs) or not self.in_flight_fits:
            return False
        # Idle cycles in front of the first transfer, and behind the last one, are counted for themselves.
        was_used = before.servers[0].busy_cycles > 0
        after = [[idle.after for idle in one.idle] for one in (before, now)]
        return self.busy_cycles == 0 or (was_used and after[0] == after[1])

    @property
    def in_flight_fits(self) -> bool:
        """Whether tiles are on their way, and ids awaited, for as long or all the time."""
        return all(map(self._is_under_way_alike, self.since.in_flight, self.now.in_flight))

    def _is_under_way_alike(self, before: InFlightState, after: InFlightState) -> bool:
        (tiles, since, busy), (tiles_now, since_now, busy_now) = before, after
        moved, passed = (since_now - since, busy_now - busy), (self.cycles, self.busy_cycles)
        return tiles == tiles_now and (tiles == 0 or moved in ((0, 0), passed))

    @property
    def events_fit(self) -> bool:
        """Whether the same is to come after as many cycles, in the same order."""
        before, now, growth, cycles = self.since, self.now, self.growth, self.cycles
        return len(before.events) == len(now.events) and all(
            later - cycle == cycles and other == action and moved - number == growth.get(action, 0)
            for (cycle, _, action, number, _), (later, _, other, moved, _) in zip(
                sorted(before.events), sorted(now.events), strict=True
            )
        )

    @property
    def passes_checks(self) -> bool:
        """Whether all checks of memory, which it passes, are passed by its repetitions."""
        # Streams may run ahead of the last turn that is repeated, into the one behind it.
        last = min(self.now.turn + self.times * self.turns + 1, self.loop.count - 1)
        return self.run.order.can_repeat(self.loop.loop, self.since.turn, last)

    def _times(self, unit: UnitRun) -> int:
        """How often a unit can do again what it did; 0 if it did not do the same in each iteration."""
        moved = self.firings[unit.index]
        taken = [(state.port, self.released[state.port.channel]) for state in unit.inputs]
        put = [(state.port, self.arrived[state.port.channel]) for state in unit.outputs]
        if not moved:
            return 0 if any(tokens for _, tokens in taken + put) else self.loop.count
        bound = self.loop.bounds[unit.index]
        if isinstance(unit, IndexedLoadRun):  # what it moves may differ from pass to pass
            unserved = self.since.firings[unit.index] - self.waiting[unit.index]
            bound = min(bound, unit.alike_until(max(0, unserved), moved))
        if _runs_ahead(unit):
            served = unit.firing - self.waiting[unit.index]
            return (bound - served) // moved if all(tokens == moved for _, tokens in put) else 0
        start = self.since.firings[unit.index]
        last = (_last_firing(port, start, moved, tokens) for port, tokens in taken + put)
        # A unit that is busy does not look for the tokens of its next firing yet.
        return (min(bound, *(firing + unit.busy for firing in last)) - unit.firing) // moved


def _rest(server: ServerState, now: int) -> int:
    return max(0, server.free_at - now)


def _last_firing(port: Port, start: int, moved: int, tokens: int) -> int:
    """To which firing a unit can come while a port does what it has done from firing `start` on.

    That is a group every now and then, or nothing at all.
    """
    bursts = _last_firing_of_bursts(port, start, moved, tokens)
    if bursts is not None:
        return bursts
    regular = moved % port.period == 0 and tokens == moved // port.period * port.size
    first = port.starts[max(0, bisect_left(port.starts, start) - 1)]
    if regular and start > first - port.period + port.hold:
        return first + port.burst * port.period - 1
    if tokens:
        return start
    begin, release = _next(port, 0, start), _next(port, port.hold - 1, start - 1)
    return min(begin - 1, release)


def _last_firing_of_bursts(port: Port, start: int, moved: int, tokens: int) -> int | None:
    """The same for a port that takes or puts whole bursts, as far as they come at equal distances."""
    burst = max(0, bisect_left(port.starts, start) - 1)
    distances = [b - a for a, b in pairwise(port.starts[burst:])]
    if not distances or moved % distances[0] or tokens != moved // distances[0] * port.burst * port.size:
        return None
    equal = sum(1 for _ in takewhile(lambda distance: distance == distances[0], distances))
    return port.starts[burst + equal] + distances[0] - 1


def _next(port: Port, offset: int, firing: int) -> int:
    """The first firing from `firing` on that stands `offset` behind the first one of a group."""
    group = port.groups_before(firing - offset)
    return port.firing_of(group) + offset if group < port.groups else FAR
