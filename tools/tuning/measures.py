"""What a mapping costs: the objectives that `kl tune` can make small, and the slacks of what is limited."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from xdsl.dialects.builtin import IntegerAttr, ModuleOp

from ...backends.sn40l.kernel import Channel, Kernel
from ...backends.sn40l.program import Program
from ...backends.sn40l.report import Report
from ...backends.sn40l.units import Stage
from ...dialects import dataflow
from ...dialects.machine import Machine
from ...dialects.rdu import machine_of
from ...passes.units.residence import home_of, kernel_units
from ...passes.units.traffic import needed_pmus


@dataclass(frozen=True)
class Measure:
    """Something about a timed program to make small."""

    description: str
    of: Callable[[Program, Report], float]
    capacity: Callable[[Machine], float] | None = None
    """The worst value of any use; None where the machine sets none."""


def _used_pcus(program: Program) -> int:
    return max((_stage_pcus(kernel) for kernel in program.kernels), default=0)


def _stage_pcus(kernel: Kernel) -> int:
    return sum(unit.pcus[1] for unit in kernel.units if isinstance(unit, Stage))


def _first_resident(program: Program) -> int:
    """The first PMU of resident weights; they have all from there on to the last with a PCU beside it."""
    machine = program.machine
    firsts = [region.pmus(machine)[0] for region in program.regions if region.tier == "sram"]
    return min(firsts, default=machine.pmus)


def _used_pmus(program: Program) -> int:
    machine, first = program.machine, _first_resident(program)
    counts = (sum(c.pmus[1] for c in _own_channels(kernel, first)) for kernel in program.kernels)
    has_residents = any(region.tier == "sram" for region in program.regions)
    return max(counts, default=0) + (min(machine.pmus, machine.pcus) - first if has_residents else 0)


def _own_channels(kernel: Kernel, first_resident: int) -> Iterator[Channel]:
    """The channels that lie in PMUs of their own, not in a FIFO or in a resident weight."""
    return (c for c in kernel.channels if c.pmus[1] and c.pmus[0] < first_resident)


def _used_sram(program: Program) -> int:
    first = _first_resident(program)
    sizes = (sum(c.depth * c.tile_bytes for c in _own_channels(kernel, first)) for kernel in program.kernels)
    return max(sizes, default=0) + sum(r.tensor.size_bytes for r in program.regions if r.tier == "sram")


MEASURES: Mapping[str, Measure] = {
    "latency": Measure("seconds of a decode step", lambda program, report: report.seconds / report.steps),
    "units": Measure(
        "PCUs and PMUs of the kernel that has most of them, and of resident weights",
        lambda program, report: _used_pcus(program) + _used_pmus(program),
        lambda machine: machine.pcus + machine.pmus,
    ),
    "pcus": Measure("PCUs alone", lambda program, report: _used_pcus(program), lambda machine: machine.pcus),
    "pmus": Measure("PMUs alone", lambda program, report: _used_pmus(program), lambda machine: machine.pmus),
    "sram": Measure(
        "bytes of channels in PMUs, in the kernel that has most, and of resident weights",
        lambda program, report: _used_sram(program),
        lambda machine: machine.sram_bytes,
    ),
    "hbm": Measure(
        "bytes that a decode step moves from and to HBM",
        lambda program, report: report.traffic.hbm / report.steps,
    ),
}
"""All of them are of one socket."""


def unit_slacks(module: ModuleOp) -> dict[str, float]:
    """PCUs and PMUs that the kernels need at least, minus those there are; before units are shared out."""
    machine = machine_of(module)
    pcus, pmus = kernel_units(module, machine)
    networks = [op for op in module.ops if isinstance(op, dataflow.KernelOp)]
    needs = [_needs(network, machine) for network in networks]
    return {
        "pcus": float(max((need[0] for need in needs), default=0) - pcus),
        "pmus": float(max((need[1] for need in needs), default=0) - pmus),
    }


def _needs(network: dataflow.KernelOp, machine: Machine) -> tuple[int, int]:
    stages = [op for op in network.units() if isinstance(op, dataflow.StageOp) and home_of(op)[1] == 0]
    channels = [channel for channel in network.channels() if home_of(channel)[1] == 0]
    return len(stages), sum(needed_pmus(channel, network.iterations, machine) for channel in channels)


def link_slacks(module: ModuleOp) -> dict[str, float]:
    """Bytes a cycle on the busiest link of the network on the chip, minus its width; after routing."""
    found = [op.attributes.get("busiest_link_bytes_per_cycle") for op in module.ops]
    loads = [load.value.data for load in found if isinstance(load, IntegerAttr)]
    return {"links": float(max(loads, default=0) - machine_of(module).rdn_bytes_per_cycle)}


def memory_slacks(program: Program) -> dict[str, float]:
    """Bytes that lie in HBM minus those there are."""
    ends = [region.end for region in program.regions if region.tier == "hbm"]
    return {"hbm": float(max(ends, default=0) - program.machine.hbm_bytes)}
