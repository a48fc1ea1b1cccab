"""The map of a program's memory: what lies where, for how long, and what is left."""

from __future__ import annotations

from typing import Any

from ..tables import Table, bytes_text, share_text
from ..targets import MemoryMap
from .program import TIERS, Program, Region, tier_span


def _regions(program: Program) -> list[Region]:
    """The regions in the order of their addresses."""
    return sorted(program.regions, key=lambda region: (region.address, region.end, region.name))


def _used_bytes(program: Program, tier: str) -> int:
    """Bytes of a memory that some region takes; those that values share count once."""
    used = reached = 0
    for region in _regions(program):
        if region.tier == tier:
            used += max(0, region.end - max(region.address, reached))
            reached = max(reached, region.end)
    return used


def _tiers(program: Program) -> list[dict[str, Any]]:
    """Size of each memory of a socket, what is used of it and what is free.

    SRAM counts where weights are resident in it; else it is all for channels.
    """
    tiers: list[dict[str, Any]] = []
    for tier in TIERS:
        begin, end = tier_span(program.machine, tier)
        used = _used_bytes(program, tier)
        if tier == "sram" and not used:
            continue
        tiers.append(
            {"tier": tier, "size_bytes": end - begin, "used_bytes": used, "free_bytes": end - begin - used}
        )
    return tiers


def memory_map(program: Program) -> MemoryMap:
    """The map of a socket: a row per region, then a row per memory."""
    regions, tiers = _regions(program), _tiers(program)
    columns = ("tier", "addresses", "size", "kind", "name", "alive")
    tables = (
        Table(columns, [*map(_row, regions)], texts=(0, 3, 4, 5)),
        Table(("tier", "size", "used", "free", "share used"), [*map(_total, tiers)]),
    )
    return MemoryMap({"regions": [*map(_region_json, regions)], "tiers": tiers}, tables)


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
