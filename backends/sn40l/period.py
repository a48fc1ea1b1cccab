"""When what happened between two moments of a run must happen again, and how often.

Two moments are alike if all that decides what happens next is the same, relative to the cycle and to what each
unit has done: the distance of tokens and free slots from what the next steps need, the events to come, the
requests that wait. Then the run repeats itself, until a unit comes to something that is not the same in every
iteration: its last step, a tile that is held for the whole call.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from .channels import ChannelRun
from .engine import KernelRun
from .events import Action
from .ports import Port, passes_of, steps_per_pass
from .servers import ServedRun
from .snapshot import ServerState, Snapshot
from .streams import LoadRun
from .units import UnitRun


FAR = 1 << 62
"""A step that no unit comes to."""


@dataclass(frozen=True)
class Period:
    """What a run does again and again."""

    cycles: int
    steps: list[int]
    """Of each unit: of what it has been served, where it waits for a server."""
    arrived: list[int]
    """Tokens, per channel."""
    released: list[int]
    times: int
    """How often at most."""


def period_between(run: KernelRun, before: Snapshot, now: Snapshot) -> Period | None:
    """The period that ends now and began at `before`; None if the two moments are not alike.

    Their `likeness` is the same.
    """
    steps = _steps(run, before, now)
    if steps is None or not run.order.can_repeat():
        return None
    arrived = [b - a for a, b in zip(before.arrived, now.arrived, strict=True)]
    released = [b - a for a, b in zip(before.released, now.released, strict=True)]
    period = Period(now.now - before.now, steps, arrived, released, 0)
    if not (_channels_alike(run, before, period) and _servers_alike(before, now)):
        return None
    if not _events_alike(run, before, now, period):
        return None
    times = min(_times(run, unit, before, now, period) for unit in run.units)
    return Period(period.cycles, steps, arrived, released, times) if times > 0 else None


def waiting(run: KernelRun) -> Counter[ServedRun]:
    """How many requests of each unit wait at servers."""
    return Counter(unit for server in run.servers for _, _, _, unit in server.queue)


def runs_ahead(unit: UnitRun) -> bool:
    """Whether how far its requests are ahead of the server is nobody else's business, as long as there are any.

    A load without a gate takes no tokens, so its requests only wait.
    """
    return isinstance(unit, LoadRun) and not unit.inputs


def _steps(run: KernelRun, before: Snapshot, now: Snapshot) -> list[int] | None:
    """The steps of each unit in the period; None if a unit waits for a server out of step with the loop."""
    steps = [b - a for a, b in zip(before.steps, now.steps, strict=True)]
    iterations = now.iteration - before.iteration
    for unit in waiting(run):
        if passes_of(unit.unit, run.call.kernel.iterations) == 1:
            return None
        if steps[unit.index] == 0:
            if not runs_ahead(unit):
                return None
            steps[unit.index] = iterations * steps_per_pass(unit.unit)
    return steps


def _channels_alike(run: KernelRun, before: Snapshot, period: Period) -> bool:
    """Whether as many tokens have come to each channel as have left it.

    It does not matter how many are left in one whose producer has come to its end.
    """
    return all(
        period.arrived[index] == period.released[index] or before.arrived[index] == _total(channel)
        for index, channel in enumerate(run.channels)
    )


def _total(channel: ChannelRun) -> int:
    """Tokens that pass a channel in a call."""
    return next(state.port.tokens for state in channel.producer.outputs if state.channel is channel)


def _servers_alike(before: Snapshot, now: Snapshot) -> bool:
    def rest(server: ServerState, cycle: int) -> int:
        return max(0, server.free_at - cycle)

    servers = zip(before.servers, now.servers, strict=True)
    if any(rest(a, before.now) != rest(b, now.now) for a, b in servers):
        return False
    # What came behind the last transfer counts towards the next one, if there is one in each period.
    used = before.servers[0].busy_cycles != now.servers[0].busy_cycles
    return before.in_flight == now.in_flight and (not used or before.idle.after == now.idle.after)


def _events_alike(run: KernelRun, before: Snapshot, now: Snapshot, period: Period) -> bool:
    if len(before.events) != len(now.events):
        return False
    shifts = shifts_of(run, period)
    return all(
        cycle - before.now == later - now.now
        and action == other
        and moved - number == shifts.get(action, 0)
        for (cycle, _, action, number, _), (later, _, other, moved, _) in zip(
            before.events, now.events, strict=True
        )
    )


def shifts_of(run: KernelRun, period: Period) -> dict[Action, int]:
    """By how much the numbers of events grow in a period: tags by tokens, steps by steps, counts not at all."""
    shifts: dict[Action, int] = {
        channel.deliver: tokens for channel, tokens in zip(run.channels, period.arrived, strict=True)
    }
    for _, _, action, _, _ in run.calendar.events:
        unit = getattr(action, "__self__", None)
        if isinstance(unit, UnitRun):
            shifts[action] = period.steps[unit.index]
    return shifts


def _times(run: KernelRun, unit: UnitRun, before: Snapshot, now: Snapshot, period: Period) -> int:
    """How often a unit can repeat the period."""
    moved = period.steps[unit.index]
    taken = [(state.port, period.released[state.port.channel]) for state in unit.inputs]
    put = [(state.port, period.arrived[state.port.channel]) for state in unit.outputs]
    if not moved:
        return 0 if any(tokens for _, tokens in taken + put) else run.call.kernel.iterations
    if runs_ahead(unit):
        served = unit.step - waiting(run)[unit]
        return (unit.steps - 1 - served) // moved if all(tokens == moved for _, tokens in put) else 0
    start = before.steps[unit.index]
    last = (_last_step(port, start, moved, tokens) for port, tokens in taken + put)
    return (min(unit.steps, *last) - now.steps[unit.index]) // moved


def _last_step(port: Port, start: int, moved: int, tokens: int) -> int:
    """To which step a unit can come while the port does what it has done from step `start` on.

    That is either a group now and then, or nothing at all.
    """
    regular = moved % port.period == 0 and tokens == moved // port.period * port.size
    if regular and start > port.first - port.period + port.hold:
        return port.first + port.groups * port.period - 1
    if tokens:
        return start
    begin, release = _next(port, 0, start), _next(port, port.hold - 1, start - 1)
    return min(begin - 1, release)


def _next(port: Port, offset: int, step: int) -> int:
    """The first step from `step` on that stands `offset` behind the first one of a group."""
    group = max(0, -((port.first + offset - step) // port.period))
    return port.first + offset + group * port.period if group < port.groups else FAR
