"""Where the units of a program lie on the grid of a socket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from ...dialects.machine import Machine
from ..floorplans import Floorplan, KernelPlan, NetworkLoads, Place, PlacedChannel, PlacedStage
from .kernel import Kernel
from .program import Program, Region
from .units import Stage


def floorplan_of(program: Program, loads: Mapping[str, NetworkLoads]) -> Floorplan:
    """The floorplan of a program whose kernels put these loads on the network."""
    machine = program.machine
    return Floorplan(
        machine.dies,
        machine.grid_columns,
        machine.grid_rows,
        machine.pcus,
        machine.pmus,
        machine.rdn_bytes_per_cycle,
        tuple(_kernel_plan(kernel, program, loads[kernel.name]) for kernel in program.kernels),
        next(str(one.metadata["source"]) for one in fields(Machine) if one.name == "grid_columns"),
    )


def _kernel_plan(kernel: Kernel, program: Program, loads: NetworkLoads) -> KernelPlan:
    stages = tuple(
        PlacedStage(unit.name, unit.location, _cells(program.machine, unit.pcus))
        for unit in kernel.units
        if isinstance(unit, Stage)
    )
    channels = (*_channels(kernel, program), *_others(kernel, program))
    return KernelPlan(kernel.name, stages, channels, loads.links, loads.ports)


def _channels(kernel: Kernel, program: Program) -> Iterator[PlacedChannel]:
    """The channels with PMUs, in the order of the kernel."""
    readers, resident = _readers(kernel), program.resident_places
    for number, channel in enumerate(kernel.channels):
        if channel.pmus[1]:
            yield PlacedChannel(
                channel.name,
                tuple(readers.get(number, ())),
                channel.depth,
                channel.tile_bytes,
                _cells(program.machine, channel.pmus),
                channel.pmus in resident,
            )


def _readers(kernel: Kernel) -> dict[int, dict[str, None]]:
    """The stages that read each channel, in the order of the kernel."""
    found: dict[int, dict[str, None]] = {}
    for unit in kernel.units:
        for port in unit.inputs if isinstance(unit, Stage) else ():
            found.setdefault(port.channel, {})[unit.name] = None
    return found


def _others(kernel: Kernel, program: Program) -> Iterator[PlacedChannel]:
    """The resident weights that a kernel does not read: they stay where they are while it runs."""
    read = {channel.pmus for channel in kernel.channels}
    for region in program.regions:
        place = region.pmus(program.machine)
        if place[1] and place not in read:
            yield _resident(region, program.machine, place)


def _resident(region: Region, machine: Machine, place: tuple[int, int]) -> PlacedChannel:
    return PlacedChannel(region.name, (), 1, region.size_bytes, _cells(machine, place), resident=True)


def _cells(machine: Machine, units: tuple[int, int]) -> tuple[Place, ...]:
    """The cells of so many units from the first on."""
    first, count = units
    found = (machine.coordinates(unit) for unit in range(first, first + count))
    return tuple((die * machine.grid_columns + column, row) for die, row, column in found)
