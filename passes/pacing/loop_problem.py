"""The loop of a scheduled network as problems for `modulo.py`, and once it is placed for `depths.py`.

Each loop of a kernel is a problem of its own, and so is what runs once a call. For the interval, what streams
ahead of the loop has no place in the chain: loads without a gate, and what is loaded around the loop for it.
They count as users of the memory only.

For depths, HBM is one unit that brings the tiles of all streams in the order in which it serves them: load by
load, tile by tile. A load that waits for a store is held up at its last tile, and HBM goes on; a store is
served behind the loads and stores before it. Loads by index have to wait for their ids, and HBM goes on, too:
it is a second unit that brings their tiles in order. That the two share it is in the interval alone.
What runs around a loop is no part of it: its channels keep their depths, and so do streams, which load ahead
as far as their PMUs let them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...dialects import dataflow
from ...dialects.dataflow import ChannelOp, UnitOp
from ...dialects.dataflow_kernel import channel_of, consumer_of, producer_of
from ...dialects.machine import Machine
from ...dialects.vocabulary import Rate
from ..diagnostics import fail
from ..units.resident_weights import resident_place
from ..units.traffic import gathered_tiles, pass_tiles, room_bytes
from .depths import Actor, Queue
from .modulo import Edge, Node


def unit_node(unit: UnitOp, number: int, machine: Machine, passes: int | None = None) -> Node:
    """A unit as a node, with this number where it is a resource of its own.

    Where others make so many `passes` in a call, it is busy for its share of them.
    Every tile of a stream occupies the memory, or the ports of a resident weight, then takes its latency.
    """
    interval, latency = unit.pace(machine)
    resource = unit.RESOURCE or f"unit {number}"
    channel = unit.memory_port
    if channel is not None and (pmus := resident_place(channel_of(channel))[1]):
        size_bytes = channel_of(channel).type.tile_bytes
        interval = -(-size_bytes // (pmus * machine.pmu_port_bytes_per_cycle))
        latency, resource = interval + machine.stage_latency_cycles, f"unit {number}"
    busy = interval * unit.work
    if passes is not None:
        busy = -(-busy * unit.passes // passes)
    return Node(unit.title, latency, interval, busy, resource)


def _edge(channel: ChannelOp, numbers: dict[UnitOp, int], machine: Machine) -> Edge | None:
    """A channel of the chain; None for what runs ahead of the loop or behind it.

    Raises: PassFailedException about a unit in front of what makes, in its iteration, what it takes.
    """
    producer, consumer = channel.producers()[0], channel.consumers()[0]
    distance = distance_over(channel)
    if producer not in numbers or consumer not in numbers or distance is None:
        return None
    if not isinstance(producer, dataflow.StageOp) and not producer.inputs():
        return None
    if distance == 0 and numbers[producer] >= numbers[consumer]:
        message = f"{consumer.name} takes {channel.label} in front of what puts tiles into it"
        fail(consumer, message, "let units stand in program order")
    hops = channel.hops.value.data if channel.hops is not None else 0
    total = pass_tiles(channel)
    needed = min(total, gathered_tiles(channel))
    wire, steps = hops * machine.hop_latency_cycles, _steps_per_tile(producer, channel)
    ends = numbers[producer], numbers[consumer]
    return Edge(*ends, needed * steps, total * steps, wire, distance)


def distance_over(channel: ChannelOp) -> int | None:
    """Iterations from when a tile is put into a channel to its use; None where that is outside the loop."""
    ends = channel.producers()[0], channel.consumers()[0]
    distances = [unit.distance(channel.result) for unit in ends]
    return None if None in distances else sum(distance or 0 for distance in distances)


def _steps_per_tile(producer: UnitOp, channel: ChannelOp) -> int:
    """Steps of a unit for each tile that it puts into a channel."""
    return producer.out_period(channel.result) if isinstance(producer, dataflow.StageOp) else 1


def loop_problem(network: dataflow.KernelOp, machine: Machine, rate: Rate) -> tuple[list[Node], list[Edge]]:
    """Units in program order and the channels of the chain between them.

    They are those of a loop, with the streams around it that feed it or store what it ends with, or those
    that run once a call.
    """
    units = [unit for unit in network.units() if unit.runs == rate or _serves(unit, rate)]
    numbers = {unit: number for number, unit in enumerate(units)}
    passes = network.loops.passes(rate)
    nodes = [unit_node(unit, number, machine, passes) for unit, number in numbers.items()]
    edges = [_edge(channel, numbers, machine) for channel in network.channels()]
    return nodes, [edge for edge in edges if edge is not None]


def _serves(unit: UnitOp, rate: Rate) -> bool:
    """Whether a stream around a loop brings or stores what runs in it at a rate."""
    match unit:
        case dataflow.LoadOp(channels=channels):
            return any(consumer_of(channel).runs == rate for channel in channels)
        case dataflow.StoreOp(channel=channel):
            return producer_of(channel).runs == rate
        case _:
            return False


def is_scheduled(network: dataflow.KernelOp) -> bool:
    """Whether every stage of a network has an interval and a latency."""
    stages = [op for op in network.units() if isinstance(op, dataflow.StageOp)]
    return all(stage.ii is not None and stage.latency is not None for stage in stages)


MOST_TOKENS = 10_000
"""Tokens of an iteration, over all channels, up to which depths are searched: about 0.2 s.

The time grows with their square; beyond, channels keep an iteration's tokens."""


@dataclass(frozen=True)
class DepthProblem:
    """Units and channels of the loop: `channels[n]` has `queues[n]`; other queues only put in order."""

    actors: Sequence[Actor]
    queues: Sequence[Queue]
    channels: Sequence[ChannelOp]


@dataclass(frozen=True)
class _Place:
    """Where a unit's steps are: so many of an actor, from one on; their tokens take `extra` cycles longer."""

    actor: int
    steps: int
    first: int = 0
    extra: int = 0


def depth_problem(network: dataflow.KernelOp, machine: Machine, rate: Rate) -> DepthProblem | None:
    """What a loop of a network does in an iteration, or what a network without loops does in a call.

    None where a stage's periods reach beyond it, and where it has more than `MOST_TOKENS`.
    """
    builder = _Builder(machine)
    for unit in network.units():
        if unit.runs == rate:
            builder.add(unit)
    channels: list[ChannelOp] = []
    queues: list[Queue] = []
    for channel in network.channels():
        if builder.has_ends(channel):
            queue = builder.queue(channel)
            if queue is None:
                return None
            channels.append(channel)
            queues.append(queue)
    queues += builder.orders
    if sum(len(queue.puts) for queue in queues) > MOST_TOKENS:
        return None
    return DepthProblem(builder.all_actors(), queues, channels)


HBM, BY_INDEX, FIRST = 0, 1, 2
"""The actors of loads, of loads by index, and the first of all others."""


@dataclass
class _Builder:
    """The problem as it grows, unit by unit."""

    machine: Machine
    places: dict[UnitOp, _Place] = field(default_factory=dict[UnitOp, _Place])
    streams: list[int] = field(default_factory=list[int])
    """Cycles of each tile that HBM brings in an iteration, as soon as there is room."""
    indexed: list[int] = field(default_factory=list[int])
    """Those of each tile of slices that are read by index."""
    others: list[Actor] = field(default_factory=list[Actor])
    orders: list[Queue] = field(default_factory=list[Queue])
    stored: tuple[int, Sequence[int], Sequence[int], int] | None = None
    """What comes next in HBM behind the last store."""

    def add(self, unit: UnitOp) -> None:
        """Add a unit behind all before it."""
        node, steps = unit_node(unit, len(self.places), self.machine), unit.work
        busy, ahead = (node.interval,) * steps, 0
        self.places[unit] = _Place(self._next, steps)
        if isinstance(unit, dataflow.LoadOp) and unit.by is not None:
            self.places[unit] = _Place(BY_INDEX, steps, len(self.indexed), node.interval)
            self.indexed += busy
            return
        if isinstance(unit, dataflow.LoadOp):
            ahead = steps
            if node.resource == "hbm":
                first = len(self.streams)
                self.streams += busy
                if unit.after is None:
                    self.places[unit] = _Place(HBM, steps, first, node.interval)
                    return
                # Its time is that of HBM, which does not wait for the gate.
                busy, ahead = (0,) * steps, steps - 1
                self._order(HBM, range(first, first + steps), range(steps), 0)
        elif node.resource == "hbm":
            for actor, tiles in ((HBM, self.streams), (BY_INDEX, self.indexed)):
                if tiles:
                    self._order(actor, (len(tiles) - 1,), (0,), tiles[-1])
            if self.stored is not None:
                self._order(*self.stored)
            self.stored = self._next, (steps - 1,), (0,), node.interval
        self.others.append(Actor(node.name, busy, node.latency, ahead))

    @property
    def _next(self) -> int:
        """The number of the actor that is added next."""
        return FIRST + len(self.others)

    def _order(self, source: int, before: Sequence[int], after: Sequence[int], cycles: int) -> None:
        """Steps of the actor that is added next come so many cycles after those of another."""
        latency = self.machine.hbm_latency_cycles if source < FIRST else self.others[source - FIRST].latency
        target, steps = self._next, tuple(after)
        wire = cycles - latency
        self.orders.append(Queue(source, target, tuple(before), steps, steps, wire, 0, is_given=True))

    def all_actors(self) -> list[Actor]:
        """HBM, twice, and the others; of what is read by index nothing is ahead."""
        busy, latency = tuple(self.streams) or (0,), self.machine.hbm_latency_cycles
        indexed = Actor("hbm by index", tuple(self.indexed) or (0,), latency, 0)
        return [Actor("hbm", busy, latency, len(busy)), indexed, *self.others]

    def has_ends(self, channel: ChannelOp) -> bool:
        """Whether both ends of a channel belong to the loop; how carried values begin and end does not."""
        producer, consumer = channel.producers()[0], channel.consumers()[0]
        return distance_over(channel) is not None and producer in self.places and consumer in self.places

    def queue(self, channel: ChannelOp) -> Queue | None:
        """A channel with the steps of its ends; None where they do not come out even in an iteration."""
        producer, consumer = channel.producers()[0], channel.consumers()[0]
        source, target = self.places[producer], self.places[consumer]
        puts, takes = producer.put_work(channel.result), consumer.take_work(channel.result)
        if puts is None or takes is None:
            return None
        is_stream = isinstance(producer, dataflow.LoadOp)
        hops = channel.hops.value.data if channel.hops is not None else 0
        return Queue(
            source.actor,
            target.actor,
            tuple(source.first + step for step in puts),
            tuple(target.first + step for step in takes[0]),
            tuple(target.first + step for step in takes[1]),
            hops * self.machine.hop_latency_cycles + source.extra,
            channel.type.tile_bytes,
            distance_over(channel) or 0,
            channel.depth.value.data if is_stream else self._room(channel),
            is_stream,
        )

    def _room(self, channel: ChannelOp) -> int | None:
        """Tiles that fit a channel's PMUs; tokens take no room."""
        if channel.pmus is None or not channel.type.tile_bytes:
            return None
        return room_bytes(channel.pmus.value.data, self.machine) // channel.type.tile_bytes
