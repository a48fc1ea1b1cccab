"""How many tokens each channel of a pipelined loop must hold: a pure solver.

A periodic schedule gives every step of every unit its time in an iteration; iteration i does the same
`i * interval` cycles later. All rules are of one form, that a step comes so long after another: a unit's own
order, a token before its reader, and a free slot before its writer. Their least solution is the schedule that
does everything as early as possible. A network that runs by itself is at least as fast as any such schedule,
so depths with which one exists at an interval sustain it.

Among such schedules none is shorter than the one with all the room there is. One channel after the other,
those with the largest tokens first, gets the fewest tokens with which it is as short. As fewer slots never
make anything earlier, no channel can be given fewer afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from .step_rules import Actor as Actor
from .step_rules import Network, Times
from .step_rules import Queue as Queue


@dataclass(frozen=True)
class Plan:
    """Depths that sustain an interval, and the time of an iteration from its first step to its last end."""

    interval: int
    length: int
    depths: tuple[int, ...]


def plan_depths(actors: Sequence[Actor], queues: Sequence[Queue], least_interval: int | None) -> Plan | None:
    """The fewest tokens with which a network is as fast as with all its room.

    A network that repeats has an interval of at least `least_interval`, which is for what the caller knows of
    the resources that units share; one that runs once has none. It must be as fast where what may be done
    ahead is done at its own pace, and where all of it is done already: a network that waits for memory at
    times comes from the one to the other. None where the room is too little for its interval. Equal problems,
    those of a kernel that variants or points of a search have in common, are solved once.
    """
    return _planned(tuple(actors), tuple(queues), least_interval)


@lru_cache(maxsize=512)
def _planned(actors: tuple[Actor, ...], queues: tuple[Queue, ...], least_interval: int | None) -> Plan | None:
    if least_interval is None:
        cases = [_settled(actors, queues, None)]
    else:
        there, behind = _without_what_is_ahead(actors, queues)
        recurrence = max(1, _recurrence(there, behind))
        paced = max(least_interval, recurrence, *(sum(actor.busy) for actor in actors))
        at_best = max(recurrence, *(sum(actor.busy) for actor in there))
        cases = [_settled(actors, queues, paced), _settled(there, behind, at_best)]
    settled = [case for case in cases if case is not None]
    if len(settled) < len(cases):
        return None
    depths = [queue.room or 0 for queue in queues]
    for number in sorted(range(len(queues)), key=lambda number: -queues[number].size_bytes):
        if not queues[number].is_given:
            depths[number] = _fewest(settled, number)
    first = settled[0]
    return Plan(first.network.interval or first.length, first.length, tuple(depths))


@dataclass
class _Case:
    """A network at an interval with its earliest times, and how long its iterations may take."""

    network: Network
    times: Times
    length: int


def _settled(actors: Sequence[Actor], queues: Sequence[Queue], interval: int | None) -> _Case | None:
    """A network with all its room; None where that is too little."""
    network = Network(actors, queues, interval)
    for number, queue in enumerate(queues):
        network.limit(number, queue.room)
    times = network.earliest([[0] * len(actor.busy) for actor in actors], _one_by_one(actors, queues))
    return None if times is None else _Case(network, times, network.length(times))


def _fewest(cases: Sequence[_Case], number: int) -> int:
    """The least depth of a channel with which no iteration takes longer; the cases are left with it."""
    low = high = cases[0].network.queues[number].least
    while not all(case.network.fits(number, high, case.times) for case in cases):
        high *= 2
    best = [case.times for case in cases]
    while low < high:
        depth = (low + high) // 2
        tried = [times for case in cases if (times := _with_depth(case, number, depth)) is not None]
        if len(tried) < len(cases):
            low = depth + 1
        else:
            high, best = depth, tried
    for case, times in zip(cases, best, strict=True):
        case.network.limit(number, low)
        case.times = times
    return low


def _with_depth(case: _Case, number: int, depth: int) -> Times | None:
    """The times with so many slots in a channel; None if that takes too long."""
    case.network.limit(number, depth)
    return case.network.settle(case.times, case.length, [case.network.queues[number].source])


def _without_what_is_ahead(
    actors: Sequence[Actor], queues: Sequence[Queue]
) -> tuple[list[Actor], list[Queue]]:
    """The network in which all that may be done ahead takes no time, and its tokens are there."""
    there = [replace(actor, busy=(0,) * actor.ahead + actor.busy[actor.ahead :]) for actor in actors]
    return there, [_behind(queue, actors[queue.source].ahead) for queue in queues]


def _behind(queue: Queue, ahead: int) -> Queue:
    """A channel with the tokens alone that are put from a step on; those ahead need no slot."""
    tokens = [ends for ends in zip(queue.puts, queue.takes, queue.frees, strict=True) if ends[0] >= ahead]
    if len(tokens) == len(queue.puts):
        return queue
    puts, takes, frees = zip(*tokens, strict=True) if tokens else ((), (), ())
    return replace(queue, puts=puts, takes=takes, frees=frees, room=None, is_given=True)


def _recurrence(actors: Sequence[Actor], queues: Sequence[Queue]) -> int:
    """Cycles in which the carried value goes around once, with any room; what it does not reach is there."""
    carried = [queue for queue in queues if queue.distance == 1]
    inside = [queue for queue in queues if queue.distance == 0]
    begins = {queue.target for queue in carried}
    long_ago = -_one_by_one(actors, queues) - 1
    times = [[0 if number in begins else long_ago] * len(a.busy) for number, a in enumerate(actors)]
    times = Network(actors, inside, None).earliest(times, None)
    assert times is not None, "tokens of an iteration go one way only"
    around = (
        times[q.source][put] + actors[q.source].latency + q.wire - times[q.target][take]
        for q in carried
        for put, take in zip(q.puts, q.takes, strict=True)
    )
    return max(0, *around) if carried else 0


def _one_by_one(actors: Sequence[Actor], queues: Sequence[Queue]) -> int:
    """The end of an iteration if nothing were done at once: no earliest schedule takes longer."""
    stages = sum(sum(actor.busy) + len(actor.busy) * actor.latency for actor in actors)
    return stages + sum(len(queue.puts) * max(0, queue.wire) for queue in queues)
