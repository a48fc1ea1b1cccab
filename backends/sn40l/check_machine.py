"""Checks against the machine: units that exist and have one task each, buffers and regions that fit."""

from __future__ import annotations

from itertools import pairwise

from ...dialects.machine import Machine
from .alive import Alive, life_of, sweep
from .errors import require
from .kernel import Kernel
from .program import Execute, LoadArguments, Observe, Program, Region, tier_span


def check_units(program: Program) -> None:
    """That PCUs and PMUs exist, have one task each, hold their tiles and compute no faster than they can.

    Raises: ProgramError naming the stage or the channel.
    """
    for kernel in program.kernels:
        _check_units(kernel, program.machine)


def _check_units(kernel: Kernel, machine: Machine) -> None:
    where = f"kernel '{kernel.name}'"
    _check_places([(unit.name, unit.pcus_taken) for unit in kernel.units], machine.pcus, f"{where}: PCU")
    _check_places([(c.name, c.pmus) for c in kernel.channels], machine.pmus, f"{where}: PMU")
    for channel in kernel.channels:
        # A channel without PMUs lives in the input FIFO of its reader.
        need, pmus = channel.depth * channel.tile_bytes, channel.pmus[1]
        room = pmus * machine.pmu_bytes if pmus > 0 else machine.pcu_fifo_bytes
        require(
            need <= room,
            f"{where}: channel '{channel.name}' holds {channel.depth} tiles of {channel.tile_bytes} bytes, "
            f"together {need}, in {pmus} PMUs of {room}; lower its depth or give it more PMUs",
        )
    for unit in kernel.units:
        (flops, wide, cycles), pcus = unit.work, unit.pcus_taken[1]
        peak = cycles * pcus * machine.pcu_flops_per_cycle
        at_most = f"{peak} at most" + (f", and {wide} of them take longer" if wide else "")
        require(
            not flops or (pcus > 0 and machine.compute_cycles(flops, wide, pcus) <= cycles),
            f"{where}: {unit} does {flops} FLOPs in an II of {cycles} cycles, its {pcus} PCUs do {at_most}",
            unit.location,
        )


def check_resident_weights(program: Program) -> None:
    """That what lies in SRAM is a weight in whole PMUs that no other weight and no channel uses, but those of
    the loads that read it.

    Raises: ProgramError naming the region.
    """
    machine = program.machine
    begin = tier_span(machine, "sram")[0]
    resident = [region for region in program.regions if region.tier == "sram"]
    for region in resident:
        where = f"region '{region.name}'"
        require(region.kind == "weight", f"{where}: a {region.kind} in SRAM; only weights are resident there")
        offset = region.address - begin
        require(
            offset % machine.pmu_bytes == 0,
            f"{where} begins at byte {offset} of SRAM, which is no multiple of the {machine.pmu_bytes} bytes "
            "of a PMU",
        )
    places = [(region.name, region.pmus(machine)) for region in resident]
    resident_places = {place for _, place in places}
    for kernel in program.kernels if resident else ():
        in_place = {channel for unit in kernel.units for channel in unit.channels_in_place}
        channels = [
            (channel.name, channel.pmus)
            for number, channel in enumerate(kernel.channels)
            if number not in in_place or channel.pmus not in resident_places
        ]
        _check_places([*places, *channels], machine.pmus, f"kernel '{kernel.name}': PMU")
    _check_in_place(program, resident)


def _check_in_place(program: Program, resident: list[Region]) -> None:
    """That what lies in SRAM is only read by loads whose one channel is its PMUs."""
    kernels, addresses = {kernel.name: kernel for kernel in program.kernels}, tuple[int, ...]()
    resident_places = {region.pmus(program.machine) for region in resident}
    for command in program.commands if resident else ():
        if isinstance(command, LoadArguments):
            addresses = command.addresses
        if not isinstance(command, Execute):
            continue
        kernel = kernels[command.kernel]
        for unit in kernel.units:
            if unit.memory is None:
                continue
            resident_place = _resident_place(addresses[unit.memory], resident, program.machine)
            places = [kernel.channels[channel].pmus for channel in unit.channels_in_place]
            require(
                places == [resident_place]
                if resident_place is not None
                else resident_places.isdisjoint(places),
                f"kernel '{kernel.name}': '{unit.name}' must have one channel in the PMUs of the weight in "
                "SRAM that it reads, or else none in such PMUs",
                unit.location,
            )


def _resident_place(address: int, resident: list[Region], machine: Machine) -> tuple[int, int] | None:
    """The PMUs of the weight at an address; None outside SRAM."""
    return next((r.pmus(machine) for r in resident if r.address <= address < r.end), None)


def _check_places(places: list[tuple[str, tuple[int, int]]], available: int, kind: str) -> None:
    spans = sorted((first, first + count, name) for name, (first, count) in places if count != 0)
    for first, end, name in spans:
        inside = 0 <= first < end <= available
        require(inside, f"{kind}s {first} to {end - 1} of '{name}'; the machine has {available}")
    for (_, end, name), (first, _, other) in pairwise(spans):
        require(end <= first, f"{kind} {first} belongs to '{name}' and to '{other}'")


def check_memory(program: Program) -> None:
    """That regions lie in their memory and share addresses only while one of them is alive, and that every
    argument of a call is the address of enough bytes of a region that is alive.

    Raises: ProgramError naming the regions, or the command and the parameter.
    """
    for region in program.regions:
        low, high = tier_span(program.machine, region.tier)
        require(
            low <= region.address and region.end <= high,
            f"region '{region.name}' takes addresses {region.address} to {region.end - 1}, "
            f"{region.tier} has {low} to {high - 1}",
        )
        first, last = life_of(region)
        require(first <= last, f"region '{region.name}' is alive from command {first} to {last}")
    _check_through_time(program)


def _check_through_time(program: Program) -> None:
    lives = {region.name: life_of(region) for region in program.regions}
    kernels = {kernel.name: kernel for kernel in program.kernels}
    addresses: tuple[int, ...] = ()
    for number, command, alive in sweep(program):
        if isinstance(command, LoadArguments):
            addresses = command.addresses
        if isinstance(command, Observe):
            _check_read(lives[command.region], number, f"observes '{command.region}'")
        if isinstance(command, Execute):
            _check_arguments(kernels[command.kernel], addresses, alive, f"command {number}", command.location)
    for name in program.outputs:
        _check_read(lives[name], len(program.commands) - 1, f"is followed by a read of output '{name}'")


def _check_read(life: tuple[int, int], number: int, what: str) -> None:
    first, last = life
    alive = first <= number <= last
    require(alive, f"command {number} {what}, which is alive from command {first} to {last}")


def _check_arguments(
    kernel: Kernel, addresses: tuple[int, ...], alive: Alive, where: str, location: str
) -> None:
    for parameter, address in zip(kernel.parameters, addresses, strict=True):
        end = address + parameter.tensor.size_bytes
        require(
            alive.holds(address, end),
            f"{where} executes '{kernel.name}' with parameter '{parameter.name}' at addresses {address} to "
            f"{end - 1}; no region that is alive holds them",
            location,
        )
