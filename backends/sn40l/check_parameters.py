"""Checks of what parameters point to, and of the regions themselves: sizes, and what belongs to a kind."""

from __future__ import annotations

from dataclasses import fields

from .arguments import Call, calls_of
from .errors import require
from .kernel import Unit
from .program import Program, Region
from .region_weights import check_weight
from .units import Gather

_WRITTEN = ("state", "value")
"""The kinds of regions that calls may write."""
_OF_WEIGHTS = (
    *("checkpoint", "transposed", "stacked", "rows", "columns", "layers", "values", "stored"),
    *("shard_axis", "shard_parts", "shard_runs", "shard_repeats"),
)
"""What only weights have: it says where their numbers come from."""
_DEFAULTS = {field.name: field.default for field in fields(Region)}


def check_parameters(program: Program) -> None:
    """That regions are as large as their tensors, and that each parameter of a call is a region, a slice of
    one or a stack of some, of its own type and shape, and of a kind that may be used as its units do.

    Raises: ProgramError naming the region, or the command and the parameter.
    """
    for region in program.regions:
        _check_region(region, program.machine.pmu_bytes)
    for call in calls_of(program):
        for unit in call.kernel.units:
            _check_use(call, unit, program.machine.sockets)


def _check_region(region: Region, pmu_bytes: int) -> None:
    name, need, given = f"region '{region.name}'", region.tensor.size_bytes, region.size_bytes
    whole_pmus = region.tier == "sram" and given % pmu_bytes == 0
    require(
        given == need or whole_pmus,
        f"{name}: {given} bytes, {region.tensor} takes {need}"
        + (f", or PMUs of {pmu_bytes}" if region.tier == "sram" else ""),
    )
    require(
        region.live is None or region.kind == "value",
        f"{name}: a {region.kind} is alive in the whole step, not from command {region.live}",
    )
    if region.kind == "weight":
        check_weight(region)
        return
    allowed = ("stacked",) if region.kind == "state" else ()
    for one in _OF_WEIGHTS:
        value = getattr(region, one)
        require(
            value == _DEFAULTS[one] or one in allowed,
            f"{name}: {one} of a {region.kind} is {value}; only a weight has that",
        )


def _check_use(call: Call, unit: Unit, sockets: int) -> None:
    for number in unit.positions:
        region, parameter = call.arguments[number].region, call.kernel.parameters[number]
        require(
            region.kind == "input" and region.is_scalar,
            _said(
                call,
                unit,
                f"position '{parameter.name}' is region '{region.name}', a {region.kind} "
                f"{region.tensor}; a position is an integer that the caller gives",
            ),
            unit.location,
        )
    if unit.memory is None:
        return
    regions = call.arguments[unit.memory].regions
    for region in regions if unit.writes else ():
        require(
            region.kind in _WRITTEN,
            _said(
                call,
                unit,
                f"it writes region '{region.name}', a{'n' * (region.kind == 'input')} "
                f"{region.kind}; it may write a {' or a '.join(_WRITTEN)}",
            ),
            unit.location,
        )
    if isinstance(unit, Gather):
        _check_table(call, unit, regions[0], sockets)


def _check_table(call: Call, unit: Gather, table: Region, sockets: int) -> None:
    """That rows are numbered as those of the whole table."""
    given, wanted = unit.rows(sockets), (*table.whole.shape, 1)[0]
    require(
        given == wanted,
        _said(call, unit, f"it knows rows 0 to {given - 1}, the whole of '{table.name}' has {wanted}"),
        unit.location,
    )


def _said(call: Call, unit: Unit, what: str) -> str:
    return f"command {call.command} executes '{call.kernel.name}', {unit}: {what}"
