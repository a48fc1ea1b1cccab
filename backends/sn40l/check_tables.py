"""Whether lookups know how many rows their tables have on all sockets together."""

from __future__ import annotations

from collections.abc import Iterator

from .errors import require
from .kernel import Kernel
from .program import Execute, LoadArguments, Program, Region
from .units.gather import Gather


def check_tables(program: Program) -> None:
    """That rows that are looked up are split over the sockets as their table is, and as many.

    Raises: ProgramError naming the lookup and the region.
    """
    regions = {region.address: region for region in program.regions}
    for kernel, addresses in _calls(program):
        for unit in kernel.units:
            region = regions.get(addresses[unit.parameter]) if isinstance(unit, Gather) else None
            if isinstance(unit, Gather) and region is not None:
                _check_table(f"kernel '{kernel.name}': {unit}", unit, region, program.machine.sockets)


def _calls(program: Program) -> Iterator[tuple[Kernel, tuple[int, ...]]]:
    """Kernels and the addresses of their parameters, once for each of the calls that differ."""
    kernels, addresses = {kernel.name: kernel for kernel in program.kernels}, tuple[int, ...]()
    seen = set[tuple[str, tuple[int, ...]]]()
    for command in program.commands:
        if isinstance(command, LoadArguments):
            addresses = command.addresses
        elif isinstance(command, Execute) and (command.kernel, addresses) not in seen:
            seen.add((command.kernel, addresses))
            yield kernels[command.kernel], addresses


def _check_table(where: str, unit: Gather, region: Region, sockets: int) -> None:
    is_split = region.shard_axis == 0
    how = {True: "split over the sockets", False: "whole on each socket"}
    what = f"rows that are {how[unit.sharded]}, region '{region.name}' is {how[is_split]}"
    require(unit.sharded == is_split, f"{where} reads {what}", unit.location)
    if not is_split:
        return
    padded = region.shard_parts * region.tensor.shape[0]
    rows = -(-sum(region.shard_runs[::2] or (padded,)) // region.shard_repeats)
    given = unit.rows(sockets)
    require(
        given == rows,
        f"{where} reads a table of {given} rows, region '{region.name}' has {rows}",
        unit.location,
    )
