"""Depths sustain the interval that a network has with all the room, and one token less does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kl.passes.pacing.depths import Actor, Plan, Queue, plan_depths
from kl.passes.pacing.step_rules import Network as StepRules

ITERATIONS = 24
CARRY = 1
"""The unit in random loops that takes the carried value."""

Network = tuple[list[Actor], list[Queue]]


class Deadlock(Exception):
    """Steps wait for one another."""


class Simulation:
    """A network that runs by itself: every step as soon as its unit, its tokens and its slots allow."""

    def __init__(self, network: Network, depths: Sequence[int | None]):
        self.actors, self.queues = network
        self.depths = depths
        self.begins: dict[tuple[int, int, int], int | None] = {}

    def begin(self, iteration: int, unit: int, step: int) -> int:
        """When a step begins."""
        key = iteration, unit, step
        if key not in self.begins:
            self.begins[key] = None
            self.begins[key] = max([0, *self.waits(iteration, unit, step)])
        time = self.begins[key]
        if time is None:
            raise Deadlock
        return time

    def end(self, iteration: int, unit: int, step: int) -> int:
        """When a step lets the unit go on."""
        return self.begin(iteration, unit, step) + self.actors[unit].busy[step]

    def waits(self, iteration: int, unit: int, step: int) -> list[int]:
        """The times of all that a step waits for; what would be before the first iteration is there."""
        steps = len(self.actors[unit].busy)
        before = divmod(iteration * steps + step - 1, steps)
        times = [self.end(before[0], unit, before[1])] if before[0] >= 0 else []
        for queue, depth in zip(self.queues, self.depths, strict=True):
            for token, (put, take) in enumerate(zip(queue.puts, queue.takes, strict=True)):
                source = iteration - queue.distance
                if queue.target == unit and take == step and source >= 0:
                    flight = self.actors[queue.source].latency + queue.wire
                    times.append(self.begin(source, queue.source, put) + flight)
                if queue.source == unit and put == step and depth is not None:
                    freed, number = divmod(iteration * len(queue.puts) + token - depth, len(queue.puts))
                    if freed >= 0:
                        times.append(self.end(freed + queue.distance, queue.target, queue.frees[number]))
        return times

    def finish(self, iteration: int) -> int:
        """When the last unit is done with an iteration."""
        ends = (
            self.begin(iteration, unit, len(actor.busy) - 1) + max(actor.busy[-1], actor.latency)
            for unit, actor in enumerate(self.actors)
        )
        return max(ends)


def depths_with_room(queues: Sequence[Queue]) -> list[int | None]:
    """What is given as it is, and no bound on the rest."""
    return [queue.room if queue.is_given else None for queue in queues]


def loaded_ahead(network: Network) -> Network:
    """The network where the first unit, which is a stream, has done its work long ago."""
    actors, queues = network
    stream = replace(actors[0], busy=(0,) * len(actors[0].busy))
    return [stream, *actors[1:]], [queue for queue in queues if queue.source > 0]


def finishes(network: Network, depths: Sequence[int | None], iterations: int) -> list[int]:
    """When each iteration is done."""
    simulation = Simulation(network, depths)
    return [simulation.finish(iteration) for iteration in range(iterations)]


@st.composite
def queues_between(
    draw: st.DrawFn, actors: list[Actor], source: int, target: int, distance: int = 0, *, given: bool = False
) -> Queue:
    """A channel of one to four tokens an iteration, that are put, taken and freed at any steps, in order."""
    tokens = draw(st.integers(1, 4))
    last = len(actors[target].busy) - 1
    puts = sorted(draw(st.integers(0, len(actors[source].busy) - 1)) for _ in range(tokens))
    takes = sorted(draw(st.integers(0, last)) for _ in range(tokens))
    frees: list[int] = []
    for take in takes:
        frees.append(max(draw(st.integers(take, last)), *frees, 0))
    room = tokens * draw(st.integers(1, 3)) if given else None
    size, wire = draw(st.sampled_from((64, 256, 1024))), draw(st.integers(0, 5))
    ends = tuple(puts), tuple(takes), tuple(frees)
    return Queue(source, target, *ends, wire, size, distance, room, is_given=given)


@st.composite
def loops(draw: st.DrawFn) -> Network:
    """A stream, a carry, and stages behind them of which each reads an earlier one and perhaps the stream."""
    count = draw(st.integers(3, 6))
    actors: list[Actor] = []
    for number in range(count):
        steps = 1 if number == CARRY else draw(st.integers(1, 5))
        busy = tuple(draw(st.integers(1, 9)) for _ in range(steps))
        ahead = steps if number == 0 else 0
        actors.append(Actor(f"unit {number}", busy, draw(st.integers(1, 30)), ahead))
    queues: list[Queue] = []
    for target in range(2, count):
        if draw(st.booleans()):
            queues.append(draw(queues_between(actors, 0, target, given=True)))
        for _ in range(draw(st.integers(1, 2))):
            source = draw(st.integers(CARRY, target - 1))
            queues.append(draw(queues_between(actors, source, target)))
    queues.append(draw(queues_between(actors, count - 1, CARRY, 1)))
    return actors, queues


def plan_of(network: Network) -> Plan:
    """The plan of a loop whose streams have room enough."""
    plan = plan_depths(*network, 0)
    assume(plan is not None)
    assert plan is not None, "just assumed"
    return plan


@settings(deadline=None)
@given(loops(), st.integers(0, 60))
def test_the_interval_is_not_below_any_bound(network: Network, least: int):
    """That of each unit and the caller's; that of the carried value shows in that networks keep the plan."""
    plan = plan_depths(*network, least)
    assume(plan is not None)
    assert plan is not None, "just assumed"
    assert plan.interval >= max(least, *(sum(actor.busy) for actor in network[0]))


@settings(deadline=None)
@given(loops(), st.none() | st.integers(1, 80), st.integers(1, 6), st.none() | st.integers(0, 200))
def test_sweeps_settle_as_units_do_one_by_one(
    network: Network, interval: int | None, depth: int, latest: int | None
):
    actors, queues = network
    rules = StepRules(actors, queues, interval)
    for number in range(len(queues)):
        rules.limit(number, depth)
    begin = [[0] * len(actor.busy) for actor in actors]
    by_units = rules.settle(begin, latest, range(len(actors)))
    assert rules.earliest(begin, latest) == by_units


@settings(deadline=None)
@given(loops())
def test_the_network_keeps_the_plan(network: Network):
    """It does not stop, and no iteration ends later than in the schedule; also when streams have come."""
    plan, ahead = plan_of(network), loaded_ahead(network)
    assert_kept(network, plan.depths, plan)
    assert_kept(ahead, of_computed(network, plan.depths), plan_of(ahead))


def assert_kept(network: Network, depths: Sequence[int], plan: Plan) -> None:
    """Every iteration of the network ends in time."""
    for iteration, finish in enumerate(finishes(network, depths, ITERATIONS)):
        assert finish <= plan.length + iteration * plan.interval


@settings(deadline=None)
@given(loops())
def test_more_room_makes_no_loop_faster(network: Network):
    """Without bounds iterations do not come at shorter intervals; also when streams have come."""
    ahead = loaded_ahead(network)
    for one, plan in ((network, plan_of(network)), (ahead, plan_of(ahead))):
        last = finishes(one, depths_with_room(one[1]), ITERATIONS)[-1]
        # Where the carried value is of several tokens, the true interval is a fraction, the plan rounds up.
        assert last > (ITERATIONS - 1) * (plan.interval - 1)


@settings(deadline=None)
@given(loops())
def test_no_token_less_will_do(network: Network):
    """One less in any channel leaves no schedule of that length, as streams come or when they have come."""
    plan, ahead = plan_of(network), loaded_ahead(network)
    plan_ahead = plan_of(ahead)
    computed = of_computed(network, plan.depths)
    assert has_schedule(network, plan.depths, plan)
    assert has_schedule(ahead, computed, plan_ahead)
    for number, (queue, depth) in enumerate(zip(network[1], plan.depths, strict=True)):
        if not queue.is_given and depth > queue.least:
            fewer = [*plan.depths[:number], depth - 1, *plan.depths[number + 1 :]]
            both = has_schedule(network, fewer, plan) and has_schedule(
                ahead, of_computed(network, fewer), plan_ahead
            )
            assert not both


def of_computed(network: Network, depths: Sequence[int]) -> list[int]:
    """The depths of the channels that no stream fills."""
    return [depth for queue, depth in zip(network[1], depths, strict=True) if queue.source > 0]


def has_schedule(network: Network, depths: Sequence[int], plan: Plan) -> bool:
    """Whether a periodic schedule has the interval of a plan and is no longer: by all rules, one by one."""
    actors, queues = network
    rules: list[tuple[Step, Step, int]] = []
    for unit, actor in enumerate(actors):
        steps = len(actor.busy)
        rules += [((unit, n), (unit, n + 1), actor.busy[n]) for n in range(steps - 1)]
        rules.append(((unit, steps - 1), (unit, 0), actor.busy[-1] - plan.interval))
    for queue, depth in zip(queues, depths, strict=True):
        rules += rules_of(actors, queue, depth, plan.interval)
    times = {(unit, step): 0 for unit, actor in enumerate(actors) for step in range(len(actor.busy))}
    for _ in range(len(times) + 1):
        late = [(after, times[before] + cycles) for before, after, cycles in rules]
        late = [(after, time) for after, time in late if time > times[after]]
        for after, time in late:
            times[after] = max(times[after], time)
        if not late:
            lasts = [(times[unit, len(a.busy) - 1], a.busy[-1], a.latency) for unit, a in enumerate(actors)]
            return max(time + max(busy, latency) for time, busy, latency in lasts) <= plan.length
    return False


Step = tuple[int, int]


def rules_of(actors: list[Actor], queue: Queue, depth: int, interval: int) -> list[tuple[Step, Step, int]]:
    """A token before its reader, a slot before its writer, with the cycles between them."""
    rules: list[tuple[Step, Step, int]] = []
    source, target, tokens = actors[queue.source], actors[queue.target], len(queue.puts)
    for token in range(tokens):
        put, take = (queue.source, queue.puts[token]), (queue.target, queue.takes[token])
        rules.append((put, take, source.latency + queue.wire - queue.distance * interval))
        earlier, freed = token - depth, 0
        while earlier < 0:
            earlier, freed = earlier + tokens, freed + 1
        step = queue.frees[earlier]
        rules.append(((queue.target, step), put, target.busy[step] - (freed - queue.distance) * interval))
    return rules


@settings(deadline=None)
@given(loops())
def test_a_network_that_runs_once_takes_no_longer(network: Network):
    once = network[0], [queue for queue in network[1] if queue.distance == 0]
    plan = plan_depths(*once, None)
    assert plan is not None, "every stream has room for an iteration"
    (finish,) = finishes(once, plan.depths, 1)
    assert finish == plan.length == finishes(once, depths_with_room(once[1]), 1)[0]


# By hand.

MAKE, USE = Actor("make", (10,) * 8, 50), Actor("use", (10,) * 8, 50)
EACH = tuple(range(8))


@pytest.mark.parametrize(
    ("busy", "wire", "depth"),
    [
        (10, 0, 6),  # a slot is taken for 50 + 10 cycles, and every 10 cycles one is
        (30, 0, 3),  # for 50 + 30, every 30
        (30, 20, 4),  # for 50 + 20 + 30, every 30
        (100, 0, 2),  # for 50 + 100, every 100
    ],
)
def test_slots_last_from_a_step_of_the_writer_to_one_of_the_reader(busy: int, wire: int, depth: int):
    reader = Actor("use", (busy,) * 8, 50)
    plan = plan_depths([MAKE, reader], [Queue(0, 1, EACH, EACH, EACH, wire, 16)], None)
    assert plan is not None
    assert plan.depths == (depth,)
    assert plan.length == 50 + wire + 7 * busy + max(busy, 50)


def test_the_carried_value_goes_around():
    # 1 for the carry, 2 of wire, 20 and two more steps of 5 in the stage, 2 of wire.
    carry, stage = Actor("carry", (1,), 1), Actor("stage", (5, 5, 5), 20)
    around = [Queue(0, 1, (0,), (0,), (2,), 2, 16), Queue(1, 0, (2,), (0,), (0,), 2, 16, distance=1)]
    assert plan_depths([carry, stage], around, 20) == Plan(35, 33, (1, 1))
    assert plan_depths([carry, stage], around, 50) == Plan(50, 33, (1, 1))


def test_too_little_room_gives_no_plan():
    held = Queue(0, 1, EACH, (0,) * 8, (7,) * 8, 0, 16, room=7)
    assert plan_depths([MAKE, USE], [held], None) is None


def test_carries_that_feed_one_another_need_a_slot_more():
    carries = [Actor("a", (1,), 1), Actor("b", (1,), 1)]
    swap = [Queue(0, 1, (0,), (0,), (0,), 0, 16, 1), Queue(1, 0, (0,), (0,), (0,), 0, 16, 1)]
    plan = plan_depths(carries, swap, 5)
    assert plan is not None
    assert plan.depths == (2, 2)
