"""What a mapping costs: the objectives that `kl tune` can make small, and the slacks of the memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...dialects.machine import Machine
from ..targets import LATENCY, Measure, Timing
from .program import Channel, Kernel, Program, Stage


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


def _hbm_bytes(program: Program, timing: Timing) -> float:
    return timing.report.traffic.hbm / timing.steps


MEASURES: Mapping[str, Measure[Machine, Program]] = {
    "latency": LATENCY,
    "units": Measure(
        "PCUs and PMUs of the kernel that has most of them, and of resident weights",
        lambda program, timing: _used_pcus(program) + _used_pmus(program),
        lambda machine: machine.pcus + machine.pmus,
    ),
    "pcus": Measure("PCUs alone", lambda program, timing: _used_pcus(program), lambda machine: machine.pcus),
    "pmus": Measure("PMUs alone", lambda program, timing: _used_pmus(program), lambda machine: machine.pmus),
    "sram": Measure(
        "bytes of channels in PMUs, in the kernel that has most, and of resident weights",
        lambda program, timing: _used_sram(program),
        lambda machine: machine.sram_bytes,
    ),
    "hbm": Measure(
        "bytes that a decode step moves from and to HBM",
        _hbm_bytes,
    ),
}
"""All of them are of one socket."""


def memory_slacks(program: Program) -> dict[str, float]:
    """Bytes that lie in HBM minus those there are."""
    ends = [region.end for region in program.regions if region.tier == "hbm"]
    return {"hbm": float(max(ends, default=0) - program.machine.hbm_bytes)}
