"""Bytes that a step moves of each weight and state: what it costs to keep them in a slow memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from xdsl.dialects.builtin import FunctionType, ModuleOp, StringAttr
from xdsl.ir import Operation, SSAValue

from ...dialects import dataflow, kernel, nn
from ...dialects.tiles import tile_of


def _streams(network: dataflow.KernelOp) -> Iterator[tuple[SSAValue, int]]:
    """What each stream of a network reads or writes in memory, and the bytes that it moves in a call."""
    for unit in network.units():
        if unit.memory is not None and unit.memory_port is not None:
            yield unit.memory, unit.passes * unit.work * nn.size_bytes_of(tile_of(unit.memory_port))


def _argument_bytes(target: Operation) -> list[int]:
    """Bytes that a call moves of each argument; all of it in a kernel that is no network yet."""
    if isinstance(target, dataflow.KernelOp):
        moved = Counter[SSAValue]()
        for memory, size in _streams(target):
            moved[memory] += size
        return [moved[argument] for argument in target.args]
    signature = target.properties["function_type"]
    assert isinstance(signature, FunctionType), "calls are verified to name kernels"
    return [nn.size_bytes_of(type_) for type_ in signature.inputs]


def _owners(value: SSAValue) -> list[str]:
    """The weights and states that an argument of a call is made of; none for an input or a value."""
    match value.owner:
        case nn.GetGlobalOp() as source:
            return [source.global_name.root_reference.data]
        case kernel.StackOp() as stack:
            return [name for part in stack.parts for name in _owners(part)]
        case _:
            return []


def traffic_bytes(module: ModuleOp, schedule: kernel.ScheduleOp) -> Counter[str]:
    """Bytes that a step moves of each weight and state; parts of a stack have equal shares of it.

    A weight counts as often as it is read, a table the rows that are gathered, a cache what attention reads
    of it and what is appended.
    """
    named = ((op.properties.get("sym_name"), op) for op in module.ops)
    targets = {name.data: op for name, op in named if isinstance(name, StringAttr)}
    arguments: dict[str, list[int]] = {}
    moved = Counter[str]()
    for call in schedule.body.block.ops:
        if not isinstance(call, kernel.CallOp):
            continue
        callee = call.callee.root_reference.data
        if callee not in arguments:
            arguments[callee] = _argument_bytes(targets[callee])
        for value, size in zip(call.arguments, arguments[callee], strict=True):
            owners = _owners(value)
            for owner in owners:
                moved[owner] += size // len(owners)
    return moved
