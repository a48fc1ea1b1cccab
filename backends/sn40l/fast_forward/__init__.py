"""Fast-forward: time a loop without replaying it, to the same cycle, bit for bit.

A kernel's loop soon comes to a **steady state**: each turn (an iteration, with all loops inside) does what
the turns before did, some cycles later. At the begin of each turn a **snapshot** says all that decides what
happens next, relative to the cycle and the turn: tokens and free slots, firings, events to come, requests
that wait, transfers under way. Two equal snapshots bound a **period**, here of two turns:

    turn     0        1        2        3        4        5                 41       42       43     end
             |--------|--------|--------|--------|--------|- - - - - - - - - |--------|--------|------|
             |  fill           |  period         |                           |  replayed: end effects |
    snapshot s0       s1       s2       s3       s4 = s2                     s4 moved on
                               |<----- p cycles ->|                          |
                                                  |======= 18 periods ======>|
                                                    fast-forward: now += 18 p, every count += 18 x its
                                                    growth in a period, every event to come 18 p later

Why that equals the full replay: the engine is deterministic, and what it does next depends on the state that
a snapshot compares and on nothing else. So from s4 the run does what it did from s2, as long as no unit meets
something that is not the same in each turn: its last firing, the end of a tile that is held for the whole
call, a burst of tokens that ends, a position that comes to another tile of a cache. `period.py` finds how
many periods pass before the first of these; the last turn is always replayed. Integers add up exactly, so
nothing is rounded. Memory checks hold for what is passed over, as streams that share bytes move on together
(`accesses.OrderCheck`); with data nothing is passed over at all.

An **observer** watches a run (layers, stages, a trace). It sees each cycle that is replayed, and is told what
the counts that it kept have grown by where a run is moved on.

`turns.py` says where a turn of which loop begins, and what is compared there, `period.py` what makes a period
and how often it can be repeated, `observers.py` and `busy.py` watch; this file searches and moves on.
Snapshots are compared with those of some turns before, of the same loop since it last began; outer loops
come first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from ....dialects.vocabulary import Rate
from ..engine import KernelRun
from ..firing import EMPTY, ChannelRun, UnitRun
from ..kernel import Kernel
from ..servers import Server
from ..units.common import ServedRun
from ..units.indexed import IndexedLoadRun
from .busy import BusyObserver
from .observers import LayerObserver, StageObserver, TraceObserver
from .period import Period, period_between
from .turns import Leader, Observer, ServerState, Snapshot, Turns

__all__ = ["BusyObserver", "LayerObserver", "StageObserver", "TraceObserver", "run_in_iterations"]

LONGEST_PERIOD = 16
"""Turns between states that are compared; longer periods are replayed."""

LOOKS = 4
"""Of as many turns, those that are looked at after a while without a period; the others cost nothing."""


def run_in_iterations(
    run: KernelRun, observers: Sequence[Observer] = (), *, jump: bool = True, replayed: int = 0
) -> None:
    """Run to the end under observation; the first `replayed` iterations are replayed in any case.

    The last turn of a loop always is; with iterations that are to be seen, also the one before, in which what
    runs ahead begins the last one.

    Raises: HazardError, DeadlockError.
    """
    kernel, searches = run.call.kernel, dict[Rate, _Search]()
    for begun in _begins(run, observers):
        for loop, iteration in begun:
            _tell(observers, kernel, loop, iteration)
        if not jump or min(_among_all(kernel, *one) for one in begun) < replayed:
            continue
        for loop, iteration in begun:
            round, turn = divmod(iteration, kernel.tree.rounds(loop)[1])
            if loop not in searches or searches[loop].round != round:
                searches[loop] = _Search(Turns.of(kernel, loop, round, 2 if replayed else 1), round)
            if searches[loop].forward(run, turn, observers):
                break
    _go_on(run, observers)
    run.run()


def _among_all(kernel: Kernel, loop: Rate, iteration: int) -> int:
    """The number of an iteration among those of all innermost loops, or of the first one inside of it."""
    tree = kernel.tree
    inside = next(leaf for leaf in tree.leaves if tree.is_inside(leaf, loop))
    return kernel.leaf_iterations[inside].number(iteration * tree.passes(inside) // tree.passes(loop))


def _tell(observers: Sequence[Observer], kernel: Kernel, loop: Rate, iteration: int) -> None:
    """Let observers know of an iteration of an innermost loop."""
    if loop in kernel.tree.leaves:
        for observer in observers:
            observer.begin(_among_all(kernel, loop, iteration))


class _Search:
    """The search for a period among the turns of a loop."""

    def __init__(self, turns: Turns, round: int):
        self.round = round
        self._turns = turns
        self._seen: deque[Snapshot] = deque(maxlen=LONGEST_PERIOD)
        """They are the states at the beginnings of turns."""
        self._fruitless = 0
        """So many turns have come since the last period."""

    def forward(self, run: KernelRun, turn: int, observers: Sequence[Observer]) -> bool:
        """Let a run that begins a turn move on by all periods that it can; whether there are any."""
        self._fruitless += 1
        if not _is_worth_a_look(self._fruitless):
            return False
        now = Snapshot.of(run, turn, self._turns.strides, observers)
        periods = (period_between(run, before, now, self._turns) for before in reversed(self._seen))
        period = next((period for period in periods if period is not None), None)
        if period is None:
            self._seen.append(now)
            return False
        fast_forward(run, period, observers)
        self._seen.clear()
        self._fruitless = 0
        return True


def _is_worth_a_look(fruitless: int) -> bool:
    """Whether to look for a period after so many turns without one: only now and then after a while."""
    return fruitless < LONGEST_PERIOD or fruitless % LONGEST_PERIOD < LOOKS


def _begins(run: KernelRun, observers: Sequence[Observer]) -> Iterator[list[tuple[Rate, int]]]:
    """Run from where iterations begin to where others do: their loops and numbers, the outermost first."""
    leaders = Leader.all_of(run)
    while True:
        waiting = [(one, one.begun()) for one in leaders if one.begun() < one.iterations]
        if not waiting:
            return
        _go_on(run, observers, [(one.run, one.firing_of(begun) + 1) for one, begun in waiting])
        now = [(one.loop, one.begun() - 1) for one, begun in waiting if one.begun() > begun]
        if not now:
            return
        yield now


def _go_on(
    run: KernelRun, observers: Sequence[Observer], watched: Sequence[tuple[UnitRun, int]] = ()
) -> None:
    """Run until a unit has fired as often as is said, or to the end; cycle by cycle for observers."""
    if not observers:
        run.proceed(None, watched)
        return
    run.proceed(run.now)
    events = run.calendar.events
    while True:
        for observer in observers:
            observer.look()
        if not events or any(unit.firing >= firing for unit, firing in watched):
            return
        run.proceed(events[0][0])


def fast_forward(run: KernelRun, period: Period, observers: Sequence[Observer]) -> None:
    """Repeat a period that ends now as often as it can be: all cycles, firings, tokens and counts at once."""
    times, cycles, since = period.times, period.times * period.cycles, period.since
    run.reasons.repeat(since.idle, since.in_flight, times, period.cycles, period.busy_cycles)
    run.order.repeat(since.accesses, times, period.cycles)
    _move_events(run, period, cycles)
    for unit, firings in zip(run.units, period.firings, strict=True):
        _move_unit(unit, times * firings, cycles)
    for channel, arrived, released in zip(run.channels, period.arrived, period.released, strict=True):
        _move_channel(channel, times * arrived, times * released)
    for server, before in zip(run.servers, since.servers, strict=True):
        _move_server(server, before, times, cycles)
        server.queue.clear()
    for unit in run.units:
        if isinstance(unit, ServedRun) and unit.waiting:
            unit.server.enqueue(unit)
    run.now += cycles
    for observer, counts in zip(observers, since.observed, strict=True):
        observer.repeat(counts, times)


def _move_events(run: KernelRun, period: Period, cycles: int) -> None:
    """As all events move by as much, they stay a heap."""
    run.calendar.events[:] = [
        (cycle + cycles, order, action, number + period.times * period.growth.get(action, 0), tile)
        for cycle, order, action, number, tile in run.calendar.events
    ]


def _move_unit(unit: UnitRun, firings: int, cycles: int) -> None:
    """A stream that is ahead of its server may come to its end."""
    unit.firing = min(unit.firings, unit.firing + firings)
    if isinstance(unit, ServedRun):
        unit.served += firings
    if isinstance(unit, IndexedLoadRun):
        unit.due += cycles
    for state in (*unit.inputs, *unit.outputs):
        state.place(unit.firing)


def _move_channel(channel: ChannelRun, arrived: int, released: int) -> None:
    channel.arrived += arrived
    channel.released += released
    channel.tags = [EMPTY] * channel.depth
    for token in range(channel.released, channel.arrived):
        channel.tags[token % channel.depth] = token


def _move_server(server: Server, before: ServerState, times: int, cycles: int) -> None:
    if server.busy_cycles != before.busy_cycles:
        server.free_at += cycles
    server.busy_cycles += times * (server.busy_cycles - before.busy_cycles)
    server.read_bytes += times * (server.read_bytes - before.read_bytes)
    server.written_bytes += times * (server.written_bytes - before.written_bytes)
