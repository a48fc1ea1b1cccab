"""The flows of a placed network over the grid of a socket, read off the IR for `floorplan.py`.

A channel is two flows: from its producer to its PMUs, and on to its reader. A channel without PMUs lies in
its reader's FIFO. What comes from memory or links, or goes there, does so over AGCUs: for each unit the one
at the nearer end of its row. A unit that hands values on sits at the first PMU of the first channel that it
feeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from xdsl.dialects.builtin import IntegerAttr

from ...dialects import dataflow
from ...dialects.dataflow import ChannelOp, UnitOp
from ...dialects.dataflow_kernel import channel_of
from ...dialects.machine import Machine
from ...dialects.vocabulary import Rate
from ..units.resident_weights import resident_place
from ..units.traffic import pass_tiles
from .floorplan import Flow, Link, Place, hops


@dataclass(frozen=True)
class Grid:
    """The dies of a socket side by side as one grid: the place of each number, and the columns of a die."""

    units: tuple[Place, ...]
    columns: int
    dies: int

    @staticmethod
    @lru_cache(maxsize=16)
    def of(machine: Machine) -> Grid:
        """The grid of a machine; a PCU and the PMU of the same number share a place."""
        places = map(machine.coordinates, range(max(machine.pcus, machine.pmus)))
        width = machine.grid_columns
        return Grid(tuple((row, die * width + column) for die, row, column in places), width, machine.dies)

    def range(self, first: IntegerAttr | None, count: int) -> tuple[Place, ...]:
        """The places of units in a row; one behind the last unit counts as the last."""
        assert first is not None, "placed before it is routed"
        begin = min(first.value.data, len(self.units) - count)
        return self.units[begin : begin + count]

    @property
    def left(self) -> int:
        """How many places are nearer to the left edge; they are the first ones."""
        return sum(column == 0 for _, column in self.agcus(self.units))

    @property
    def rows(self) -> int:
        """Rows, each with a port at either end."""
        return 1 + max(row for row, _ in self.units)

    def agcus(self, units: tuple[Place, ...]) -> tuple[Place, ...]:
        """For each unit the AGCU over which it reaches memory and links."""
        last = self.dies * self.columns - 1
        return tuple((row, 0 if 2 * column <= last else last) for row, column in units)

    def far_agcus(self, units: tuple[Place, ...]) -> tuple[Place, ...]:
        """For each unit the AGCU at the other end of its row."""
        last = self.dies * self.columns - 1
        return tuple((row, last - column) for row, column in self.agcus(units))

    def show(self, link: Link) -> str:
        """What messages call a link: `die 0, row 3, column 4 -> row 3, column 5`."""
        die, column = divmod(link.column, self.columns)
        to_die, to_column = divmod(link.to_column, self.columns)
        there = "" if to_die == die else f"die {to_die}, "
        return f"die {die}, row {link.row}, column {column} -> {there}row {link.to_row}, column {to_column}"


def _unit_places(unit: UnitOp, grid: Grid) -> tuple[Place, ...]:
    """Where a unit lies; nowhere for what reaches the grid over AGCUs."""
    if isinstance(unit, dataflow.StageOp):
        assert unit.pcus is not None, "placed before it is routed"
        return grid.range(unit.pcu_first, unit.pcus.value.data)
    return () if unit.beside is None else grid.range(channel_of(unit.beside).pmu_first, 1)


def channel_flows(channel: ChannelOp, bytes_per_cycle: float, grid: Grid) -> tuple[Flow, Flow]:
    """A channel's flows: from the producer to the PMUs, and from there to the reader."""
    assert channel.pmus is not None, "placed before it is routed"
    source = grid.range(channel.pmu_first, resident_place(channel)[1])  # a resident weight stays where it is
    source = source or _unit_places(channel.producers()[0], grid)
    target = _unit_places(channel.consumers()[0], grid)
    pmus = channel.pmus.value.data
    fifo = target or source or grid.range(channel.pmu_first, 1)
    buffer = grid.range(channel.pmu_first, pmus) if pmus else fifo
    far = grid.far_agcus(buffer)
    return (
        Flow(channel.label, source or grid.agcus(buffer), buffer, bytes_per_cycle, () if source else far),
        Flow(channel.label, buffer, target or grid.agcus(buffer), bytes_per_cycle, (), () if target else far),
    )


def port_bytes(channel: ChannelOp) -> int:
    """Bytes of a pass that a channel gets from memory or links, and puts there."""
    ends = (channel.producers()[0], channel.consumers()[0])
    outside = [not isinstance(unit, dataflow.StageOp) and unit.beside is None for unit in ends]
    if resident_place(channel)[1]:
        outside[0] = False
    return sum(outside) * pass_bytes(channel)


def channel_hops(channel: ChannelOp, grid: Grid) -> int:
    """Hops from the producer through the PMUs to the reader."""
    return sum(map(hops, channel_flows(channel, 0, grid)))


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
