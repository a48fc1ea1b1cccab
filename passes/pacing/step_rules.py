"""A pipelined loop as rules of one form, that a step comes so long after another: a pure solver."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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


Times = list[list[int]]


@dataclass(frozen=True)
class Rule:
    """Steps of a unit that come after those of another: pairs of steps, with cycles between."""

    source: int
    pairs: tuple[tuple[int, int, int], ...]
    across: int = 0
    """So many of the pairs, the first ones, are of steps in different iterations."""


class Network:
    """The rules of a network at an interval, which change with the depths; without one it runs once."""

    def __init__(self, actors: Sequence[Actor], queues: Sequence[Queue], interval: int | None):
        self.actors, self.queues, self.interval = actors, queues, interval
        self.tokens = [self._token_rule(queue) for queue in queues]
        self.slots: list[Rule | None] = [None] * len(queues)
        self.into: list[list[int]] = [[] for _ in actors]
        self.out_of: list[list[int]] = [[] for _ in actors]
        for number, queue in enumerate(queues):
            self.into[queue.target].append(number)
            self.out_of[queue.source].append(number)

    def _token_rule(self, queue: Queue) -> Rule:
        after = self.actors[queue.source].latency + queue.wire
        if queue.distance and self.interval is None:
            return Rule(queue.source, ())
        after -= queue.distance * (self.interval or 0)
        pairs = zip(queue.puts, queue.takes, strict=True)
        rule = tuple((put, take, after) for put, take in pairs)
        return Rule(queue.source, rule, len(rule) if queue.distance else 0)

    def limit(self, number: int, depth: int | None) -> None:
        """Give a channel so many slots, or as many as it likes."""
        self.slots[number] = None if depth is None else self._slot_rule(self.queues[number], depth)

    def _slot_rule(self, queue: Queue, depth: int) -> Rule:
        busy, tokens = self.actors[queue.target].busy, len(queue.puts)
        pairs: list[tuple[int, int, int]] = []
        for token, put in enumerate(queue.puts):
            iterations, before = divmod(token - depth, tokens)
            iterations += queue.distance
            if self.interval is not None or (iterations == 0 and queue.distance == 0):
                freed = queue.frees[before]
                pairs.append((freed, put, busy[freed] + iterations * (self.interval or 0)))
        across = len(pairs) if queue.distance else max(0, len(pairs) - max(0, tokens - depth))
        return Rule(queue.target, tuple(pairs), across)

    def earliest(self, times: Times, latest: int | None) -> Times | None:
        """The earliest times from these on; None if there are none, or none that end by `latest`."""
        order = sweeps.in_order(sum(map(len, times)), self._edges(within=True))
        if order is None:
            return self.settle(times, latest, range(len(self.actors)))
        flat, behind = [*chain.from_iterable(times)], accumulate(len(steps) for steps in times)
        longest = (max(actor.busy[-1], actor.latency) for actor in self.actors)
        lasts = zip(behind, longest, strict=True)
        ends = [] if latest is None else [(step - 1, latest - cycles) for step, cycles in lasts]
        if not sweeps.settle(flat, self._edges(within=False), order, ends):
            return None
        left = iter(flat)
        return [[*islice(left, len(steps))] for steps in times]

    def _edges(self, *, within: bool) -> Iterator[sweeps.Edge]:
        """What comes after what, over the steps of all units in a row; all, or that within an iteration."""
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
