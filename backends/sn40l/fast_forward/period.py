"""When what happened between two moments of a run must happen again, and how often: its period.

Two moments are alike if all that decides what happens next is the same, relative to the cycle and to what
each unit has done: how many tokens and free slots there are, the events to come, the requests that wait. Then
the run repeats itself, until a unit comes to something that is not the same in every turn: its last firing,
the end of a tile that is held for the whole call.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, takewhile
from operator import sub

from ..engine import KernelRun
from ..firing import UnitRun
from ..kernel import Port
from ..servers import Action
from ..units.streams import ServedRun
from .loop import Loop
from .snapshot import ServerState, Snapshot

FAR = 1 << 62
"""A firing that no unit comes to."""


@dataclass(frozen=True)
class Period:
    """What a run has done, so that it does it again and again."""

    since: Snapshot
    times: int
    """It can be repeated so often."""
    turns: int
    cycles: int
    firings: list[int]
    """Each unit fires so often, or is served so often where it has no firing left and requests wait."""
    arrived: list[int]
    """So many tokens come into each channel."""
    released: list[int]
    growth: Mapping[Action, int]
    """By so much the numbers of events grow: tags by tokens, firings by firings; those of others do not."""
    waiting: list[int]
    """So many requests of each unit wait at servers."""


def period_between(run: KernelRun, before: Snapshot, now: Snapshot, loop: Loop) -> Period | None:
    """The period that began at `before` and ends now, after whole turns; None if there is none."""
    if before.phase != now.phase:
        return None
    pair = _Pair(run, before, now, loop)
    if not (pair.firings_fit and pair.channels_fit and pair.servers_fit and pair.events_fit):
        return None
    # The last turn is always replayed: there is always something to see of it.
    turns = now.turn - before.turn
    most = (loop.end - 2 - now.turn) // turns
    times = min(most, *map(pair.times, run.units))
    if times <= 0 or not _passes(run, before, now, times, loop):
        return None
    return Period(
        since=before,
        times=times,
        turns=turns,
        cycles=now.now - before.now,
        firings=pair.firings,
        arrived=pair.arrived,
        released=pair.released,
        growth=pair.growth,
        waiting=pair.waiting,
    )


def _passes(run: KernelRun, before: Snapshot, now: Snapshot, times: int, loop: Loop) -> bool:
    """Whether a period that is repeated passes all checks of memory, as it did."""
    if not loop.is_of_steps:
        return run.order.can_repeat()
    # Streams may run ahead of the last step that is repeated, into the one behind it.
    last = now.turn + times * (now.turn - before.turn) + 1
    return run.order.can_repeat_steps(before.turn, min(last, loop.end - 1))


def _runs_ahead(unit: UnitRun) -> bool:
    """Whether it is nobody else's business how far its requests are ahead of the server, if there are any.

    A stream that takes no tokens has none to hold: its requests just wait.
    """
    return isinstance(unit, ServedRun) and not unit.inputs


@dataclass(frozen=True)
class _Pair:
    """Two moments of a run, the second one now."""

    run: KernelRun
    before: Snapshot
    now: Snapshot
    loop: Loop

    @cached_property
    def waiting(self) -> list[int]:
        """How many requests of each unit wait at servers now."""
        waiting = [0] * len(self.run.units)
        for server in self.run.servers:
            for _, _, _, unit in server.queue:
                waiting[unit.index] += 1
        return waiting

    @cached_property
    def fired(self) -> list[int]:
        """How often each unit has fired."""
        return [*map(sub, self.now.firings, self.before.firings)]

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
        return [*map(sub, self.now.arrived, self.before.arrived)]

    @cached_property
    def released(self) -> list[int]:
        """Tokens of each channel that have gone."""
        return [*map(sub, self.now.released, self.before.released)]

    @cached_property
    def growth(self) -> dict[Action, int]:
        """By how much the numbers of events grow."""
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
        return (self.now.turn - self.before.turn) * self.loop.strides[unit.index]

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
        looped = [index for index, stride in enumerate(self.loop.strides) if stride]
        request = unit.iteration(unit.firing - self.waiting[unit.index]), unit.index
        return request > (self.loop.last_iteration, max(looped, default=0))

    @property
    def channels_fit(self) -> bool:
        """Whether as many tokens have come as have gone; all the same if none are to come any more."""
        for channel, arrived, released, first in zip(
            self.run.channels, self.arrived, self.released, self.before.arrived, strict=True
        ):
            port = next(state.port for state in channel.producer.outputs if state.channel is channel)
            if arrived != released and first < port.tokens:
                return False
        return True

    @property
    def servers_fit(self) -> bool:
        """Whether they are busy for as long, and the counts of the links can go on as they did."""
        before, now = self.before, self.now
        pairs = zip(before.servers, now.servers, strict=True)
        if any(_rest(a, before.now) != _rest(b, now.now) for a, b in pairs):
            return False
        if not self.in_flight_fits:
            return False
        # Idle cycles in front of the first transfer, and behind the last one, are counted for themselves.
        busy = before.servers[0].busy_cycles
        return busy == now.servers[0].busy_cycles or (busy > 0 and before.idle.after == now.idle.after)

    @property
    def in_flight_fits(self) -> bool:
        """Whether tiles are on their way for as long, or all the time."""
        tiles, since, busy = self.before.in_flight
        tiles_now, since_now, busy_now = self.now.in_flight
        moved = (since_now - since, busy_now - busy)
        passed = self.now.now - self.before.now, self.run.hbm.busy_cycles - self.before.servers[0].busy_cycles
        return tiles == tiles_now and (tiles == 0 or moved in ((0, 0), passed))

    @property
    def events_fit(self) -> bool:
        """Whether the same is to come after as many cycles, in the same order."""
        before, now, growth = self.before, self.now, self.growth
        cycles = now.now - before.now
        return len(before.events) == len(now.events) and all(
            later - cycle == cycles and other == action and moved - number == growth.get(action, 0)
            for (cycle, _, action, number, _), (later, _, other, moved, _) in zip(
                sorted(before.events), sorted(now.events), strict=True
            )
        )

    def times(self, unit: UnitRun) -> int:
        """How often a unit can do again what it did; 0 if it did not do the same in each iteration."""
        moved = self.firings[unit.index]
        taken = [(state.port, self.released[state.port.channel]) for state in unit.inputs]
        put = [(state.port, self.arrived[state.port.channel]) for state in unit.outputs]
        if not moved:
            return 0 if any(tokens for _, tokens in taken + put) else self.run.call.kernel.iterations
        bound = self.loop.bounds[unit.index]
        if _runs_ahead(unit):
            served = unit.firing - self.waiting[unit.index]
            return (bound - 1 - served) // moved if all(tokens == moved for _, tokens in put) else 0
        start = self.before.firings[unit.index]
        last = (_last_firing(port, start, moved, tokens) for port, tokens in taken + put)
        return (min(bound, *last) - unit.firing) // moved


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
