"""The flows of a placed network over the grid of a socket, read off the IR for `floorplan.py`.

A channel is two flows: from its producer to its PMUs, and on to its reader (`dialects/grid.py`).
"""

from __future__ import annotations

from ...dialects import dataflow
from ...dialects.dataflow import ChannelOp
from ...dialects.dataflow_pace import way_of
from ...dialects.grid import Grid
from ...dialects.vocabulary import Rate
from ..units.resident_weights import resident_place
from ..units.traffic import pass_tiles
from .floorplan import Flow, Link


def show_link(link: Link, grid: Grid) -> str:
    """What messages call a link: `die 0, row 3, column 4 -> row 3, column 5`."""
    die, column = divmod(link.column, grid.columns)
    to_die, to_column = divmod(link.to_column, grid.columns)
    there = "" if to_die == die else f"die {to_die}, "
    return f"die {die}, row {link.row}, column {column} -> {there}row {link.to_row}, column {to_column}"


def channel_flows(channel: ChannelOp, bytes_per_cycle: float, grid: Grid) -> tuple[Flow, Flow]:
    """A channel's flows: from the producer to the PMUs, and from there to the reader."""
    way = way_of(channel, grid)
    far = grid.far_agcus(way.buffer) if way.from_edge or way.to_edge else ()
    return (
        Flow(channel.label, way.sources, way.buffer, bytes_per_cycle, far if way.from_edge else ()),
        Flow(channel.label, way.buffer, way.targets, bytes_per_cycle, (), far if way.to_edge else ()),
    )


def port_bytes(channel: ChannelOp) -> int:
    """Bytes of a pass that a channel gets from memory or links, and puts there."""
    ends = (channel.producers()[0], channel.consumers()[0])
    outside = [not isinstance(unit, dataflow.StageOp) and unit.beside is None for unit in ends]
    if resident_place(channel)[1]:
        outside[0] = False
    return sum(outside) * pass_bytes(channel)


def pass_bytes(channel: ChannelOp) -> int:
    """Bytes through a channel in a pass of its producer; tokens have none."""
    return channel.type.tile_bytes * pass_tiles(channel)


def filling_rate(channel: ChannelOp) -> Rate:
    """How often a channel is filled; what is loaded around a loop counts as if it came in each iteration."""
    producer, consumer = channel.producers()[0], channel.consumers()[0]
    is_held = isinstance(producer, dataflow.LoadOp) and producer.runs != consumer.runs
    return consumer.runs if is_held else producer.runs


def is_placed(network: dataflow.KernelOp) -> bool:
    """Whether every stage and every channel of a network has its units."""
    units = [
        (op.pcus, op.pcu_first) if isinstance(op, dataflow.StageOp) else (op.pmus, op.pmu_first)
        for op in network.body.block.ops
        if isinstance(op, dataflow.StageOp | ChannelOp)
    ]
    return all(count is not None and first is not None for count, first in units)
