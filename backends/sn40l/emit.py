"""From the `rdu` level to a `Program`: regions, kernels, launch commands.

Of this backend, only this file, `numbering.py` and the `emit` of each kind of unit read IR.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from xdsl.dialects.builtin import ArrayAttr, FlatSymbolRefAttr, ModuleOp
from xdsl.ir import Operation

from ...dialects import dataflow, rdu
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ...dialects.tensors import TokenType
from ..specs import part_of, tensor_spec, values_of
from .kernel import Channel, Kernel, Parameter, Unit
from .names import UNNAMED, with_names
from .numbering import Numbering, fail, location_of, rate_of
from .program import Command, Execute, LoadArguments, LoadProgram, Observe, Program, Region, tier_span
from .step_facts import Use, lifetimes, tokens_made
from .units import KINDS


def _region(op: rdu.RegionOp, machine: Machine, live: tuple[int, int] | None) -> Region:
    return Region(
        op.sym_name.data,
        op.kind.data,
        op.tier.data,
        tier_span(machine, op.tier.data)[0] + op.address.value.data,
        op.end - op.address.value.data,
        tensor_spec(op.type),
        op.checkpoint.data if op.checkpoint is not None else None,
        op.transposed is not None,
        op.stacked is not None,
        part_of(op.rows),
        part_of(op.columns),
        tuple(op.layers.get_values()) if op.layers is not None else None,
        values_of(op.value),
        op.shard_axis.value.data if op.shard_axis is not None else None,
        op.shard_parts.value.data if op.shard_parts is not None else 1,
        tuple(op.shard_runs.get_values()) if op.shard_runs is not None else (),
        op.shard_repeats.value.data if op.shard_repeats is not None else 1,
        op.stored.stored() if op.stored is not None else None,
        live,
    )


Launches = Sequence[tuple[Operation, Sequence[tuple[str, int]]]]
"""The commands of a schedule, those that load arguments with the region and the offset of each."""


def _launches(schedule: rdu.ScheduleOp) -> Launches:
    ops = schedule.body.block.ops
    return [(op, op.arguments if isinstance(op, rdu.LoadArgumentsOp) else ()) for op in ops]


def _uses(launches: Launches) -> Iterator[Use]:
    """Which commands need which regions: a load of arguments stands before the call that needs them."""
    for number, (op, arguments) in enumerate(launches):
        if arguments:
            yield number, number + 1, [name for name, _ in arguments]
        elif isinstance(op, rdu.ObserveOp):
            yield number, number, [op.region.root_reference.data]


def _commands(launches: Launches, addresses: dict[str, int]) -> tuple[Command, ...]:
    commands: list[Command] = []
    for op, arguments in launches:
        match op:
            case rdu.LoadProgramOp():
                commands.append(LoadProgram(op.kernel.root_reference.data))
            case rdu.LoadArgumentsOp():
                places = tuple(addresses[region] + offset for region, offset in arguments)
                commands.append(LoadArguments(op.kernel.root_reference.data, places))
            case rdu.ExecuteOp():
                commands.append(Execute(op.kernel.root_reference.data, location_of(op)))
            case rdu.ObserveOp():
                commands.append(Observe(op.label.data, op.region.root_reference.data))
            case _:
                fail(op, f"{op.name} is no launch command")
    return tuple(commands)


def _names(symbols: ArrayAttr[FlatSymbolRefAttr]) -> tuple[str, ...]:
    return tuple(symbol.root_reference.data for symbol in symbols)


def _channel(op: dataflow.ChannelOp, number: int, numbering: Numbering, hop_cycles: int) -> Channel:
    tile = None if isinstance(op.type.tile, TokenType) else tensor_spec(op.type.tile)
    hops = op.hops.value.data if op.hops is not None else 0
    return Channel(
        f"{op.result.name_hint or UNNAMED}.{number}",
        tile,
        op.depth.value.data,
        hops * hop_cycles,
        (numbering.number(op.pmu_first), numbering.number(op.pmus)),
    )


def _unit(op: Operation, numbering: Numbering) -> Unit:
    kind = next((kind for kind in KINDS if kind.op_name == op.name), None)
    if kind is None:
        fail(op, f"{op.name} has no form in a program")
    unit = kind.emit(op, numbering)
    return replace(unit, location=location_of(op), rate=rate_of(op) or unit.rate)


def emit_kernel(kernel: dataflow.KernelOp, hop_cycles: int) -> Kernel:
    """The kernel of a program, units in the order of the operation's; a hop takes so many cycles.

    Its units get the names here that they have wherever they are shown.

    Raises: PassFailedException where something has no form in a program.
    """
    numbering, signature = Numbering(kernel), kernel.function_type
    types = (*signature.inputs, *signature.outputs)
    emitted = Kernel(
        kernel.sym_name.data,
        kernel.loops.loops,
        tuple(
            Parameter(name, tensor_spec(type_)) for name, type_ in zip(numbering.names, types, strict=True)
        ),
        tuple(_channel(op, number, numbering, hop_cycles) for number, op in enumerate(kernel.channels())),
        tuple(_unit(op, numbering) for op in kernel.units()),
    )
    return with_names(emitted)


def emit_program(module: ModuleOp, name: str) -> Program:
    """The program of a module at the rdu level.

    Raises: PassFailedException where the module has no launch schedule or something has no form there.
    """
    machine = machine_of(module)
    schedules = [op for op in module.ops if isinstance(op, rdu.ScheduleOp)]
    if len(schedules) != 1:
        fail(module, f"a program needs one rdu.schedule, the module has {len(schedules)}")
    outputs = _names(schedules[0].outputs)
    launches = _launches(schedules[0])
    lives = lifetimes(_uses(launches), outputs, len(launches))
    regions = tuple(
        _region(op, machine, lives.get(op.sym_name.data) if op.kind.data == "value" else None)
        for op in module.ops
        if isinstance(op, rdu.RegionOp)
    )
    kernels = tuple(
        emit_kernel(op, machine.hop_latency_cycles) for op in module.ops if isinstance(op, dataflow.KernelOp)
    )
    addresses = {region.name: region.address for region in regions}
    shapes = {region.name: region.tensor.shape for region in regions}
    steps = max((kernel.steps for kernel in kernels), default=1)
    return Program(
        name,
        machine,
        regions,
        kernels,
        _commands(launches, addresses),
        _names(schedules[0].inputs),
        outputs,
        tokens_made(shapes[outputs[0]] if outputs else (), steps),
    )
