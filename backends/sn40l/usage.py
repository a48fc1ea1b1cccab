"""What a program uses of its machine: the map of its memory, and the measures that searches make small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...dialects.machine import Machine
from ...dialects.vocabulary import TIERS
from ..tables import Table, bytes_text, share_text
from ..targets import LATENCY, Measure, MemoryMap, Timing
from .capacity import capacity_of, covered_bytes
from .kernel import Channel, Kernel
from .program import Program, Region, tier_span
from .units import Stage


def _regions(program: Program) -> list[Region]:
    """The regions in the order of their addresses."""
    return sorted(program.regions, key=lambda region: (region.address, region.end, region.name))


def _tiers(program: Program) -> list[dict[str, Any]]:
    """Size of each memory of a socket, what is used of it and what is free.

    SRAM counts where weights are resident in it; else it is all for channels.
    """
    tiers: list[dict[str, Any]] = []
    for tier in TIERS:
        begin, end = tier_span(program.machine, tier)
        used = covered_bytes(region for region in program.regions if region.tier == tier)
        if tier == "sram" and not used:
            continue
        tiers.append(
            {"tier": tier, "size_bytes": end - begin, "used_bytes": used, "free_bytes": end - begin - used}
        )
    return tiers


def memory_map(program: Program) -> MemoryMap:
    """The map of a socket: a row per region; in short, a row per memory, then what each holds by kind."""
    regions, tiers, capacity = _regions(program), _tiers(program), capacity_of(program)
    columns = ("tier", "addresses", "size", "kind", "name", "alive")
    listed = Table(columns, [*map(_row, regions)], texts=(0, 3, 4, 5))
    summary = (
        Table(("tier", "size", "used", "free", "share used"), [*map(_total, tiers)]),
        capacity.table,
        Table(title=f"switching: {capacity.model_switching}"),
    )
    document = {"regions": [*map(_region_json, regions)], "tiers": tiers, **capacity.document()}
    return MemoryMap(document, (listed,), summary)


def _region_json(region: Region) -> dict[str, Any]:
    return {
        "tier": region.tier,
        "address": region.address,
        "size_bytes": region.size_bytes,
        "kind": region.kind,
        "name": region.name,
        "live": None if region.live is None else list(region.live),
    }


def _row(region: Region) -> list[str]:
    last = max(region.address, region.end - 1)
    alive = "always" if region.live is None else "commands {} to {}".format(*region.live)
    size = bytes_text(region.size_bytes)
    return [region.tier, f"{region.address} to {last}", size, region.kind, region.name, alive]


def _total(tier: dict[str, Any]) -> list[str]:
    size, used, free = tier["size_bytes"], tier["used_bytes"], tier["free_bytes"]
    return [tier["tier"], *map(bytes_text, (size, used, free)), share_text(used / size)]


def _used_pcus(program: Program) -> int:
    return max((_stage_pcus(kernel) for kernel in program.kernels), default=0)


def _stage_pcus(kernel: Kernel) -> int:
    return sum(unit.pcus[1] for unit in kernel.units if isinstance(unit, Stage))


def _used_pmus(program: Program) -> int:
    resident = program.resident_places
    counts = (sum(c.pmus[1] for c in _own_channels(kernel, resident)) for kernel in program.kernels)
    return max(counts, default=0) + sum(count for _, count in resident)


def _own_channels(kernel: Kernel, resident: set[tuple[int, int]]) -> Iterator[Channel]:
    """The channels that lie in PMUs of their own, not in a FIFO or in a resident weight."""
    return (c for c in kernel.channels if c.pmus[1] and c.pmus not in resident)


def _used_sram(program: Program) -> int:
    resident = program.resident_places
    own = (_own_channels(kernel, resident) for kernel in program.kernels)
    sizes = (sum(c.depth * c.tile_bytes for c in channels) for channels in own)
    return max(sizes, default=0) + sum(r.tensor.size_bytes for r in program.regions if r.tier == "sram")


def _hbm_bytes(program: Program, timing: Timing) -> float:
    return timing.report.traffic.hbm / timing.steps


MEASURES: Mapping[str, Measure[Machine, Program]] = {
    "latency": LATENCY,
    "units": Measure(
        "PCUs and PMUs of the kernel that has most of them, and of resident weights",
        lambda program, timing: _used_pcus(program) + _used_pmus(program),
        lambda machine: machine.pcus + machine.pmus,
        "PCUs and PMUs",
    ),
    "pcus": Measure(
        "PCUs alone", lambda program, timing: _used_pcus(program), lambda machine: machine.pcus, "PCUs"
    ),
    "pmus": Measure(
        "PMUs alone", lambda program, timing: _used_pmus(program), lambda machine: machine.pmus, "PMUs"
    ),
    "sram": Measure(
        "bytes of channels in PMUs, in the kernel that has most, and of resident weights",
        lambda program, timing: _used_sram(program),
        lambda machine: machine.sram_bytes,
        "bytes",
    ),
    "hbm": Measure("bytes that a decode step moves from and to HBM", _hbm_bytes, unit="bytes"),
}
"""All of them are of one socket."""


def measures() -> Mapping[str, Measure[Machine, Program]]:
    """What searches can make small, by name."""
    return MEASURES


def memory_slacks(program: Program) -> dict[str, float]:
    """Bytes that lie in HBM minus those there are."""
    ends = [region.end for region in program.regions if region.tier == "hbm"]
    return {"hbm": float(max(ends, default=0) - program.machine.hbm_bytes)}
