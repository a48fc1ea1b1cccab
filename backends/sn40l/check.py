"""Whether a program, perhaps edited by hand, is one that its machine can run.

`check_structure` finds what the engine cannot even start; the engine itself asks for it. `check_program`
makes all `CHECKS`: it also finds, before any run, what would end in a deadlock or does not fit the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ...dialects.vocabulary import CALL, REGION_KINDS, TIERS
from .check_experts import check_experts
from .check_machine import check_memory, check_resident_weights, check_units
from .check_pace import check_pace
from .check_parameters import check_parameters
from .check_schedule import check_schedule
from .check_sockets import check_sockets
from .check_streams import check_streams
from .check_work import check_work
from .errors import ProgramError, require, require_extents, require_parts
from .kernel import Kernel, Unit
from .ports import Port
from .program import Execute, LoadArguments, LoadProgram, Observe, Program, Region


def check_structure(program: Program) -> None:
    """That all names and numbers refer to something, and that what is joined fits together.

    Raises: ProgramError for the first thing that is wrong.
    """
    permille = program.machine.hbm_efficiency_permille
    require(permille <= 1000, f"hbm_efficiency_permille is {permille}; above 1000 beats the roofline")
    require(program.tokens_per_step > 0, f"tokens_per_step is {program.tokens_per_step}; it must be positive")
    _check_unique("region", (region.name for region in program.regions))
    _check_unique("kernel", (kernel.name for kernel in program.kernels))
    _check_regions(program)
    for kernel in program.kernels:
        try:
            _check_kernel(kernel, program.machine.sockets)
        except ProgramError as error:
            raise ProgramError(f"kernel '{kernel.name}': {error.message}", error.location) from None
    _check_commands(program)
    stopped = {kernel.name for kernel in program.kernels if kernel.stop_token is not None}
    calls = sum(isinstance(one, Execute) and one.kernel in stopped for one in program.commands)
    require(calls <= 1, f"{calls} calls end at a stop token; of one it is known how many steps it makes")


def _check_unique(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        require(name not in seen, f"two {what}s are named '{name}'")
        seen.add(name)


def _check_regions(program: Program) -> None:
    for region in program.regions:
        _check_region(region, program.machine.sockets)
    kinds = {region.name: region.kind for region in program.regions}
    for name in program.inputs:
        kind = kinds.get(name)
        require(
            kind == "input", f"input '{name}' is {f'a {kind}' if kind else 'no region'}, not an input region"
        )
    for name in program.outputs:
        require(name in kinds, f"output '{name}' is no region")


def _check_region(region: Region, sockets: int) -> None:
    name, kinds, tiers = f"region '{region.name}'", ", ".join(REGION_KINDS), ", ".join(TIERS)
    require(region.kind in REGION_KINDS, f"{name}: kind '{region.kind}'; known: {kinds}")
    require(region.tier in TIERS, f"{name}: tier '{region.tier}'; known: {tiers}")
    require_extents(region.tensor, name)
    need = region.tensor.size_bytes
    if region.size_bytes < need:
        raise ProgramError(f"{name}: {region.size_bytes} bytes, {region.tensor} takes {need}")
    if region.shard_axis is not None:
        _check_shards(region, region.shard_axis, sockets)


def _check_shards(region: Region, axis: int, sockets: int) -> None:
    name = f"region '{region.name}'"
    require(region.kind == "weight", f"{name}: a {region.kind} is split over the sockets, not a weight")
    require(0 <= axis < len(region.tensor.shape), f"{name}: split along axis {axis} of a {region.tensor}")
    require_parts(region.shard_parts, sockets, f"{name}: split in {region.shard_parts} parts")
    require(region.shard_parts > 1 or sockets == 1, f"{name}: split along axis {axis}, in 1 part")
    runs, padded = region.shard_runs, region.shard_parts * region.tensor.shape[axis]
    repeats = region.shard_repeats
    require(repeats > 0, f"{name}: shard_repeats {repeats}, which is a number from 1")
    if runs:
        require(min(runs) >= 0, f"{name}: shard_runs {[*runs]}, which are numbers from 0")
        require(sum(runs) == padded, f"{name}: shard_runs make {sum(runs)} elements, the parts {padded}")


def _check_commands(program: Program) -> None:
    """That each execute finds its kernel and arguments loaded."""
    regions = {region.name for region in program.regions}
    parameters = {kernel.name: len(kernel.parameters) for kernel in program.kernels}
    loaded = arguments_of = None
    for number, command in enumerate(program.commands):
        where = f"command {number}"
        if isinstance(command, Observe):
            require(command.region in regions, f"{where} observes '{command.region}', which is no region")
            continue
        kernel = command.kernel
        require(kernel in parameters, f"{where} names kernel '{kernel}', which does not exist")
        match command:
            case LoadProgram():
                loaded, arguments_of = kernel, None
            case LoadArguments(addresses=addresses):
                require(loaded == kernel, f"{where} loads arguments of '{kernel}', loaded is {loaded!r}")
                given, wanted = len(addresses), parameters[kernel]
                require(
                    given == wanted, f"{where} gives {given} addresses, '{kernel}' has {wanted} parameters"
                )
                arguments_of = kernel
            case Execute():
                require(loaded == kernel, f"{where} executes '{kernel}', loaded is {loaded!r}")
                require(
                    arguments_of == kernel, f"{where} executes '{kernel}' before its arguments are loaded"
                )


def _check_kernel(kernel: Kernel, sockets: int) -> None:
    """That units refer to channels and parameters that exist, and that tiles fit, on so many sockets."""
    trouble = kernel.tree.trouble()
    require(trouble is None, trouble or "")
    for parameter in kernel.parameters:
        require_extents(parameter.tensor, f"parameter '{parameter.name}'")
    for channel in kernel.channels:
        depth, latency = channel.depth, channel.latency_cycles
        require(depth > 0, f"channel '{channel.name}' of depth {depth}; it takes one at least")
        require(latency >= 0, f"channel '{channel.name}' has a latency of {latency} cycles")
        if channel.tile is not None:
            require_extents(channel.tile, f"channel '{channel.name}'")
    # What a kind asks of the units around it takes their counts, rates and channels for right.
    for check in (_check_counts, _check_rate, _check_channels, _check_unit):
        for unit in kernel.units:
            try:
                check(kernel, unit, sockets)
            except ProgramError as error:
                raise ProgramError(f"{unit}: {error.message}", unit.location) from None
    unused = kernel.tree.unused(unit.runs(kernel) for unit in kernel.units)
    require(unused is None, f"no unit runs in loop '{unused}'")
    _check_ends(kernel)


def _check_counts(kernel: Kernel, unit: Unit, sockets: int) -> None:
    unit.check_counts()


def _check_channels(kernel: Kernel, unit: Unit, sockets: int) -> None:
    count = len(kernel.channels)
    for port in (*unit.takes(kernel), *unit.puts(kernel)):
        require(0 <= port.channel < count, f"channel {port.channel} of a kernel with {count} channels")


def _check_unit(kernel: Kernel, unit: Unit, sockets: int) -> None:
    unit.check(kernel, sockets)


def _check_rate(kernel: Kernel, unit: Unit, sockets: int) -> None:
    """That a unit runs in a loop that is there, or once a call."""
    tree = kernel.tree
    several = unit.rate is None and tree.innermost is None
    require(not several, f"it runs in one of the loops {', '.join(tree.leaves)}; its rate says in which")
    rate = unit.runs(kernel)
    require(rate in tree.rates, f"rate '{rate}'; its kernel has {', '.join(tree.rates)}")
    require(not unit.needs_loop or rate != CALL, f"rate '{CALL}'; it belongs to a loop")


def check_rates(program: Program) -> None:
    """That as many tiles go into each channel as come out, and periods end where the call ends.

    Raises: ProgramError naming the channel or the unit.
    """
    for kernel in program.kernels:
        _check_rates(kernel)


def _check_rates(kernel: Kernel) -> None:
    """That as many tiles go into each channel as come out, and periods end where the call ends."""
    for unit in kernel.units:
        _check_periods(kernel, unit)
    made, taken = _ends(kernel)
    for index, channel in enumerate(kernel.channels):
        (producer, put), (consumer, got) = made[index][0], taken[index][0]
        rates = producer.rate_at(index, kernel), consumer.rate_at(index, kernel)
        require(
            kernel.tree.are_nested(*rates),
            f"kernel '{kernel.name}': '{producer.name}' puts tiles into channel '{channel.name}' at rate "
            f"'{rates[0]}', '{consumer.name}' takes them at rate '{rates[1]}', a loop beside it",
            producer.location,
        )
        require(
            put.tokens == got.tokens,
            f"kernel '{kernel.name}': '{producer.name}' puts {put.tokens} tiles a call into channel "
            f"'{channel.name}', '{consumer.name}' takes {got.tokens}",
            producer.location,
        )


def _check_periods(kernel: Kernel, unit: Unit) -> None:
    total = unit.firings_per_call(kernel)
    for period in unit.periods:
        require(
            total % period == 0,
            f"kernel '{kernel.name}', {unit}: period {period} does not divide its {total} firings a call",
            unit.location,
        )


Ends = list[list[tuple[Unit, Port]]]
"""Per channel: the units at one of its ends, with their ports there."""


def _ends(kernel: Kernel) -> tuple[Ends, Ends]:
    made: Ends = [[] for _ in kernel.channels]
    taken: Ends = [[] for _ in kernel.channels]
    for unit in kernel.units:
        for port in unit.puts(kernel):
            made[port.channel].append((unit, port))
        for port in unit.takes(kernel):
            taken[port.channel].append((unit, port))
    return made, taken


def _check_ends(kernel: Kernel) -> None:
    made, taken = _ends(kernel)
    for ends, what in ((made, "producers"), (taken, "consumers")):
        for channel, units in zip(kernel.channels, ends, strict=True):
            names = ", ".join(f"'{unit.name}'" for unit, _ in units) or "none"
            require(len(units) == 1, f"channel '{channel.name}' has {len(units)} {what} ({names}), needs one")


@dataclass(frozen=True)
class Check:
    """One thing that is certain of a program before it runs."""

    name: str
    proves: str
    """A clause: what holds of a program that passes."""
    run: Callable[[Program], None]
    """It raises a ProgramError for the first thing that is wrong."""


CHECKS = (
    Check("names", "every name and number refers to something, and what is joined fits", check_structure),
    Check("rates", "as many tiles go into each channel as come out of it", check_rates),
    Check("units", "units exist, have one task each, and compute no faster than they can", check_units),
    Check("work", "stages do the FLOPs that they say, and all that they compute is put out", check_work),
    Check("memory", "regions lie in their memory and are alive where they are used", check_memory),
    Check("residents", "weights in SRAM have PMUs of their own", check_resident_weights),
    Check("pace", "no stage and no channel is faster than its body and its place let it be", check_pace),
    Check("parameters", "a parameter is a region, a slice or a stack, of its type", check_parameters),
    Check("streams", "streams walk along their parameter's tensor and touch all of it", check_streams),
    Check("experts", "stacks that ids name slices of have as many as there are ids", check_experts),
    Check("schedule", "inputs, values, lives and tokens are those of the commands", check_schedule),
    Check("sockets", "what the host reads is the same on all sockets", check_sockets),
)
"""What is checked of a program, in this order: later checks rely on earlier ones."""


def check_program(program: Program) -> None:
    """Make all checks.

    Raises: ProgramError for the first thing that is wrong; its `location` is that of the unit, where known.
    """
    for check in CHECKS:
        check.run(program)
