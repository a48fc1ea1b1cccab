"""What `residency.py` has to know of a tiled module, read off the IR."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import ceil

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
from .residency_kernels import Kernel, Read, Section, Step, Wait
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
    candidates = tuple(_weight(op, loads[op.sym_name.data], machine) for op in weights)
    return Problem(candidates, kernels, _rates(machine, most))


def _weight(op: nn.WeightOp, loads: Sequence[dataflow.LoadOp], machine: Machine) -> Weight:
    most = max(_useful_units(channel_of(load.channels[0]), machine) for load in loads)
    return Weight(op.sym_name.data, -(-size_bytes_of(op.type) // machine.pmu_bytes), most)


def _useful_units(channel: ChannelOp, machine: Machine) -> int:
    """PMUs and PCUs with which the stage that reads a channel fires in a cycle: more make it no faster."""
    reader = channel.consumers()[0]
    assert isinstance(reader, dataflow.StageOp), "what is read in place goes to a stage"
    sizes = zip(reader.ins, read_bytes(reader), strict=True)
    size_bytes = max(size for value, (size, _) in sizes if channel_of(value) is channel)
    return ceil(max(size_bytes / machine.pmu_port_bytes_per_cycle, pcu_cycles(reader, machine)))


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
        self.hop_cycles = machine.grid_rows * machine.hop_latency_cycles
        """Assumed of every channel before there are places: half a column to its PMUs, and on from there."""
        self.around_cycles = machine.dies * machine.grid_columns * machine.hop_latency_cycles
        """Assumed of what comes round a loop: from the last stages back to the first, at the other edge."""
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
            after = tuple(self._waits(unit, numbers))
            writes = tuple(filled[one] for one in map(channel_of, unit.outputs()) if one in filled)
            steps.append(self._step(unit, given, after, writes))
            reads += found
        tree = self.network.loops
        is_once = rate == CALL and tree.is_looped
        passes, rounds = tree.passes(rate), tree.rounds(rate)[0] if rate in tree.leaves else tree.passes(rate)
        return Section(passes * calls, tuple(reads), tuple(steps), is_once, rounds)

    def _waits(self, unit: UnitOp, numbers: Mapping[UnitOp, int]) -> Iterator[Wait]:
        """What a unit waits for of those before it in a section."""
        for value in unit.inputs():
            producer = channel_of(value).producers()[0]
            if (number := numbers.get(producer, numbers[unit])) >= numbers[unit]:
                continue
            puts, takes = producer.put_work(value), unit.take_work(value)
            if puts is None or takes is None:
                yield Wait(number, 1.0, unit.work)
                continue
            first = puts[takes[0].count(0) - 1] if takes[0][0] == 0 else None
            lead = None if first is None else first / (producer.work - 1) if producer.work > 1 else 1.0
            yield Wait(number, lead, unit.work - takes[0][-1])

    def _step(
        self, unit: UnitOp, reads: tuple[int, ...], after: tuple[Wait, ...], writes: tuple[int, ...]
    ) -> Step:
        """A unit; of a stream, which loads ahead, the last tile alone, if that has to wait."""
        hops = self.around_cycles if unit.handed_on() is not None else self.hop_cycles if after else 0
        if isinstance(unit, dataflow.StageOp):
            latency = self.machine.stage_latency_cycles + hops
            return Step(latency if after or reads else 0, reads, after, writes, unit.work)
        if not after and not reads:
            return Step(0, writes=writes)
        interval, latency = unit.pace(self.machine)
        firings = 1 if isinstance(unit, dataflow.LoadOp) else unit.work
        own = latency - interval + hops
        return Step(own, reads, after, writes, firings, interval, unit.memory_port is not None)

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
        held = isinstance(unit, dataflow.StageOp) and unit.work > 1 and not _is_streamed(unit, value)
        if isinstance(producer, dataflow.LoadOp) and producer.runs == unit.runs:
            tile_bytes, weight = channel.type.tile_bytes, self.numbers.get(producer)
            return Read(least, work, size_bytes, weight, tile_bytes, is_held=held)
        if not isinstance(producer, dataflow.StageOp):
            return Read(least, work, is_held=held)
        late = producer.out_period(value) > 1
        return Read(least, work, written=size_bytes, is_held=held, is_late=late)


def _is_streamed(stage: dataflow.StageOp, value: SSAValue) -> bool:
    return any(
        one is value and changes for one, (_, changes) in zip(stage.ins, read_bytes(stage), strict=True)
    )


def _moved_bytes(unit: UnitOp) -> int:
    """Bytes that a unit moves from or to memory in a call."""
    port = unit.memory_port
    return 0 if port is None else unit.passes * unit.work * size_bytes_of(tile_of(port))
