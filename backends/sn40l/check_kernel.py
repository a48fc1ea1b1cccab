"""Checks of one kernel: its channels, ports and stage bodies, and that producers and consumers keep pace."""

from __future__ import annotations

from collections.abc import Sequence

from ..meanings import is_known
from ..numerics import OPERATIONS
from ..tensors import TensorSpec
from .errors import ProgramError
from .ports import Port, inputs_of, outputs_of, passes_of, steps_per_pass
from .program import (
    AddressPattern,
    Carry,
    Channel,
    Collective,
    Counter,
    Gather,
    InputPort,
    Kernel,
    Load,
    Stage,
    Store,
    Unit,
)

EXCHANGES = ("all_reduce", "all_gather")
"""The operations of collectives."""

ALGORITHMS = ("one_shot", "ring")
"""How tiles go from socket to socket: each to all others at once, or from neighbour to neighbour."""


def require(condition: bool, message: str, location: str = "") -> None:
    """Raises: ProgramError unless the condition holds."""
    if not condition:
        raise ProgramError(message, location)


def require_extents(spec: TensorSpec, what: str) -> None:
    """Raises: ProgramError unless all extents are positive."""
    require(all(extent > 0 for extent in spec.shape), f"{what}: {spec} has an extent that is not positive")


def require_parts(parts: int, sockets: int, what: str) -> None:
    """Raises: ProgramError unless so many sockets can share a tensor in so many parts."""
    even = 0 < parts <= sockets and sockets % parts == 0
    require(even, f"{what}; {sockets} socket{'s' if sockets > 1 else ''} cannot share them evenly")


def check_kernel(kernel: Kernel, sockets: int) -> None:
    """That units refer to channels and parameters that exist, and that tiles fit, on so many sockets.

    Raises: ProgramError for the first thing that is wrong.
    """
    require(kernel.iterations > 0, f"{kernel.iterations} iterations; it takes one at least")
    require(kernel.steps > 0, f"{kernel.steps} decode steps; it takes one at least")
    even = kernel.iterations % kernel.steps == 0
    require(even, f"{kernel.iterations} iterations do not make {kernel.steps} equal decode steps")
    for channel in kernel.channels:
        depth, latency = channel.depth, channel.latency_cycles
        require(depth > 0, f"channel '{channel.name}' of depth {depth}; it takes one at least")
        require(latency >= 0, f"channel '{channel.name}' has a latency of {latency} cycles")
        if channel.tile is not None:
            require_extents(channel.tile, f"channel '{channel.name}'")
    for unit in kernel.units:
        try:
            _check_unit(kernel, unit, sockets)
        except ProgramError as error:
            name = f"{type(unit).__name__.lower()} '{unit.name}'"
            raise ProgramError(f"{name}: {error.message}", unit.location) from None
    _check_ends(kernel)


def check_rates(kernel: Kernel) -> None:
    """That as many tiles go into each channel as come out, and periods end where the call ends.

    Raises: ProgramError naming the channel or the stage.
    """
    for stage in kernel.units:
        if isinstance(stage, Stage):
            total = stage.firings * passes_of(stage, kernel)
            for port in (*stage.inputs, *stage.outputs):
                require(
                    total % port.period == 0,
                    f"kernel '{kernel.name}', stage '{stage.name}': period {port.period} does not divide "
                    f"its {total} firings a call",
                    stage.location,
                )
    made, taken = _tokens(kernel)
    for index, channel in enumerate(kernel.channels):
        (producer, put), (consumer, got) = made[index][0], taken[index][0]
        require(
            put == got,
            f"kernel '{kernel.name}': '{producer.name}' puts {put} tiles a call into channel "
            f"'{channel.name}', '{consumer.name}' takes {got}",
            producer.location,
        )


Ends = list[list[tuple[Unit, int]]]
"""Per channel: the units at one of its ends, with the tokens that pass there in a call."""


def _tokens(kernel: Kernel) -> tuple[Ends, Ends]:
    made: Ends = [[] for _ in kernel.channels]
    taken: Ends = [[] for _ in kernel.channels]
    for unit in kernel.units:
        for port in outputs_of(unit, kernel):
            made[port.channel].append((unit, port.tokens))
        for port in inputs_of(unit, kernel):
            taken[port.channel].append((unit, port.tokens))
    return made, taken


def _check_ends(kernel: Kernel) -> None:
    made, taken = _tokens(kernel)
    for ends, what in ((made, "producers"), (taken, "consumers")):
        for channel, units in zip(kernel.channels, ends, strict=True):
            names = ", ".join(f"'{unit.name}'" for unit, _ in units) or "none"
            require(len(units) == 1, f"channel '{channel.name}' has {len(units)} {what} ({names}), needs one")


def _check_unit(kernel: Kernel, unit: Unit, sockets: int) -> None:
    _check_counts(unit)
    ports = (*inputs_of(unit, kernel), *outputs_of(unit, kernel))
    _check_channels(kernel, ports)
    match unit:
        case Load():
            _check_pattern(kernel, unit.pattern)
            _check_tiles(kernel, unit.channels, unit.pattern.tile)
            if unit.gate is not None:
                _check_scalar(kernel, unit.gate.position_parameter)
                require(unit.gate.positions_per_tile > 0, "no position per tile")
        case Store():
            _check_pattern(kernel, unit.pattern)
            _check_tiles(kernel, (unit.channel,), unit.pattern.tile)
        case Gather():
            _check_gather(kernel, unit)
        case Stage():
            _check_stage(kernel, unit)
        case Carry():
            init = kernel.channels[unit.init].tile
            require(init is not None, "it copies bare tokens")
            final = () if unit.final is None else (unit.final,)
            for index in (unit.next, *final, *unit.current):
                other = kernel.channels[index]
                require(other.tile == init, f"channel '{other.name}' holds {other.tile}, `init` {init}")
        case Counter():
            _check_scalar(kernel, unit.position_parameter)
            _check_tiles(kernel, unit.channels, kernel.parameters[unit.position_parameter].tensor)
        case Collective():
            _check_collective(kernel, unit, sockets)


def _check_counts(unit: Unit) -> None:
    twice = isinstance(unit, Load | Store) and unit.once and unit.per_step
    require(not twice, "it runs once a call, and once a decode step; it can do one")
    require(steps_per_pass(unit) > 0, f"it has {steps_per_pass(unit)} steps; it takes one at least")
    if isinstance(unit, Stage):
        require(unit.ii_cycles > 0, f"an II of {unit.ii_cycles} cycles; it takes one at least")
        require(unit.latency_cycles >= 0, f"a latency of {unit.latency_cycles} cycles")
        require(unit.flops >= 0, f"{unit.flops} FLOPs")
        for port in (*unit.inputs, *unit.outputs):
            require(port.period > 0, f"a period of {port.period}; it takes one at least")
        for port in unit.inputs:
            require(port.gathered > 0 and port.slices > 0, "an input takes one tile and one slice at least")


def _check_channels(kernel: Kernel, ports: Sequence[Port]) -> None:
    count = len(kernel.channels)
    for port in ports:
        require(0 <= port.channel < count, f"channel {port.channel} of a kernel with {count} channels")


def _check_parameter(kernel: Kernel, index: int) -> None:
    count = len(kernel.parameters)
    require(0 <= index < count, f"parameter {index} of a kernel with {count} parameters")


def _check_scalar(kernel: Kernel, index: int) -> None:
    _check_parameter(kernel, index)
    parameter = kernel.parameters[index]
    require(
        parameter.tensor.shape == (), f"position '{parameter.name}' is a {parameter.tensor}, not a scalar"
    )


def _check_pattern(kernel: Kernel, pattern: AddressPattern) -> None:
    _check_parameter(kernel, pattern.parameter)
    given, rank = len(pattern.strides), len(pattern.tile.shape)
    require(given == rank, f"{given} strides for a tile of rank {rank}")
    require_extents(pattern.tile, "its tile")
    if pattern.position_parameter is not None:
        _check_scalar(kernel, pattern.position_parameter)


def _check_tiles(kernel: Kernel, channels: Sequence[int], tile: TensorSpec) -> None:
    require(len(channels) > 0, "it feeds no channel")
    for index in channels:
        other = kernel.channels[index].tile
        fits = other is not None and (other.elements, other.dtype) == (tile.elements, tile.dtype)
        require(fits, f"its tile is a {tile}, channel '{kernel.channels[index].name}' holds {other}")


def _check_gather(kernel: Kernel, unit: Gather) -> None:
    _check_parameter(kernel, unit.parameter)
    ids = kernel.channels[unit.ids].tile
    if ids is None:
        raise ProgramError("its indices are bare tokens")
    require(ids.dtype in ("i32", "i64"), f"its indices are {ids}; they must be i32 or i64")
    require(len(unit.table.shape) > 0, f"its table is a {unit.table}, it has no rows")
    require_extents(unit.table, "its table")
    rows = TensorSpec((*ids.shape, *unit.table.shape[1:]), unit.table.dtype)
    _check_tiles(kernel, unit.channels, rows)


def _check_collective(kernel: Kernel, unit: Collective, sockets: int) -> None:
    known = unit.operation in EXCHANGES
    require(known, f"operation '{unit.operation}'; known: {', '.join(EXCHANGES)}")
    require(unit.algorithm in ALGORITHMS, f"algorithm '{unit.algorithm}'; known: {', '.join(ALGORITHMS)}")
    require(len(unit.channels) > 0, "it feeds no channel")
    tile, results = kernel.channels[unit.source].tile, [kernel.channels[index] for index in unit.channels]
    if tile is None:
        raise ProgramError("its source holds bare tokens")
    wanted = tile if unit.operation == "all_reduce" else _gathered(unit.axis, tile, results[0], sockets)
    for result in results:
        require(result.tile == wanted, f"it makes a {wanted}, channel '{result.name}' holds {result.tile}")


def _gathered(axis: int | None, part: TensorSpec, result: Channel, sockets: int) -> TensorSpec:
    """What an all-gather makes of as many parts as its first result has."""
    if axis is None or not 0 <= axis < len(part.shape):
        raise ProgramError(f"axis {axis} of a {part}")
    whole = result.tile
    same_rank = whole is not None and len(whole.shape) == len(part.shape)
    parts = whole.shape[axis] // part.shape[axis] if whole is not None and same_rank else 0
    require(parts > 0, f"channel '{result.name}' holds {whole}, no parts of {part}")
    require_parts(parts, sockets, f"it puts {parts} parts together")
    shape = (*part.shape[:axis], part.shape[axis] * parts, *part.shape[axis + 1 :])
    return TensorSpec(shape, part.dtype)


def _check_stage(kernel: Kernel, stage: Stage) -> None:
    for number, port in enumerate(stage.inputs):
        _check_input(number, port, kernel.channels[port.channel])
    specs = [*(port.argument for port in stage.inputs), *stage.states]
    for spec in (*specs, *(instruction.result for instruction in stage.body)):
        require_extents(spec, "its body")
    for number, instruction in enumerate(stage.body):
        what = f"instruction {number}"
        known = f"known: {', '.join(sorted(OPERATIONS))}"
        require(
            is_known(instruction.operation), f"{what}: unknown operation '{instruction.operation}'; {known}"
        )
        for operand in instruction.operands:
            require(
                0 <= operand < len(specs), f"{what} reads value {operand}, there are {len(specs)} before it"
            )
        specs.append(instruction.result)
    given, wanted = len(stage.next_states), len(stage.states)
    require(given == wanted, f"{given} next states for {wanted} states")
    results = [*((p.value, kernel.channels[p.channel].tile) for p in stage.outputs)]
    for value, spec in (*results, *zip(stage.next_states, stage.states, strict=True)):
        require(0 <= value < len(specs), f"it puts out value {value} of {len(specs)}")
        require(spec is None or specs[value] == spec, f"value {value} is a {specs[value]}, not a {spec}")


def _check_input(number: int, port: InputPort, channel: Channel) -> None:
    tile, argument = channel.tile, port.argument
    if tile is None:
        raise ProgramError(f"input {number}: channel '{channel.name}' holds bare tokens")
    shape = list(tile.shape)
    if port.gathered > 1 or port.slices > 1:
        axis = port.axis if port.axis is not None else -1
        require(0 <= axis < len(shape), f"input {number}: axis {port.axis} of a {tile}")
        cuts = port.gathered == 1 or port.slices == 1
        require(cuts and shape[axis] % port.slices == 0, f"input {number}: {port.slices} slices of a {tile}")
        shape[axis] = shape[axis] * port.gathered // port.slices
        require(
            port.period % port.slices == 0, f"input {number}: {port.slices} slices in {port.period} firings"
        )
    fits = TensorSpec(tuple(shape), tile.dtype) == argument
    require(fits, f"input {number} makes {tuple(shape)} of {tile.dtype}, its argument is a {argument}")
