"""Build the launch side of a program: memory regions and the commands of one step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from xdsl.dialects.builtin import (
    DenseArrayBase,
    FunctionType,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
)
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ...dialects import kernel, nn, rdu

Global = nn.WeightOp | nn.StateOp


def _fail(op: Operation, message: str) -> NoReturn:
    op.emit_error(message, PassFailedException(message))


def _addresses(op: Operation, count: int) -> list[int]:
    given = op.attributes.get("addresses")
    if not isinstance(given, DenseArrayBase) or len(given) != count:
        _fail(op, f"{op.name} needs {count} addresses; run plan-memory first")
    return [int(address) for address in given.get_values()]


@dataclass
class _Launch:
    """Regions made so far and where each value of the schedule lies: region and byte offset."""

    names: kernel.UniqueNames
    regions: list[rdu.RegionOp] = field(default_factory=list[rdu.RegionOp])
    places: dict[SSAValue, tuple[str, int]] = field(default_factory=dict[SSAValue, tuple[str, int]])

    def region(self, value: SSAValue, default: str, kind: str, address: int, at: Operation) -> None:
        """A region for an input or a value of the schedule."""
        name = self.names.take(value.name_hint or default)
        type_ = value.type if kind == "input" else MemRefType(nn.element_type_of(value), nn.shape_of(value))
        region = rdu.RegionOp(name, kind, "hbm", address, type_)
        region.location = at.location
        self.regions.append(region)
        self.places[value] = (name, 0)


def _global_region(op: Global) -> rdu.RegionOp:
    address = op.attributes.get("address")
    if not isinstance(address, IntegerAttr):
        _fail(op, f"@{op.sym_name.data} has no address; run plan-memory first")
    kind = "weight" if isinstance(op, nn.WeightOp) else "state"
    tier = op.attributes.get("tier")
    region = rdu.RegionOp(
        op.sym_name.data,
        kind,
        tier.data if isinstance(tier, StringAttr) else "hbm",
        address.value.data,
        op.type,
        op if isinstance(op, nn.WeightOp) else None,
    )
    if isinstance(op, nn.StateOp) and op.stacked is not None:
        region.stacked = op.stacked
    pmus = op.attributes.get("pmus")
    if isinstance(pmus, IntegerAttr):
        region.pmus = pmus
    region.location = op.location
    return region


def _arguments(call: kernel.CallOp, signature: FunctionType, launch: _Launch) -> Iterator[tuple[str, int]]:
    """Region and offset of each argument; a sliced stack begins at its slice."""
    index = call.index.value.data if call.index is not None else 0
    for value, wanted in zip(call.arguments, signature.inputs.data, strict=True):
        name, offset = launch.places[value]
        sliced = value.type != wanted
        yield name, offset + (index * nn.size_bytes_of(wanted) if sliced else 0)
    for result in call.results:
        yield launch.places[result]


def _commands(
    call: kernel.CallOp, signatures: dict[str, FunctionType], launch: _Launch, loaded: str | None
) -> list[Operation]:
    name = call.callee.root_reference.data
    addresses = _addresses(call, len(call.results))
    for number, (result, address) in enumerate(zip(call.results, addresses, strict=True)):
        launch.region(result, f"{name}.out{number}", "value", address, call)
    arguments = list(_arguments(call, signatures[name], launch))
    commands: list[Operation] = [rdu.LoadArgumentsOp(name, arguments), rdu.ExecuteOp(name)]
    if name != loaded:
        commands.insert(0, rdu.LoadProgramOp(name))
    for command in commands:
        command.location = call.location
    return commands


def _kernel_signatures(module: ModuleOp) -> dict[str, FunctionType]:
    signatures: dict[str, FunctionType] = {}
    for op in module.ops:
        name, signature = op.properties.get("sym_name"), op.properties.get("function_type")
        if isinstance(signature, FunctionType) and isinstance(name, StringAttr):
            signatures[name.data] = signature
    return signatures


def build_schedule(
    schedule: kernel.ScheduleOp,
) -> tuple[list[rdu.RegionOp], rdu.ScheduleOp, list[Global]]:
    """The regions and the launch schedule of a step, and the weights and states that they replace.

    Raises: PassFailedException where memory is not planned.
    """
    module = schedule.parent_op()
    assert isinstance(module, ModuleOp), "schedules stand in modules"
    symbols = [op for op in module.ops if isinstance(op, Global)]
    launch = _Launch(kernel.UniqueNames(module))
    launch.regions = [_global_region(op) for op in symbols]
    for number, (arg, address) in enumerate(
        zip(schedule.args, _addresses(schedule, len(schedule.args)), strict=True)
    ):
        launch.region(arg, f"input{number}", "input", address, schedule)
    signatures, loaded, body = _kernel_signatures(module), None, Block()
    outputs: list[str] = []
    for op in schedule.body.block.ops:
        match op:
            case nn.GetGlobalOp():
                launch.places[op.result] = (op.global_name.root_reference.data, 0)
            case kernel.StackOp():
                launch.places[op.result] = launch.places[op.parts[0]]
            case kernel.CallOp():
                body.add_ops(_commands(op, signatures, launch, loaded))
                loaded = op.callee.root_reference.data
            case nn.ObserveOp():
                observe = rdu.ObserveOp(launch.places[op.value][0], op.label.data)
                observe.location = op.location
                body.add_op(observe)
            case _:
                outputs = [launch.places[value][0] for value in op.operands]
    inputs = [launch.places[arg][0] for arg in schedule.args]
    made = rdu.ScheduleOp(schedule.sym_name.data, inputs, outputs, Region(body))
    made.location = schedule.location
    return launch.regions, made, symbols
