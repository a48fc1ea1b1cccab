"""What the units of a tiled network move, compute and need, read off the IR for the planning passes.

Whether a kernel fits the machine at all is found by a trial of the passes to come, on a copy, with their
defaults. What a step moves of each weight and state is what it costs to keep them in a slow memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, MemRefType, ModuleOp, StringAttr
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ...dialects import dataflow, kernel, nn
from ...dialects.dataflow import UnitOp
from ...dialects.dataflow_accesses import unordered_accesses
from ...dialects.dataflow_kernel import consumer_of, producer_of
from ...dialects.dataflow_pace import stage_flops
from ...dialects.machine import Machine
from ...dialects.rdu_machine import set_machine
from ...dialects.sizes import exact_bytes_text
from ...dialects.tensors import shape_of, size_bytes_of, tile_of
from .. import load_pass


def gathered_tiles(channel: dataflow.ChannelOp) -> int:
    """Tiles that the reader of a channel must find in it at once."""
    return channel.consumers()[0].gathered_tiles(channel.result)


def pass_tiles(channel: dataflow.ChannelOp) -> int:
    """Tiles that the producer of a channel puts into it in one pass, rounded up."""
    return channel.producers()[0].pass_tiles(channel.result)


def is_stream(channel: dataflow.ChannelOp) -> bool:
    """Whether a load feeds a channel tile by tile, so that more of them can be loaded ahead into it."""
    producer = channel.producers()[0]
    return isinstance(producer, dataflow.LoadOp) and (producer.is_alone or _reads_a_cache_once(producer))


def _reads_a_cache_once(load: dataflow.LoadOp) -> bool:
    """Whether a load brings the tiles of one cache as keys and as values."""
    return isinstance(load.source.type, MemRefType) and load.work > 1


def needed_depth(channel: dataflow.ChannelOp, *, looped: bool) -> int:
    """Fewest tiles that a channel must hold for a kernel to run, and to run without waiting for itself.

    Between stages a whole iteration fits, so that a value read twice never blocks its producer; a stream
    from memory is double-buffered where the kernel loops. Where its reader needs what another reader of the
    load makes first, as values need the softmax of scores, the tiles of a whole pass fit. Units that feed one
    another and put a tile on before they let go of the one they have taken need a slot more.
    """
    producer, consumer = channel.producers()[0], channel.consumers()[0]
    if isinstance(producer, dataflow.LoadOp):
        waits = producer.work > 1 and not producer.is_alone and _reads_behind(consumer, producer)
        return max(gathered_tiles(channel), 2 if looped else 1, pass_tiles(channel) if waits else 0)
    late = producer.FREES_LATE and consumer.FREES_LATE
    return max(gathered_tiles(channel), pass_tiles(channel) + late)


def _reads_behind(reader: UnitOp, load: dataflow.LoadOp) -> bool:
    """Whether a reader of a load takes what comes of another reader of it, in the same iteration."""
    waiting = [channel for channel in reader.inputs() if producer_of(channel) is not load]
    seen = set[UnitOp]()
    while waiting:
        unit = producer_of(waiting.pop())
        if unit in seen or unit.handed_on() is not None:
            continue
        seen.add(unit)
        if any(consumer_of(channel) is unit for channel in load.channels):
            return True
        waiting += unit.inputs()
    return False


def held_tiles(channel: dataflow.ChannelOp, *, looped: bool) -> int:
    """The depth of a channel once it is scheduled: what it needs, or more where it has more already."""
    return max(channel.depth.value.data, needed_depth(channel, looped=looped))


def room_bytes(pmus: int, machine: Machine) -> int:
    """Bytes that a channel in so many PMUs can hold; without any it lies in its reader's input FIFO."""
    return pmus * machine.pmu_bytes if pmus else machine.pcu_fifo_bytes


def needed_pmus(channel: dataflow.ChannelOp, machine: Machine, *, looped: bool) -> int:
    """Fewest PMUs that hold a channel once it is scheduled; none where its reader's FIFO is enough."""
    held_bytes = held_tiles(channel, looped=looped) * channel.type.tile_bytes
    return 0 if held_bytes <= room_bytes(0, machine) else -(-held_bytes // machine.pmu_bytes)


def network_pmus(network: dataflow.KernelOp, machine: Machine) -> int:
    """Fewest PMUs with which a kernel runs."""
    looped = network.loops.is_looped
    return sum(needed_pmus(channel, machine, looped=looped) for channel in network.channels())


def pcu_cycles(stage: dataflow.StageOp, machine: Machine) -> float:
    """Cycles that one PCU takes to compute one firing."""
    return machine.pcu_cycles(*stage_flops(stage))


def _named_shares(module: ModuleOp) -> dict[int, float]:
    """By their number, the share of slots that ids name where rows choose at random; the largest there is."""
    shares: dict[int, float] = {}
    for op in module.walk():
        if isinstance(op, nn.DistinctOp):
            (slots,) = shape_of(op.result)
            shares[slots] = max(shares.get(slots, 0), op.expected / slots)
    return shares


def _streams(network: dataflow.KernelOp, named: Mapping[int, float]) -> Iterator[tuple[SSAValue, int]]:
    """What each stream of a network reads or writes in memory, and the bytes that it moves in a call."""
    for unit in network.units():
        if isinstance(unit, dataflow.LoadOp) and unit.by is not None:
            whole = unit.passes * size_bytes_of(unit.stream_type)
            yield unit.source, round(whole * named.get(unit.slots, 1))
        elif isinstance(unit, dataflow.LoadOp | dataflow.StoreOp) and unit.memory is not None:
            yield unit.memory, unit.passes * size_bytes_of(unit.stream_type)
        elif unit.memory is not None and unit.memory_port is not None:
            yield unit.memory, unit.passes * unit.work * size_bytes_of(tile_of(unit.memory_port))


def _argument_bytes(target: Operation, named: Mapping[int, float]) -> list[int]:
    """Bytes that a call moves of each argument; all of it in a kernel that is no network yet."""
    if isinstance(target, dataflow.KernelOp):
        moved = Counter[SSAValue]()
        for memory, size in _streams(target, named):
            moved[memory] += size
        return [moved[argument] for argument in target.args]
    signature = target.properties["function_type"]
    assert isinstance(signature, FunctionType), "calls are verified to name kernels"
    return [size_bytes_of(type_) for type_ in signature.inputs]


def owners(value: SSAValue) -> list[str]:
    """The weights and states that an argument of a call is made of; none for an input or a value."""
    match value.owner:
        case nn.GetGlobalOp() as source:
            return [source.global_name.root_reference.data]
        case kernel.StackOp() as stack:
            return [name for part in stack.parts for name in owners(part)]
        case _:
            return []


def traffic_bytes(module: ModuleOp, schedule: kernel.ScheduleOp) -> Counter[str]:
    """Bytes that a step moves of each weight and state; parts of a stack have equal shares of it.

    A weight counts as often as it is read, a table the rows that are gathered, a cache what attention reads
    of it and what is appended; of a stack of experts, the slices that rows name in the mean where they choose
    at random.
    """
    named = ((op.properties.get("sym_name"), op) for op in module.ops)
    targets = {symbol.data: op for symbol, op in named if isinstance(symbol, StringAttr)}
    arguments, shares = dict[str, list[int]](), _named_shares(module)
    moved = Counter[str]()
    for call in schedule.body.block.ops:
        if not isinstance(call, kernel.CallOp):
            continue
        callee = call.callee.root_reference.data
        if callee not in arguments:
            arguments[callee] = _argument_bytes(targets[callee], shares)
        for value, size in zip(call.arguments, arguments[callee], strict=True):
            names = owners(value)
            for name in names:
                moved[name] += size // len(names)
    return moved


TRIAL = ("convert-kernel-to-dataflow", "tile-stages")
"""The passes that make the units which are counted."""


@dataclass(frozen=True)
class Footprint:
    """Fewest units of a kernel: PMUs that hold its channels, and a PCU per stage."""

    pmus: int
    pcus: int


def _network(func: kernel.FuncOp, machine: Machine) -> dataflow.KernelOp:
    """The network that a kernel will be.

    Raises: PassFailedException where it has no form as one.
    """
    trial = ModuleOp([func.clone()])
    set_machine(trial, machine)
    for name in TRIAL:
        load_pass(name)().apply(Context(), trial)
    (network,) = trial.ops
    assert isinstance(network, dataflow.KernelOp), "the trial makes networks of kernels"
    return network


def _needed(network: dataflow.KernelOp, machine: Machine) -> Footprint:
    stages = sum(isinstance(unit, dataflow.StageOp) for unit in network.units())
    return Footprint(network_pmus(network, machine), stages)


def footprint(func: kernel.FuncOp, machine: Machine) -> Footprint:
    """What `allocate-units` will need for a kernel.

    Raises: PassFailedException where the kernel has no form as a network that keeps its order.
    """
    network = _network(func, machine)
    for unordered in unordered_accesses(network.units()):
        raise PassFailedException(str(unordered))
    return _needed(network, machine)


def shortage(func: kernel.FuncOp, machine: Machine) -> str | None:
    """Why a kernel has no form as a network of stages, or does not fit the machine; None if it does.

    The tiles of the next iteration must find room beside those of this one. The order of its accesses is
    looked at only where there is room: of hundreds of layers side by side that takes minutes.
    """
    try:
        network = _network(func, machine)
    except PassFailedException as error:
        return str(error)
    needed = _needed(network, machine)
    if needed.pmus > machine.pmus:
        sram_bytes = needed.pmus * machine.pmu_bytes
        return (
            f"with the tiles of the next iteration they need {exact_bytes_text(sram_bytes)} of SRAM, "
            f"the machine has {exact_bytes_text(machine.sram_bytes)}; "
            "raise pmus or pmu_bytes, or exclude the kernel"
        )
    if needed.pcus > machine.pcus:
        return f"together they have {needed.pcus} stages, the machine has {machine.pcus} PCUs; raise pcus"
    unordered = next(unordered_accesses(network.units()), None)
    return None if unordered is None else str(unordered)


def too_large(func: kernel.FuncOp, machine: Machine) -> str | None:
    """How a kernel needs more units than the machine has, alone and so in any loop; None if it does not."""
    try:
        needed = _needed(_network(func, machine), machine)
    except PassFailedException:
        return None
    if needed.pcus > machine.pcus:
        return f"has {needed.pcus} stages, the machine has {machine.pcus} PCUs"
    if needed.pmus > machine.pmus:
        return f"needs {needed.pmus} PMUs, the machine has {machine.pmus}"
    return None
