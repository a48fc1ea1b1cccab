"""How fast the units of a network can be at most, read off the IR: what passes write and what is verified."""

from __future__ import annotations

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr
from xdsl.ir import Operation

from .alike import integers
from .dataflow_kernel import ChannelOp, channel_of
from .dataflow_stages import StageOp
from .dataflow_units import UnitOp
from .grid import Grid, Span, Way, way
from .machine import Machine
from .pacing import Read, StagePace, Write, stage_pace
from .tensors import size_bytes_of


def stage_flops(stage: StageOp) -> tuple[int, int]:
    """Floating-point operations of one firing, and those of them that are of wide products."""
    return sum(op.flops() for op in stage.body_ops()), sum(op.wide_flops() for op in stage.body_ops())


def read_bytes(stage: StageOp) -> list[tuple[int, bool]]:
    """Per input of a stage, the bytes of a firing, and whether they change with every firing.

    What stays the same for several firings is read once and kept in the PCUs.
    """
    ports = zip(stage.body.block.args, stage.ports(), integers(stage.in_periods), strict=False)
    return [
        (size_bytes_of(argument), int(period) == 1 or port.slices > 1) for argument, port, period in ports
    ]


def pace_of(stage: StageOp, machine: Machine) -> StagePace:
    """The fewest cycles of a stage whose units are allocated."""
    reads = [
        Read(size_bytes, _count(channel_of(channel).pmus), changes)
        for channel, (size_bytes, changes) in zip(stage.ins, read_bytes(stage), strict=True)
    ]
    writes = [
        Write(channel_of(out).type.tile_bytes, _count(channel_of(out).pmus), int(period))
        for out, period in zip(stage.outs, integers(stage.out_periods), strict=True)
    ]
    return stage_pace(machine, machine.compute_cycles(*stage_flops(stage), _count(stage.pcus)), reads, writes)


def has_units(stage: StageOp) -> bool:
    """Whether units are allocated for a stage and its channels."""
    channels = map(channel_of, (*stage.ins, *stage.outs))
    return stage.pcus is not None and all(channel.pmus is not None for channel in channels)


def pace_trouble(stage: StageOp, machine: Machine) -> str | None:
    """What the schedule of a stage claims that its units cannot do; None where they can."""
    assert stage.ii is not None, "scheduled before it is asked"
    assert stage.latency is not None, "scheduled before it is asked"
    trouble = pace_of(stage, machine).trouble(stage.ii.value.data, stage.latency.value.data)
    return None if trouble is None else f"stage '{stage.label.data}': {trouble}"


def way_of(channel: ChannelOp, grid: Grid) -> Way:
    """The way of the tiles of a channel whose units are placed; a resident weight stays where it is."""
    pmus = _span(channel.pmu_first, channel.pmus)
    source, target = unit_span(channel.producers()[0]), unit_span(channel.consumers()[0])
    return way(grid, source, pmus, target, in_place=resident_span(channel.producers()[0])[1] > 0)


def hops_trouble(channel: ChannelOp, grid: Grid) -> str | None:
    """What the hops of a channel claim that its places do not let; None where they do."""
    assert channel.hops is not None, "routed before it is asked"
    given, least = channel.hops.value.data, way_of(channel, grid).hops
    return f"{channel.label} has {given} hops; its places take {least} at least" if given < least else None


def unit_span(unit: UnitOp) -> Span:
    """Where a unit lies; none for what reaches the grid over AGCUs."""
    if isinstance(unit, StageOp):
        return _span(unit.pcu_first, unit.pcus)
    if unit.beside is None:
        return 0, 0
    first, _ = _span(channel_of(unit.beside).pmu_first, None)
    return first, 1


def resident_span(unit: Operation) -> Span:
    """The PMUs of the resident weight that a load reads in place; none of other units."""
    given = unit.attributes.get("resident")
    if not isinstance(given, DenseArrayBase):
        return 0, 0
    first, count = given.get_values()
    return int(first), int(count)


def _count(number: IntegerAttr | None) -> int:
    assert number is not None, "allocated before it is asked"
    return number.value.data


def _span(first: IntegerAttr | None, count: IntegerAttr | None) -> Span:
    assert first is not None, "placed before it is asked"
    return first.value.data, 0 if count is None else count.value.data
