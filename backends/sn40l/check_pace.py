"""Checks of time: no stage and no channel of a program is faster than its body and its place let it be.

The schedule of a program says how fast its stages fire and how long its channels take. A slower one is a
choice; the fastest is derived here, by the formulas that the passes write it with. All other times come from
the machine when a program runs: transfers of memories, links and resident weights from bytes, what copies
tiles a cycle for each, commands from the launch list.

What is not checked is that links are wide enough for new places: `route-channels` does that when it plans a
program, which has neither its routes nor the intervals of its loops.
"""

from __future__ import annotations

from ...dialects.grid import Grid, Span, way
from ...dialects.machine import Machine
from ...dialects.pacing import Read, StagePace, Write, stage_pace
from .errors import require
from .kernel import Kernel, Unit
from .program import Program
from .units import Load, Stage


def check_pace(program: Program) -> None:
    """That no stage fires faster than its body and its ports can, and no channel is faster than its hops.

    Raises: ProgramError naming the stage or the channel, with what the program says and what is least.
    """
    resident = program.resident_places
    for kernel in program.kernels:
        for unit in kernel.units:
            if isinstance(unit, Stage):
                trouble = pace_of(unit, kernel, program.machine).trouble(unit.ii_cycles, unit.latency_cycles)
                require(trouble is None, f"kernel '{kernel.name}', {unit}: {trouble}", unit.location)
        _check_channels(kernel, program.machine, resident)


def pace_of(stage: Stage, kernel: Kernel, machine: Machine) -> StagePace:
    """The fewest cycles of a stage."""
    channels, pcus = kernel.channels, stage.pcus[1]
    compute = machine.compute_cycles(stage.flops, stage.wide_flops, pcus) if pcus else 0
    return stage_pace(
        machine,
        compute,
        (
            Read(
                port.argument.size_bytes, channels[port.channel].pmus[1], port.period == 1 or port.slices > 1
            )
            for port in stage.inputs
        ),
        (
            Write(channels[port.channel].tile_bytes, channels[port.channel].pmus[1], port.period)
            for port in stage.outputs
        ),
    )


def _check_channels(kernel: Kernel, machine: Machine, resident: set[Span]) -> None:
    hops, sources = least_hops(kernel, machine, resident), _sources(kernel)
    cycles_of_a_hop = machine.hop_latency_cycles
    for number, channel in enumerate(kernel.channels):
        given, least = channel.latency_cycles, hops[number] * cycles_of_a_hop
        require(
            given >= least,
            f"kernel '{kernel.name}', channel '{channel.name}': {given} cycles on the network; its places "
            f"take {least} at least ({hops[number]} hops of {cycles_of_a_hop})",
            sources[number].location,
        )


def least_hops(kernel: Kernel, machine: Machine, resident: set[Span]) -> list[int]:
    """Hops of each channel from its producer through its PMUs to its consumer, without detours.

    Channels in the places of `resident` weights are those of loads that read them there.
    """
    grid, sources, targets = Grid.of(machine), _sources(kernel), dict[int, Unit]()
    for unit in kernel.units:
        targets |= {port.channel: unit for port in unit.takes(kernel)}
    found = list[int]()
    for number, channel in enumerate(kernel.channels):
        source, target = sources[number], targets[number]
        in_place = isinstance(source, Load) and source.index is None and channel.pmus in resident
        ends = _span(source, kernel), _span(target, kernel)
        found.append(way(grid, ends[0], channel.pmus, ends[1], in_place=in_place).hops)
    return found


def _sources(kernel: Kernel) -> dict[int, Unit]:
    """The unit that puts tiles into each channel."""
    return {port.channel: unit for unit in kernel.units for port in unit.puts(kernel)}


def _span(unit: Unit, kernel: Kernel) -> Span:
    """Where a unit lies; none for what reaches the grid over AGCUs."""
    return unit.pcus_taken if unit.beside is None else (kernel.channels[unit.beside].pmus[0], 1)
