"""Move a run on by some of its periods at once: all cycles, steps, tokens and counts, nothing by events."""

from __future__ import annotations

from collections.abc import Sequence

from .channels import EMPTY, ChannelRun
from .engine import KernelRun
from .period import Period
from .servers import ServedRun, Server
from .snapshot import Book, ServerState
from .units import UnitRun


def move_on(run: KernelRun, period: Period, books: Sequence[Book]) -> None:
    """Repeat a period that ends now as often as it can be."""
    times, cycles, since = period.times, period.times * period.cycles, period.since
    busy = run.hbm.busy_cycles - since.servers[0].busy_cycles
    run.in_flight.repeat(since.idle, since.in_flight, times, period.cycles, busy)
    run.order.repeat(since.accesses, times, period.cycles)
    _move_events(run, period, cycles)
    served = [unit.step - period.waiting[unit.index] for unit in run.units]
    for unit, steps in zip(run.units, period.steps, strict=True):
        _move_unit(unit, times * steps)
    for channel, arrived, released in zip(run.channels, period.arrived, period.released, strict=True):
        _move_channel(channel, times * arrived, times * released)
    for server, before in zip(run.servers, since.servers, strict=True):
        _move_server(server, before, times, cycles)
        server.queue.clear()
    for unit, first, steps in zip(run.units, served, period.steps, strict=True):
        if isinstance(unit, ServedRun):
            for step in range(first + times * steps, unit.step):
                unit.server.request(unit.iteration(step), unit, step)
    run.now += cycles
    for book, counts in zip(books, since.books, strict=True):
        book.repeat(counts, times)


def _move_events(run: KernelRun, period: Period, cycles: int) -> None:
    """As all events move by as much, they stay a heap."""
    run.calendar.events[:] = [
        (cycle + cycles, order, action, number + period.times * period.shifts.get(action, 0), tile)
        for cycle, order, action, number, tile in run.calendar.events
    ]


def _move_unit(unit: UnitRun, steps: int) -> None:
    """A load that is ahead of its server may come to its end."""
    unit.step = min(unit.steps, unit.step + steps)
    for state in (*unit.inputs, *unit.outputs):
        state.place(unit.step)


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
