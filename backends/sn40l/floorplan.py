"""Where the units of a program lie on the grid of a socket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from itertools import groupby

from ...dialects.machine import Machine
from ..floorplans import Floorplan, KernelPlan, NetworkLoads, Place, PlacedChannel, PlacedStage
from .kernel import Kernel
from .program import Program, Region
from .units import Stage
from .usage import resident_places


def floorplan_of(program: Program, loads: Mapping[str, NetworkLoads]) -> Floorplan:
    """The floorplan of a program whose kernels put these loads on the network."""
    machine = program.machine
    return Floorplan(
        machine.dies,
        machine.grid_columns,
        machine.grid_rows,
        machine.rdn_bytes_per_cycle,
        tuple(_kernel_plan(kernel, program, loads[kernel.name]) for kernel in program.kernels),
        next(str(one.metadata["source"]) for one in fields(Machine) if one.name == "grid_columns"),
    )


def _kernel_plan(kernel: Kernel, program: Program, loads: NetworkLoads) -> KernelPlan:
    names, machine = unit_names(kernel), program.machine
    stages = tuple(
        PlacedStage(name, unit.location, _cells(machine, unit.pcus))
        for name, unit in zip(names, kernel.units, strict=True)
        if isinstance(unit, Stage)
    )
    channels = (*_channels(kernel, names, program), *_others(kernel, program))
    return KernelPlan(kernel.name, stages, channels, loads.links, loads.ports)


def unit_names(kernel: Kernel) -> list[str]:
    """A name for each unit of a kernel that no other one has."""
    names = [unit.name for unit in kernel.units]
    return [
        name if names.count(name) == 1 else f"{name}.{names[:number].count(name)}"
        for number, name in enumerate(names)
    ]


def _channels(kernel: Kernel, names: list[str], program: Program) -> Iterator[PlacedChannel]:
    """The channels with PMUs, in the order of the kernel."""
    readers, resident = _readers(kernel, names), resident_places(program)
    for number, channel in enumerate(kernel.channels):
        if channel.pmus[1]:
            yield PlacedChannel(
                channel.name,
                readers.get(number, ()),
                channel.depth,
                channel.tile_bytes,
                _cells(program.machine, channel.pmus),
                channel.pmus in resident,
            )


def _readers(kernel: Kernel, names: list[str]) -> dict[int, tuple[str, ...]]:
    """The stages that read each channel."""
    reads = sorted(
        (port.channel, number)
        for number, unit in enumerate(kernel.units)
        if isinstance(unit, Stage)
        for port in unit.inputs
    )
    return {
        channel: tuple(dict.fromkeys(names[number] for _, number in pairs))
        for channel, pairs in groupby(reads, key=lambda pair: pair[0])
    }


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
