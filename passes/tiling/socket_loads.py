"""What a socket does in a step, read off the networks of its kernels for `exchanges.py`; a remark on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import BlockArgument

from ...dialects import dataflow, kernel, nn
from ...dialects.dataflow import UnitOp
from ...dialects.dataflow_kernel import producer_of
from ...dialects.dataflow_pace import resident_span
from ...dialects.machine import Machine
from ...dialects.tensors import size_bytes_of, tile_of
from ...dialects.vocabulary import Rate
from ..diagnostics import add_remark
from ..units.traffic import owners, pcu_cycles
from .exchanges import Exchange, Fewer, Load, Share, fewer_sockets

Splits = Mapping[tuple[str, int], Share]
"""How arguments of kernels are split over the sockets, by the kernel and the argument's number."""


def remark_on_sockets(module: ModuleOp, machine: Machine) -> None:
    """Say of each schedule on which number of sockets it is faster, where that are fewer."""
    stored = stored_shares(module)
    networks = {op.sym_name.data: op for op in module.ops if isinstance(op, dataflow.KernelOp)}
    for schedule in (op for op in module.ops if isinstance(op, kernel.ScheduleOp)):
        split = splits(schedule, stored)
        times = Counter(call.callee.root_reference.data for call in calls(schedule))
        if not times.keys() <= networks.keys():
            continue  # some kernel is no network yet
        loads = [
            replace(load, passes=load.passes * count)
            for name, count in times.items()
            for _, load in network_loads(networks[name], machine, split)
        ]
        fewer = fewer_sockets(loads, stored.values(), machine)
        if fewer is not None:
            add_remark(schedule, _fewer_text(fewer, machine))


def _fewer_text(fewer: Fewer, machine: Machine) -> str:
    def shown(cycles: float) -> str:
        return f"{cycles / machine.clock_hz * 1e6:.1f} us"

    return (
        f"{machine.sockets} sockets are slower than {fewer.sockets}, by estimate: without launches all calls "
        f"take {shown(fewer.cycles_now)}, on {fewer.sockets} {shown(fewer.cycles)}, as more sockets have "
        "more to exchange"
    )


def stored_shares(module: ModuleOp) -> dict[str, Share]:
    """The bytes that a socket has of each weight and cache, by name."""
    globals = [op for op in module.ops if isinstance(op, nn.WeightOp | nn.StateOp)]
    return {op.sym_name.data: _stored(op) for op in globals}


def _stored(op: nn.WeightOp | nn.StateOp) -> Share:
    if op.shard_parts is None:
        return Share(size_bytes_of(op.type))
    padded = op.shard_runs if isinstance(op, nn.WeightOp) else None
    runs = (1,) if padded is None else padded.get_values()
    return Share(size_bytes_of(op.type), op.shard_parts.value.data, sum(runs[::2]) / sum(runs))


def splits(schedule: kernel.ScheduleOp, stored: Mapping[str, Share]) -> Splits:
    """How the arguments of the kernels that a schedule calls are split; those that are whole are absent."""
    found: dict[tuple[str, int], Share] = {}
    for call in calls(schedule):
        for number, value in enumerate(call.arguments):
            for name in owners(value):
                found[call.callee.root_reference.data, number] = stored[name]
    return found


def calls(schedule: kernel.ScheduleOp) -> list[kernel.CallOp]:
    """The kernel calls of a step."""
    return [op for op in schedule.body.block.ops if isinstance(op, kernel.CallOp)]


def network_loads(
    network: dataflow.KernelOp, machine: Machine, splits: Splits
) -> Iterator[tuple[Rate, Load]]:
    """What each loop of a network does in a pass, and what runs once a call."""
    for rate in network.loops.rates:
        units = [unit for unit in network.units() if unit.runs == rate]
        stages = [unit for unit in units if isinstance(unit, dataflow.StageOp)]
        yield (
            rate,
            Load(
                [_stream(unit, machine, splits) for unit in units if _is_stream(unit)],
                [_work(stage, machine, splits) for stage in stages],
                _depth_cycles(units, machine),
                [_exchange(unit, machine) for unit in units if isinstance(unit, dataflow.ExchangeOp)],
                network.loops.passes(rate),
                [_stream(unit, machine, splits) for unit in units if _is_resident(unit)],
            ),
        )


def _is_resident(unit: UnitOp) -> bool:
    return resident_span(unit)[1] > 0


def _is_stream(unit: UnitOp) -> bool:
    """Whether memory brings or takes what it moves."""
    return unit.RESOURCE == "hbm" and not _is_resident(unit)


def _split(unit: UnitOp, amount: float, splits: Splits) -> Share:
    """An amount that is split as what a stream reads; a gather has as many rows wherever they are."""
    network, memory = unit.parent_op(), unit.memory
    like = None
    if isinstance(network, dataflow.KernelOp) and isinstance(unit, dataflow.LoadOp):
        assert isinstance(memory, BlockArgument), "checked by the op's definition"
        like = splits.get((network.sym_name.data, memory.index))
    return Share(amount) if like is None else replace(like, amount=amount)


def _memory_cycles(unit: UnitOp, machine: Machine) -> int:
    """Cycles for which a stream keeps memory busy in a pass."""
    return unit.pace(machine)[0] * unit.work


def _stream(unit: UnitOp, machine: Machine, splits: Splits) -> Share:
    return _split(unit, _memory_cycles(unit, machine), splits)


def _work(stage: dataflow.StageOp, machine: Machine, splits: Splits) -> Share:
    """Cycles of one PCU for the FLOPs of a stage, or for what streams into it if that takes longer."""
    flops = pcu_cycles(stage, machine) * stage.work
    loads = [unit for unit in map(producer_of, stage.ins) if isinstance(unit, dataflow.LoadOp)]
    sizes = [(load.work * size_bytes_of(tile_of(load.channels[0])), load) for load in loads]
    size, largest = max(sizes, key=lambda one: one[0], default=(0, None))
    amount = max(flops, size / machine.pmu_port_bytes_per_cycle)
    return Share(amount) if largest is None else _split(largest, amount, splits)


def _depth_cycles(units: Sequence[UnitOp], machine: Machine) -> int:
    """Cycles of the stages one behind another: the depth of each, and half the chip to the next.

    What is appended to a cache goes to memory and back.
    """
    stages = sum(isinstance(unit, dataflow.StageOp) for unit in units)
    appends = any(isinstance(unit, dataflow.StoreOp) and unit.done for unit in units)
    each = machine.stage_latency_cycles + machine.grid_columns * machine.hop_latency_cycles
    return stages * each + 2 * appends * machine.hbm_latency_cycles


def _exchange(op: dataflow.ExchangeOp, machine: Machine) -> Exchange:
    makers = (producer_of(channel) for channel in producer_of(op.source).inputs())
    made = sum(_memory_cycles(unit, machine) for unit in makers if _is_stream(unit))
    return Exchange(op.kind.data, size_bytes_of(tile_of(op.source)), op.tiles.value.data, made)
