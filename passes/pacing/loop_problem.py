"""The outer loop of a scheduled network as a problem for `modulo.py`.

What streams ahead of the loop has no place in the chain: loads without a gate, and what comes once a call.
They count as users of the memory only. What runs once in a decode step is a problem of its own.
"""

from __future__ import annotations

from ...dialects import dataflow
from ...dialects.dataflow import ChannelOp, UnitOp, channel_of
from ...dialects.machine import Machine
from ...dialects.vocabulary import Rate
from ..units.resident_weights import resident_place
from ..units.traffic import gathered_tiles, pass_tiles
from .modulo import Edge, Node


def unit_node(unit: UnitOp, number: int, iterations: int, machine: Machine) -> Node:
    """A unit as a node, with this number where it is a resource of its own.

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
    if unit.runs == "call":
        busy = -(-busy // iterations)
    return Node(unit.title, latency, interval, busy, resource)


def _edge(channel: ChannelOp, numbers: dict[UnitOp, int], machine: Machine) -> Edge | None:
    """A channel of the chain; None for what runs ahead of the loop or behind it."""
    producer, consumer = channel.producers()[0], channel.consumers()[0]
    distance = distance_over(channel)
    if producer not in numbers or consumer not in numbers or distance is None:
        return None
    if not isinstance(producer, dataflow.StageOp) and not producer.inputs():
        return None
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


def loop_problem(
    network: dataflow.KernelOp, machine: Machine, rate: Rate = "iteration"
) -> tuple[list[Node], list[Edge]]:
    """Units in program order and the channels of the chain between them.

    They are those of the loop, or those of rate "step", which run once in a decode step.
    """
    units = [unit for unit in network.units() if (unit.runs == "step") == (rate == "step")]
    numbers = {unit: number for number, unit in enumerate(units)}
    nodes = [unit_node(unit, number, network.iterations, machine) for unit, number in numbers.items()]
    edges = [_edge(channel, numbers, machine) for channel in network.channels()]
    return nodes, [edge for edge in edges if edge is not None]


def is_scheduled(network: dataflow.KernelOp) -> bool:
    """Whether every stage of a network has an interval and a latency."""
    stages = [op for op in network.units() if isinstance(op, dataflow.StageOp)]
    return all(stage.ii is not None and stage.latency is not None for stage in stages)
