"""Where weights and caches lie, and how long it takes to bring from DDR to HBM what is in use.

Experts are weights of which loads read by index; all that others read counts as other weights. In a
composition of experts, whole models or those of a mixture wait in DDR, and HBM holds those in use: to switch
takes their bytes on a socket over `ddr_bandwidth`. A step knows nothing of that; its time is beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...dialects.machine import Machine
from ...dialects.vocabulary import TIERS
from ..tables import Table, bytes_text, time_text
from .program import Execute, LoadArguments, Program, Region
from .report import Report
from .units import Load

EXPERTS, OTHERS, CACHES, VALUES = KINDS = ("experts", "other weights", "caches", "inputs and values")
"""What lies in memory."""


@dataclass(frozen=True)
class Capacity:
    """What of a program lies in which memory of a socket."""

    machine: Machine
    stored: Mapping[str, Mapping[str, int]]
    """Bytes by memory, then by kind; of memories that hold something."""

    @cached_property
    def weight_bytes(self) -> int:
        """Of all weights on a socket: what it takes to switch to the model."""
        return sum(kinds[EXPERTS] + kinds[OTHERS] for kinds in self.stored.values())

    @property
    def uses_ddr(self) -> bool:
        """Whether something lies in DDR."""
        return "ddr" in self.stored

    @property
    def has_experts(self) -> bool:
        """Whether some weights are read by index."""
        return any(kinds[EXPERTS] for kinds in self.stored.values())

    def ddr_seconds(self, size_bytes: float) -> float:
        """How long DDR takes for so many bytes of a socket."""
        return size_bytes / self.machine.ddr_bandwidth

    @property
    def table(self) -> Table:
        """A row for each memory."""
        rows = [[tier, *(bytes_text(kinds[kind]) for kind in KINDS)] for tier, kinds in self.stored.items()]
        return Table(("tier", *KINDS), rows, title="what lies in which memory of a socket")

    @property
    def model_switching(self) -> str:
        """What it takes to switch to the model, in words."""
        return f"{self._switching(self.weight_bytes)} for all weights of the model"

    def _switching(self, size_bytes: float) -> str:
        return f"{time_text(self.ddr_seconds(size_bytes))}, {bytes_text(size_bytes)} from DDR to HBM"

    def rows(self, report: Report) -> Iterator[tuple[str, str]]:
        """What a step takes from DDR, and how long switching takes, where that is a question."""
        if self.uses_ddr:
            size = report.traffic.ddr / report.steps
            rate = f"{bytes_text(self.machine.ddr_bandwidth)}/s"
            yield "DDR", f"{bytes_text(size)} a step, {time_text(self.ddr_seconds(size))} at {rate}"
        if self.has_experts and report.experts is not None:
            size = experts_bytes(report)["used"]
            yield "switching", f"{self._switching(size)} for the experts of a step; {self.model_switching}"

    def document(self) -> dict[str, Any]:
        """As plain data, per socket."""
        whole = self.weight_bytes
        return {
            "stored_bytes": {
                tier: {kind.replace(" ", "_"): size for kind, size in kinds.items()}
                for tier, kinds in self.stored.items()
            },
            "switching": {"model": {"bytes": whole, "seconds": self.ddr_seconds(whole)}},
        }

    def timed_document(self, report: Report) -> dict[str, Any]:
        """The same with what a step takes from DDR, and with the experts of a step in each case."""
        found, size = self.document(), report.traffic.ddr / report.steps
        found["ddr_step"] = {"bytes": size, "seconds": self.ddr_seconds(size)}
        for case, moved in experts_bytes(report).items():
            found["switching"].setdefault("experts", {})[case] = {
                "bytes": moved,
                "seconds": self.ddr_seconds(moved),
            }
        return found


def experts_bytes(report: Report) -> Mapping[str, float]:
    """Bytes of the distinct experts that a step reads on a socket, by case; none without data of them."""
    if report.experts is None:
        return {}
    return {case: moved / report.steps for case, (_, moved) in report.experts.cases.items()}


def capacity_of(program: Program) -> Capacity:
    """What of a program lies where."""
    experts, stored = _read_by_index(program), dict[str, Mapping[str, int]]()
    for tier in TIERS:
        held: dict[str, list[Region]] = {kind: [] for kind in KINDS}
        for region in program.regions:
            if region.tier == tier:
                held[_kind(region, experts)].append(region)
        sizes = {kind: sum(one.tensor.size_bytes for one in regions) for kind, regions in held.items()}
        sizes[VALUES] = covered_bytes(held[VALUES])  # they share addresses
        if any(sizes.values()):
            stored[tier] = sizes
    return Capacity(program.machine, stored)


def covered_bytes(regions: Iterable[Region]) -> int:
    """Bytes that regions take; those that some share count once."""
    used = reached = 0
    for region in sorted(regions, key=lambda region: (region.address, region.end)):
        used += max(0, region.end - max(region.address, reached))
        reached = max(reached, region.end)
    return used


def _kind(region: Region, experts: set[str]) -> str:
    match region.kind:
        case "weight":
            return EXPERTS if region.name in experts else OTHERS
        case "state":
            return CACHES
        case _:
            return VALUES


def _read_by_index(program: Program) -> set[str]:
    """The names of weights of which some load reads by index."""
    kernels = {kernel.name: kernel for kernel in program.kernels}
    weights = [region for region in program.regions if region.kind == "weight"]
    addresses, found = (), set[int]()
    for command in program.commands:
        if isinstance(command, LoadArguments):
            addresses = command.addresses
        elif isinstance(command, Execute):
            loads = (one for one in kernels[command.kernel].units if isinstance(one, Load))
            found |= {addresses[one.pattern.parameter] for one in loads if one.index is not None}
    return {one.name for one in weights if any(one.address <= address < one.end for address in found)}
