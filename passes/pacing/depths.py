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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, chain, islice

from . import sweeps


@dataclass(frozen=True)
class Actor:
    """A unit: cycles for which each step of an iteration occupies it, and from its start to its tokens."""

    name: str
    busy: tuple[int, ...]
    latency: int
    ahead: int = 0
    """So many of its first steps may be done ahead of the loop, and take no part in how fast that can be."""


@dataclass(frozen=True)
class Queue:
    """A channel: for each token of an iteration the steps of its ends that put it, take it and let it go."""

    source: int
    target: int
    puts: tuple[int, ...]
    takes: tuple[int, ...]
    frees: tuple[int, ...]
    """A slot is free when this step ends."""
    wire: int
    """Cycles on the network."""
    size_bytes: int
    """Of one token."""
    distance: int = 0
    """Iterations after which it is taken: 1 for the carried value."""
    room: int | None = None
    """Tokens that fit; None if that is no matter."""
    is_given: bool = False
    """Whether it has all its room in any case, as a stream has that loads ahead."""

    @property
    def least(self) -> int:
        """Tokens that the reader finds at once."""
        return max(self.takes.count(step) for step in self.takes)


@dataclass(frozen=True)
class Plan:
    """Depths that sustain an interval, and the time of an iteration from its first step to its last end."""

    interval: int
    length: int
    depths: tuple[int, ...]


Times = list[list[int]]


@dataclass(frozen=True)
class _Rule:
    """Steps of a unit that come after those of another: pairs of steps, with cycles between."""

    source: int
    pairs: tuple[tuple[int, int, int], ...]
    across: int = 0
    """So many of the pairs, the first ones, are of steps in different iterations."""


class _Network:
    """The rules of a network at an interval, which change with the depths; without one it runs once."""

    def __init__(self, actors: Sequence[Actor], queues: Sequence[Queue], interval: int | None):
        self.actors, self.queues, self.interval = actors, queues, interval
        self.tokens = [self._token_rule(queue) for queue in queues]
        self.slots: list[_Rule | None] = [None] * len(queues)
        self.into: list[list[int]] = [[] for _ in actors]
        self.out_of: list[list[int]] = [[] for _ in actors]
        for number, queue in enumerate(queues):
            self.into[queue.target].append(number)
            self.out_of[queue.source].append(number)

    def _token_rule(self, queue: Queue) -> _Rule:
        after = self.actors[queue.source].latency + queue.wire
        if queue.distance and self.interval is None:
            return _Rule(queue.source, ())
        after -= queue.distance * (self.interval or 0)
        pairs = zip(queue.puts, queue.takes, strict=True)
        rule = tuple((put, take, after) for put, take in pairs)
        return _Rule(queue.source, rule, len(rule) if queue.distance else 0)

    def limit(self, number: int, depth: int | None) -> None:
        """Give a channel so many slots, or as many as it likes."""
        self.slots[number] = None if depth is None else self._slot_rule(self.queues[number], depth)

    def _slot_rule(self, queue: Queue, depth: int) -> _Rule:
        busy, tokens = self.actors[queue.target].busy, len(queue.puts)
        pairs: list[tuple[int, int, int]] = []
        for token, put in enumerate(queue.puts):
            iterations, before = divmod(token - depth, tokens)
            iterations += queue.distance
            if self.interval is not None or (iterations == 0 and queue.distance == 0):
                freed = queue.frees[before]
                pairs.append((freed, put, busy[freed] + iterations * (self.interval or 0)))
        across = len(pairs) if queue.distance else max(0, len(pairs) - max(0, tokens - depth))
        return _Rule(queue.target, tuple(pairs), across)

    def earliest(self, times: Times, latest: int | None) -> Times | None:
        """The earliest times from these on; None if there are none, or none that end by `latest`."""
        order = sweeps.in_order(sum(map(len, times)), self._edges(within=True))
        if order is None:
            return self.settle(times, latest, range(len(self.actors)))
        flat, lasts = [*chain.from_iterable(times)], accumulate(len(steps) for steps in times)
        longest = (max(actor.busy[-1], actor.latency) for actor in self.actors)
        ends = [] if latest is None else [(end - 1, latest - long) for end, long in zip(lasts, longest)]
        if not sweeps.settle(flat, self._edges(within=False), order, ends):
            return None
        left = iter(flat)
        return [[*islice(left, len(steps))] for steps in times]

    def _edges(self, *, within: bool) -> Iterator[sweeps.Edge]:
        """All that comes after something, over the steps of all units in a row; or that within an iteration."""
        starts = [*accumulate((len(actor.busy) for actor in self.actors), initial=0)]
        for start, actor in zip(starts, self.actors, strict=False):
            for step, busy in enumerate(actor.busy[:-1], start):
                yield step, step + 1, busy
            if self.interval is not None and not within:
                yield start + len(actor.busy) - 1, start, actor.busy[-1] - self.interval
        for queue, token, slot in zip(self.queues, self.tokens, self.slots, strict=True):
            for rule, unit in ((token, queue.target), (slot, queue.source)):
                if rule is not None:
                    for first, then, after in rule.pairs[rule.across if within else 0 :]:
                        yield starts[rule.source] + first, starts[unit] + then, after

    def settle(self, times: Times, latest: int | None, pending: Sequence[int]) -> Times | None:
        """The same, unit by unit, where all units but those that are `pending` wait for nothing."""
        times = [[*steps] for steps in times]
        for _ in range(sum(map(len, times)) + 2):
            changed = [number for number in pending if self._delay(number, times)]
            if latest is not None and any(self._end(number, times) > latest for number in changed):
                return None
            if not changed:
                return times
            pending = sorted({*changed, *(other for number in changed for other in self._beside(number))})
        return None

    def _beside(self, number: int) -> list[int]:
        """Units that may have to wait when a unit is later."""
        readers = [self.queues[queue].target for queue in self.out_of[number]]
        return readers + [self.queues[queue].source for queue in self.into[number]]

    def _end(self, number: int, times: Times) -> int:
        actor = self.actors[number]
        return times[number][-1] + max(actor.busy[-1], actor.latency)

    def length(self, times: Times) -> int:
        """When the last unit is done."""
        return max(self._end(number, times) for number in range(len(self.actors)))

    def _delay(self, number: int, times: Times) -> bool:
        """Move a unit's steps behind all that they wait for; whether one has moved."""
        steps, busy = times[number], self.actors[number].busy
        before = [*steps]
        rules = [self.tokens[queue] for queue in self.into[number]]
        rules += [rule for queue in self.out_of[number] if (rule := self.slots[queue]) is not None]
        for rule in rules:
            source = times[rule.source]
            for first, then, after in rule.pairs:
                if source[first] + after > steps[then]:
                    steps[then] = source[first] + after
        if self.interval is not None:
            steps[0] = max(steps[0], steps[-1] + busy[-1] - self.interval)
        for step in range(1, len(steps)):
            earliest = steps[step - 1] + busy[step - 1]
            if steps[step] < earliest:
                steps[step] = earliest
        return steps != before

    def fits(self, number: int, depth: int, times: Times) -> bool:
        """Whether at these times a channel never holds more tokens than this."""
        rule, queue = self._slot_rule(self.queues[number], depth), self.queues[number]
        freed, put = times[queue.target], times[queue.source]
        return all(freed[first] + after <= put[then] for first, then, after in rule.pairs)


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
def _planned(
    actors: tuple[Actor, ...], queues: tuple[Queue, ...], least_interval: int | None
) -> Plan | None:
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

    network: _Network
    times: Times
    length: int


def _settled(actors: Sequence[Actor], queues: Sequence[Queue], interval: int | None) -> _Case | None:
    """A network with all its room; None where that is too little."""
    network = _Network(actors, queues, interval)
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
    times = _Network(actors, inside, None).earliest(times, None)
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
