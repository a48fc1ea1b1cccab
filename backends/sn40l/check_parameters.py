"""Checks of what parameters point to, and of the regions themselves: sizes, and what belongs to a kind."""

from __future__ import annotations

from dataclasses import fields

from .arguments import Argument, Call, calls_of
from .covered import Covered
from .errors import ProgramError, require
from .kernel import Unit
from .program import Program, Region
from .region_weights import check_weight

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
    known: _Known = {}
    for call in calls_of(program):
        where = f"command {call.command} executes '{call.kernel.name}'"
        _check_slices(call, where)
        for unit in call.kernel.units:
            try:
                _check_use(call, unit, program.machine.sockets, known)
            except ProgramError as error:
                what = f"{where}, {unit}: {error.message}"
                raise ProgramError(what, unit.location or call.location) from None


def _check_region(region: Region, pmu_bytes: int) -> None:
    name, need, given = f"region '{region.name}'", region.tensor.size_bytes, region.size_bytes
    in_sram = region.tier == "sram"
    if given != need and not (in_sram and given % pmu_bytes == 0):
        what = f"{name}: {given} bytes, {region.tensor} takes {need}"
        raise ProgramError(f"{what}, or PMUs of {pmu_bytes}" if in_sram else what)
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
        if value != _DEFAULTS[one] and one not in allowed:
            raise ProgramError(f"{name}: {one} of a {region.kind} is {value}; only a weight has that")


def _check_slices(call: Call, where: str) -> None:
    """That all stacks of a call are sliced at one index, as `kernel.call` has one."""
    first: Argument | None = None
    for one in call.arguments:
        if one.slice is not None:
            first = first or one
            here, there = (f"{each.slice} of '{each.region.name}'" for each in (first, one))
            same = first.slice == one.slice
            require(same, f"{where} with slice {here} and slice {there}; a call has one index", call.location)


_Known = dict[int, Covered | None]
"""What units of kernels that many calls run touch, by unit."""


def _check_use(call: Call, unit: Unit, sockets: int, known: _Known) -> None:
    for number in unit.positions:
        region, parameter = call.arguments[number].region, call.kernel.parameters[number]
        if region.kind != "input" or not region.is_scalar:
            what = f"position '{parameter.name}' is region '{region.name}', a {region.kind} {region.tensor}"
            raise ProgramError(f"{what}; a position is an integer that the caller gives")
    if unit.memory is None:
        return
    argument = call.arguments[unit.memory]
    if unit.writes:
        if id(unit) not in known:
            known[id(unit)] = unit.covers(call.kernel)
        _check_written(argument, known[id(unit)])
    fault = unit.fault(argument.region.whole, argument.region.shard_axis, sockets)
    require(not fault, fault)


def _check_written(argument: Argument, covered: Covered | None) -> None:
    """That it writes what may be written, and all of a value: one call writes a value."""
    region = argument.region
    may = region.kind in _WRITTEN
    known = " or a ".join(_WRITTEN)
    require(may, f"it writes region '{region.name}', of kind '{region.kind}'; it may write a {known}")
    if region.kind == "value":
        positions = None if covered is None else covered.positions
        at = f"one of {positions} positions of value '{region.name}', whose others nothing writes"
        require(positions is None, f"it writes {at}")
        given = "a slice" if argument.slice is not None else f"a stack of {len(argument.regions)}"
        whole = argument.slice is None and len(argument.regions) == 1
        require(whole, f"it writes {given} of value '{region.name}', which one call writes as a whole")
