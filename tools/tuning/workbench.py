"""Run many pipelines on one module, quickly: what they have in common at their beginning runs once.

Of each pipeline all beginnings are noted; where a beginning comes up a second time, the module behind it is
kept. So neither a search at random nor an enumeration copies modules that nobody asks for again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException

from ...dialects import dataflow
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ...passes.diagnostics import NoRoom
from ...passes.units.resident_weights import kernel_units, resident_place
from ...passes.units.traffic import needed_pmus
from ..pipeline import parse_passes
from ..universe import available_passes

KEPT_MODULES = 24
"""Modules that are kept, some megabytes each: the last used of those that pipelines have in common."""

Passes = tuple[ModulePass, ...]
Gauge = Callable[[ModuleOp], Mapping[str, float]]


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
    stages = [op for op in network.units() if isinstance(op, dataflow.StageOp) and resident_place(op)[1] == 0]
    channels = [channel for channel in network.channels() if resident_place(channel)[1] == 0]
    return len(stages), sum(needed_pmus(channel, network.iterations, machine) for channel in channels)


def link_slacks(module: ModuleOp) -> dict[str, float]:
    """Bytes a cycle on the busiest link of the network on the chip, minus its width; after routing."""
    found = [op.attributes.get("busiest_link_bytes_per_cycle") for op in module.ops]
    loads = [load.value.data for load in found if isinstance(load, IntegerAttr)]
    return {"links": float(max(loads, default=0) - machine_of(module).rdn_bytes_per_cycle)}


BEFORE: Mapping[str, Gauge] = {"allocate-units": unit_slacks}
AFTER: Mapping[str, Gauge] = {"route-channels": link_slacks}
"""By pass: what reads slacks off the module before and after it."""


@dataclass(frozen=True)
class Lowered:
    """What a pipeline has made of a module, how far it was from the limits, and the error that ended it."""

    module: ModuleOp
    slacks: Mapping[str, float]
    error: DiagnosticException | None = None


@dataclass
class Workbench:
    """A module, which stays as it is, and the modules that pipelines have made of it."""

    ctx: Context
    module: ModuleOp
    _kept: OrderedDict[Passes, Lowered] = field(default_factory=OrderedDict[Passes, Lowered], repr=False)
    _seen: set[Passes] = field(default_factory=set[Passes], repr=False)

    def lower(self, pipeline: str) -> Lowered:
        """Run a pipeline on a copy of the module.

        Raises: InputError for a pipeline that is none.
        """
        passes = parse_passes(available_passes(), pipeline)
        beginnings = [passes[:count] for count in range(len(passes) + 1)]
        start = max((n for n, known in enumerate(beginnings) if known in self._kept), default=0)
        again = max((n for n, known in enumerate(beginnings[:-1]) if known in self._seen), default=0)
        self._seen.update(beginnings)
        base = self._kept.get(passes[:start], Lowered(self.module, {}))
        if start:
            self._kept.move_to_end(passes[:start])
        if again > start:
            base = self._run(base, passes[start:again])
            if base.error is not None:
                return base
            self._keep(passes[:again], base)
            start = again
        return self._run(base, passes[start:])

    def _keep(self, beginning: Passes, lowered: Lowered) -> None:
        self._kept[beginning] = lowered
        if len(self._kept) > KEPT_MODULES:
            self._kept.popitem(last=False)

    def _run(self, base: Lowered, passes: Passes) -> Lowered:
        """Run passes on a copy of a module."""
        module, slacks = base.module.clone(), dict(base.slacks)
        for one in passes:
            try:
                if one.name in BEFORE:
                    slacks |= BEFORE[one.name](module)
                one.apply(self.ctx, module)
                if one.name in AFTER:
                    slacks |= AFTER[one.name](module)
            except DiagnosticException as error:
                if isinstance(error, NoRoom):
                    slacks[error.resource] = max(float(error.excess), slacks.get(error.resource, -inf))
                return Lowered(module, slacks, error)
        return Lowered(module, slacks)
