"""Weights that stay in SRAM from step to step: where they lie, and what reads them there.

`retain-weights` writes `tier = "sram"`, `address` and `pmus` on weights, and `resident`, the first PMU and
their number, on the loads that read them. A resident weight is read in place: the channel of such a load is
the PMUs of the weight themselves, and the stage that reads it has the PCUs beside them. All other units of
all kernels have what is left, from 0 on; where all is one kernel, `place-units` moves the weights in between,
near the units that they work with. The PCUs beside weights that a kernel does not read stay idle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.ir import BlockArgument, Operation, SSAValue

from ...dialects import dataflow, kernel, nn
from ...dialects.dataflow import ChannelOp
from ...dialects.dataflow_kernel import channel_of, consumer_of
from ...dialects.dataflow_pace import read_bytes, resident_span
from ...dialects.machine import Machine

Place = tuple[int, int]
"""First unit and number of units; none are 0, 0."""


def is_resident(op: Operation) -> bool:
    """Whether a weight stays in SRAM."""
    return op.attributes.get("tier") == StringAttr("sram")


def resident_pmus(module: ModuleOp) -> int:
    """PMUs of all resident weights."""
    counts = [op.attributes.get("pmus") for op in module.ops if is_resident(op)]
    return sum(count.value.data for count in counts if isinstance(count, IntegerAttr))


def kernel_units(module: ModuleOp, machine: Machine) -> tuple[int, int]:
    """PCUs and PMUs that resident weights leave to every kernel; all there are without such weights."""
    if not any(map(is_resident, module.ops)):
        return machine.pcus, machine.pmus
    left = min(machine.pcus, machine.pmus) - resident_pmus(module)
    return left, left


def resident_place(op: dataflow.StageOp | ChannelOp) -> Place:
    """The units of a channel that lies in a resident weight, or of a stage that reads one; none of others."""
    channels = [op] if isinstance(op, ChannelOp) else [channel_of(value) for value in op.ins]
    places = [resident_span(channel.producers()[0]) for channel in channels]
    return max(places, key=lambda place: place[1], default=(0, 0))


def _weight_of(argument: SSAValue) -> str | None:
    source = argument.owner
    return source.global_name.root_reference.data if isinstance(source, nn.GetGlobalOp) else None


def _load_in_place(argument: BlockArgument) -> dataflow.LoadOp | None:
    """The load that streams an argument of a network to a stage, if that is all that reads it.

    None where it reads slices by index: a channel that lies in a stack would have to move through it by ids,
    and all slices would take room of which a pass reads a few.
    """
    users = [use.operation for use in argument.uses]
    if len(users) != 1 or not isinstance(users[0], dataflow.LoadOp) or not users[0].is_alone:
        return None
    if users[0].by is not None:
        return None
    channel = users[0].channels[0]
    stage = consumer_of(channel)
    if not isinstance(stage, dataflow.StageOp):
        return None
    streams = any(
        value is channel and changes for value, (_, changes) in zip(stage.ins, read_bytes(stage), strict=True)
    )
    return users[0] if streams else None


def loads_in_place(module: ModuleOp) -> dict[str, list[dataflow.LoadOp]]:
    """The weights that can be read in place, with the loads that do.

    In every kernel it must be the same weight in all calls, with one reader, a stage that streams it.
    """
    networks = {op.sym_name.data: op for op in module.ops if isinstance(op, dataflow.KernelOp)}
    given: dict[BlockArgument, set[str | None]] = {}
    joined: set[str | None] = set()
    for op in module.walk():
        if isinstance(op, kernel.StackOp):
            joined |= {*map(_weight_of, op.parts)}
        elif isinstance(op, kernel.CallOp):
            network = networks[op.callee.root_reference.data]
            for inner, argument in zip(network.args, op.arguments, strict=True):
                given.setdefault(inner, set()).add(_weight_of(argument))
    loads: dict[str, list[dataflow.LoadOp]] = {}
    for inner, names in given.items():
        load = _load_in_place(inner)
        if load is None or len(names) > 1:
            joined |= names
        else:
            for name in names - {None}:
                loads.setdefault(str(name), []).append(load)
    return {name: readers for name, readers in loads.items() if name not in joined and _alone(readers)}


def _alone(loads: list[dataflow.LoadOp]) -> bool:
    """Whether no two loads stand in one kernel: their channels would lie in the same PMUs."""
    kernels = [load.parent_op() for load in loads]
    return len({*map(id, kernels)}) == len(kernels)


def mark(module: ModuleOp, places: Mapping[str, Place], loads: Mapping[str, list[dataflow.LoadOp]]) -> None:
    """Write `resident` on the loads of resident weights, and on no others."""
    for op in _all_loads(module):
        op.attributes.pop("resident", None)
    for name, place in places.items():
        for load in loads[name]:
            load.attributes["resident"] = DenseArrayBase.from_list(i64, place)


def move_residents(module: ModuleOp, machine: Machine) -> None:
    """Let the resident weights lie where the channels of their loads have been placed."""
    weights = {(first_pmu(op, machine)): op for op in module.ops if is_resident(op)}
    moved: dict[int, int] = {}
    for load in _all_loads(module):
        first, count = resident_span(load)
        at = channel_of(load.channels[0]).pmu_first
        if count and at is not None:
            moved[first] = at.value.data
            load.attributes["resident"] = DenseArrayBase.from_list(i64, (at.value.data, count))
    for first, op in weights.items():
        op.attributes["address"] = IntegerAttr(moved.get(first, first) * machine.pmu_bytes, i64)


def first_pmu(op: Operation, machine: Machine) -> int:
    """The first PMU of a resident weight."""
    address = op.attributes["address"]
    assert isinstance(address, IntegerAttr), "written with its tier"
    return address.value.data // machine.pmu_bytes


def _all_loads(module: ModuleOp) -> Iterator[dataflow.LoadOp]:
    networks = [op for op in module.ops if isinstance(op, dataflow.KernelOp)]
    return (op for network in networks for op in network.units() if isinstance(op, dataflow.LoadOp))
