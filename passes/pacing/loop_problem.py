"""The outer loop of a scheduled network as a problem for `modulo.py`.

What streams ahead of the loop has no place in the chain: loads without a gate, and what comes once a call.
They count as users of the memory only. What runs once in a decode step is a problem of its own.
"""

from __future__ import annotations

from xdsl.ir import SSAValue

from ...dialects import dataflow, nn
from ...dialects.machine import Machine
from ...dialects.network import QueueOp, StepCounterOp, StreamUnitOp, UnitOp, channel_of
from ...dialects.tiles import TokenType, tile_of, tiled_axis
from ..units.residence import home_of
from ..units.traffic import gathered_tiles, pass_tiles
from .modulo import Edge, Node

Transfer = dataflow.LoadOp | dataflow.StoreOp | dataflow.GatherOp


def _tile_bytes(channel: SSAValue) -> int:
    tile = tile_of(channel)
    return 0 if isinstance(tile, TokenType) else nn.size_bytes_of(tile)


def stream_tiles(unit: Transfer) -> int:
    """Tiles that a stream moves in a pass."""
    if isinstance(unit, dataflow.GatherOp):
        return 1
    channel = unit.channel if isinstance(unit, dataflow.StoreOp) else unit.channels[0]
    return tiled_axis(nn.shape_of(unit.stream_type), nn.shape_of(tile_of(channel)))[1]


def _transfer(unit: Transfer, number: int, iterations: int, machine: Machine) -> Node:
    """A stream: every tile occupies the memory, or the ports of a resident weight, then takes its latency."""
    channel = unit.channel if isinstance(unit, dataflow.StoreOp) else unit.channels[0]
    per_call = isinstance(unit, StreamUnitOp) and unit.once is not None
    tiles = stream_tiles(unit)
    size, latency, resource = _tile_bytes(channel), machine.hbm_latency_cycles, "hbm"
    service = machine.hbm_cycles(size)
    _, pmus = home_of(channel_of(channel))
    if pmus:
        service = -(-size // (pmus * machine.pmu_port_bytes_per_cycle))
        latency, resource = machine.stage_latency_cycles, f"weight {number}"
    busy = -(-service * tiles // iterations) if per_call else service * tiles
    return Node(unit.name, service + latency, service, busy, resource)


def unit_node(unit: UnitOp, number: int, iterations: int, machine: Machine) -> Node:
    """A unit as a node, with this number where it is a resource of its own."""
    match unit:
        case dataflow.StageOp():
            assert unit.ii is not None and unit.latency is not None, "checked by the caller"  # noqa: PT018
            interval, firings = unit.ii.value.data, unit.firings.value.data
            name = unit.label.data
            return Node(name, unit.latency.value.data, interval, interval * firings, f"stage {number}")
        case dataflow.CollectiveOp():
            size, tiles = _tile_bytes(unit.source), unit.tiles.value.data
            busy, latency = machine.exchange_cycles(unit.kind.data, unit.algorithm.data, size)
            return Node(unit.kind.data, busy + latency, busy, busy * tiles, "links")
        case dataflow.CarryOp():
            return Node("carry", 1, 1, unit.tiles.value.data, f"carry {number}")
        case dataflow.LoadOp() | dataflow.StoreOp() | dataflow.GatherOp():
            return _transfer(unit, number, iterations, machine)
        case _:
            raise AssertionError(f"{unit.name} is no unit of a network")


def _edge(channel: QueueOp, numbers: dict[UnitOp, int], iterations: int, machine: Machine) -> Edge | None:
    """A channel of the chain; None for what runs ahead of the loop or behind it."""
    producer, consumer = channel.producers()[0], channel.consumers()[0]
    if producer not in numbers or consumer not in numbers:
        return None
    if isinstance(producer, dataflow.LoadOp) and producer.after is None:
        return None
    carried = isinstance(consumer, dataflow.CarryOp)
    if carried and channel.result is consumer.init:
        return None
    if isinstance(producer, dataflow.CarryOp) and channel.result is producer.final:
        return None
    hops = channel.hops.value.data if channel.hops is not None else 0
    total = pass_tiles(channel)
    needed = min(total, gathered_tiles(channel, consumer))
    wire, steps = hops * machine.hop_latency_cycles, _steps_per_tile(producer, channel)
    ends = numbers[producer], numbers[consumer]
    return Edge(*ends, needed * steps, total * steps, wire, int(carried))


def _steps_per_tile(producer: UnitOp, channel: QueueOp) -> int:
    """Steps of a unit for each tile that it puts into a channel."""
    if not isinstance(producer, dataflow.StageOp):
        return 1
    port = next(i for i, out in enumerate(producer.outs) if out is channel.result)
    return int(producer.out_periods.get_values()[port])


def loop_problem(
    network: dataflow.KernelOp, machine: Machine, *, per_step: bool = False
) -> tuple[list[Node], list[Edge]]:
    """Units in program order and the channels of the chain between them.

    They are those of the loop, or those that run once in a decode step.
    """
    units = [op for op in network.body.block.ops if isinstance(op, UnitOp)]
    units = [op for op in units if _is_per_step(op) == per_step and not isinstance(op, StepCounterOp)]
    numbers = {unit: number for number, unit in enumerate(units)}
    nodes = [unit_node(unit, number, network.iterations, machine) for unit, number in numbers.items()]
    channels = [op for op in network.body.block.ops if isinstance(op, QueueOp)]
    edges = [_edge(channel, numbers, network.iterations, machine) for channel in channels]
    return nodes, [edge for edge in edges if edge is not None]


def _is_per_step(unit: UnitOp) -> bool:
    return unit.per_step is not None


def is_scheduled(network: dataflow.KernelOp) -> bool:
    """Whether every stage of a network has an interval and a latency."""
    stages = [op for op in network.body.block.ops if isinstance(op, dataflow.StageOp)]
    return all(stage.ii is not None and stage.latency is not None for stage in stages)
