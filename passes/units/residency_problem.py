"""What `residency.py` has to know of a tiled module, read off the IR."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from ...dialects import dataflow, kernel, nn
from ...dialects.dataflow import ChannelOp, UnitOp
from ...dialects.dataflow_kernel import channel_of
from ...dialects.dataflow_pace import read_bytes
from ...dialects.machine import Machine
from ...dialects.tensors import size_bytes_of, tile_of
from ...dialects.vocabulary import CALL, Rate
from .residency import Problem, Rates, Weight, balance
from .residency_kernels import Kernel, Read, Section, Step
from .resident_weights import resident_place
from .traffic import needed_pmus, pass_tiles, pcu_cycles

LoadsOfWeights = Mapping[str, Sequence[dataflow.LoadOp]]


def residency_problem(
    module: ModuleOp, machine: Machine, loads: LoadsOfWeights, percent: int, pmus: int | None = None
) -> Problem:
    """The weights that could stay, of which `loads` are known, and the kernels with all their calls.

    Weights get at most `percent` of the places that kernels leave over where none stays, and so many PMUs.
    """
    weights = [op for op in module.ops if isinstance(op, nn.WeightOp) and op.sym_name.data in loads]
    numbers = {load: n for n, op in enumerate(weights) for load in loads[op.sym_name.data]}
    calls = Counter(op.callee.root_reference.data for op in module.walk() if isinstance(op, kernel.CallOp))
    networks = [op for op in module.ops if isinstance(op, dataflow.KernelOp)]
    kernels = tuple(
        _Reader(network, machine, numbers).kernel(calls[network.sym_name.data]) for network in networks
    )
    places = min(machine.pcus, machine.pmus)
    least = [one.needed(frozenset()) for one in kernels]
    spare = max(0, places - max(least, default=0)) * percent // 100
    most = spare if pmus is None else min(spare, pmus)
    return Problem(tuple(_weight(op, machine) for op in weights), kernels, _rates(machine, most))


def _weight(op: nn.WeightOp, machine: Machine) -> Weight:
    return Weight(op.sym_name.data, -(-size_bytes_of(op.type) // machine.pmu_bytes))


def own_works(network: dataflow.KernelOp, machine: Machine, left: int) -> dict[ChannelOp, float]:
    """What the channels of a network count that share the PMUs that resident weights leave."""
    channels = {channel.producers()[0]: channel for channel in network.channels()}
    loads = (unit for unit in network.units() if isinstance(unit, dataflow.LoadOp))
    kept = {load: count for load in loads if (count := resident_place(channels[load])[1])}
    reader = _Reader(network, machine, {load: n for n, load in enumerate(kept)})
    kernel = reader.kernel(1)
    found = balance(kernel, _rates(machine, left), left, dict(enumerate(kept.values())), {})
    return dict(zip(reader.channels, found.works, strict=True))


def _rates(machine: Machine, most: int) -> Rates:
    hbm = machine.hbm_bandwidth * machine.hbm_efficiency_permille / 1000 / machine.clock_hz
    places = min(machine.pcus, machine.pmus)
    port, latency = machine.pmu_port_bytes_per_cycle, machine.hbm_latency_cycles
    return Rates(places, most, port, hbm, latency, machine.pmu_bytes)


class _Reader:
    """Reads a network."""

    def __init__(
        self, network: dataflow.KernelOp, machine: Machine, numbers: Mapping[dataflow.LoadOp, int]
    ) -> None:
        self.network, self.machine, self.numbers = network, machine, numbers
        self.hop_cycles = _rows(machine) // 2 * machine.hop_latency_cycles
        """Assumed of every channel before there are places: half a column away."""
        self.channels = list[ChannelOp]()
        """Those of the reads so far."""

    def kernel(self, calls: int) -> Kernel:
        """The kernel with all its calls."""
        units, calls = self.network.units(), max(1, calls)
        sections = [self._section(rate, calls) for rate in self.network.loops.rates]
        stages = [self._resident(unit) for unit in units if isinstance(unit, dataflow.StageOp)]
        moved = sum(calls * _moved_bytes(unit) for unit in units)
        read = sum(read.streamed_bytes * one.passes for one in sections for read in one.reads)
        return Kernel(tuple(sections), tuple(stages), moved - read, self.network.loops.is_looped)

    def _resident(self, stage: dataflow.StageOp) -> int | None:
        producers = (channel_of(value).producers()[0] for value in stage.ins)
        found = (self.numbers.get(unit) for unit in producers if isinstance(unit, dataflow.LoadOp))
        return next((number for number in found if number is not None), None)

    def _section(self, rate: Rate, calls: int) -> Section:
        units = [unit for unit in self.network.units() if unit.runs == rate]
        numbers, reads, steps = {unit: n for n, unit in enumerate(units)}, list[Read](), list[Step]()
        filled = {channel: n for n, channel in enumerate(channel_of(v) for u in units for v in u.inputs())}
        for unit in units:
            found = [self._read(channel_of(value), unit, value) for value in unit.inputs()]
            given = tuple(range(len(reads), len(reads) + len(found)))
            producers = [channel_of(value).producers()[0] for value in unit.inputs()]
            before = {numbers[one] for one in producers if one in numbers}
            after = tuple(n for n in sorted(before) if n < numbers[unit])
            own = self._cycles(unit) + (self.hop_cycles if after else 0)
            writes = tuple(filled[one] for one in map(channel_of, unit.outputs()) if one in filled)
            steps.append(Step(own if after or given else 0, given, after, writes))
            reads += found
        tree = self.network.loops
        is_once = rate == CALL and tree.is_looped
        return Section(tree.passes(rate) * calls, tuple(reads), tuple(steps), is_once)

    def _cycles(self, unit: UnitOp) -> float:
        """What a unit takes in a pass beside reading; a stream that waits, for its last tile."""
        if isinstance(unit, dataflow.StageOp):
            return self.machine.stage_latency_cycles
        interval, latency = unit.pace(self.machine)
        return latency if unit.memory_port is not None else interval * (unit.work - 1) + latency

    def _read(self, channel: ChannelOp, unit: UnitOp, value: SSAValue) -> Read:
        """A channel as its reader's: the larger of its bytes and of what a stage computes with a stream."""
        self.channels.append(channel)
        producer = channel.producers()[0]
        least = needed_pmus(channel, self.machine, looped=self.network.loops.is_looped)
        size_bytes = channel.type.tile_bytes * pass_tiles(channel)
        work = float(size_bytes)
        if isinstance(unit, dataflow.StageOp) and _is_streamed(unit, value):
            cycles = pcu_cycles(unit, self.machine) * unit.firings.value.data
            work = max(work, cycles * self.machine.pmu_port_bytes_per_cycle)
        if not isinstance(producer, dataflow.LoadOp) or producer.runs != unit.runs:
            return Read(least, work, written=_written_bytes(channel))
        return Read(least, work, size_bytes, self.numbers.get(producer))


def _is_streamed(stage: dataflow.StageOp, value: SSAValue) -> bool:
    return any(
        one is value and changes for one, (_, changes) in zip(stage.ins, read_bytes(stage), strict=True)
    )


def _written_bytes(channel: ChannelOp) -> int:
    """Bytes that a stage writes into a channel in a pass: a tile in each firing, also where it adds up."""
    producer = channel.producers()[0]
    is_stage = isinstance(producer, dataflow.StageOp)
    return channel.type.tile_bytes * producer.firings.value.data if is_stage else 0


def _rows(machine: Machine) -> int:
    """Rows of the grid."""
    a_die = -(-max(machine.pcus, machine.pmus) // machine.dies)
    return -(-a_die // machine.grid_columns)


def _moved_bytes(unit: UnitOp) -> int:
    """Bytes that a unit moves from or to memory in a call."""
    port = unit.memory_port
    return 0 if port is None else unit.passes * unit.work * size_bytes_of(tile_of(port))
