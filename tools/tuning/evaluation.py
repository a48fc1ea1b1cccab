"""From a point to its outcome: the pipeline is run, the program is timed, and both are measured.

An evaluation can be pickled; in each process the model is read once. What many pipelines have in common at
their beginning runs once: of each pipeline all beginnings are noted; where one comes up a second time, the
module behind it is kept. So neither a search at random nor an enumeration copies modules that nobody asks for
again. Kernels are kept at once: few pipelines differ in them, and to form them takes long.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import inf
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException

from ...backends import DEFAULT_TARGET
from ...backends.targets import AnyTarget, TimeOptions, Timing
from ...dialects import dataflow
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ...dialects.vocabulary import Orchestration
from ...explore.outcome import Outcome
from ...explore.parameters import Value
from ...passes.diagnostics import NoRoom
from ...passes.memory.plan_memory import PlanMemoryPass, check_room
from ...passes.units.resident_weights import kernel_units, resident_place
from ...passes.units.retain_weights import RetainWeightsPass
from ...passes.units.traffic import needed_pmus
from ..compilation import change_machine
from ..driver import parse_passes
from ..inputs import ModuleInput, read_input
from ..lowering import check_reached, phases
from ..options import PublishedOptions
from ..routing import routing
from ..universe import available_passes, find_target, make_context
from ..values import HELP_MARK, InputError, Number
from .parameters import Cost
from .space import MappingSpace, PipelineTemplate

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
    looped = network.loops.is_looped
    return len(stages), sum(needed_pmus(channel, machine, looped=looped) for channel in channels)


def link_slacks(module: ModuleOp) -> dict[str, float]:
    """Bytes a cycle on the busiest link of the network on the chip, minus its width; after routing."""
    found = [op.attributes.get("busiest_link_bytes_per_cycle") for op in module.ops]
    loads = [load.value.data for load in found if isinstance(load, IntegerAttr)]
    return {"links": float(max(loads, default=0) - machine_of(module).rdn_bytes_per_cycle)}


SLACK_UNITS = {"pcus": "PCUs", "pmus": "PMUs", "links": "bytes/cycle", "hbm": "bytes"}
"""Of what is too much of a resource."""
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
    forming: Collection[str] = ()
    """The passes behind the last of which the kernels are formed."""
    _kept: OrderedDict[Passes, Lowered] = field(default_factory=OrderedDict[Passes, Lowered], repr=False)
    _seen: set[Passes] = field(default_factory=set[Passes], repr=False)

    def lower(self, pipeline: str) -> Lowered:
        """Run a pipeline on a copy of the module.

        Raises: InputError for a pipeline that is none.
        """
        passes = parse_passes(available_passes(), pipeline)
        beginnings = [passes[:count] for count in range(len(passes) + 1)]
        start = max((n for n, known in enumerate(beginnings) if known in self._kept), default=0)
        again = max(
            (n for n, one in enumerate(beginnings[:-1]) if one in self._seen or self._forms(one)), default=0
        )
        self._seen.update(beginnings)
        base = self._kept.get(passes[:start], Lowered(self.module, {}))
        if start:
            self._kept.move_to_end(passes[:start])
        if again > start:
            base = self._run(base, passes, start, again)
            if base.error is not None:
                return base
            self._keep(passes[:again], base)
            start = again
        return self._run(base, passes, start, len(passes))

    def _forms(self, beginning: Passes) -> bool:
        return bool(beginning) and beginning[-1].name in self.forming

    def _keep(self, beginning: Passes, lowered: Lowered) -> None:
        self._kept[beginning] = lowered
        if len(self._kept) > KEPT_MODULES:
            self._kept.popitem(last=False)

    def _run(self, base: Lowered, passes: Passes, start: int, end: int) -> Lowered:
        """Run some of the passes of a pipeline on a copy of a module."""
        module, slacks = base.module.clone(), dict(base.slacks)
        settled = 1 + max((n for n, one in enumerate(passes) if self._settles(one)), default=-1)
        for number, one in enumerate(passes[start:end], start):
            try:
                if number == max(start, settled):
                    _check_room(module, passes[number:])
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

    def _settles(self, one: ModulePass) -> bool:
        """Whether a pass says more of what has to lie in memory."""
        return one.name in self.forming or isinstance(one, RetainWeightsPass)


def _check_room(module: ModuleOp, rest: Passes) -> None:
    """Refuse at once what `plan-memory` would refuse behind all that is planned before it.

    Raises: NoRoom where the memories are too small; what else is wrong says the pass that finds it.
    """
    for one in rest:
        if isinstance(one, PlanMemoryPass):
            try:
                check_room(module, spill=one.spill)
            except NoRoom:
                raise
            except DiagnosticException:
                return


@dataclass(frozen=True)
class Source:
    """Where a model comes from: its file, parameters of it, and what is changed of the default machine."""

    path: str
    parameters: tuple[tuple[str, Number], ...] = ()
    machine: tuple[tuple[str, int], ...] = ()
    target: str = DEFAULT_TARGET
    published: PublishedOptions = field(default_factory=PublishedOptions)

    @property
    def found(self) -> AnyTarget:
        """The target of its name."""
        return find_target(self.target)

    def changed(self, machine: Mapping[str, int]) -> Source:
        """The same model on another machine."""
        return replace(self, machine=tuple({**dict(self.machine), **machine}.items()))


@lru_cache(maxsize=4)
def read_source(
    path: str, parameters: tuple[tuple[str, Number], ...], target: str, published: PublishedOptions
) -> ModuleInput:
    """The model at the nn level; whoever changes it takes a copy.

    Raises: InputError for an input of another level, and as `read_input`.
    """
    given = read_input(make_context(), path, dict(parameters), target, published=published)
    if given.level != "nn":
        raise InputError(f"{path} has its kernels already{HELP_MARK}tune a model, or IR at the nn level")
    return given


@lru_cache(maxsize=8)
def workbench(source: Source) -> Workbench:
    """Where the pipelines of a model for a machine are run.

    Raises: InputError for a machine that cannot be.
    """
    given = read_source(source.path, source.parameters, source.target, source.published)
    changed = replace(given, module=given.module.clone())
    change_machine(changed, dict(source.machine))
    leads_to = phases(source.found)
    return Workbench(make_context(), changed.module, {one for one in leads_to if leads_to[one] == "kernel"})


def tuned_module(source: Source, template: PipelineTemplate) -> ModuleOp:
    """The model behind those passes of a pipeline that come before any knob: split over its sockets.

    Raises: DiagnosticException where they refuse it.
    """
    first = next((n for n, slot in enumerate(template.slots()) if slot.has_knobs), 0)
    lowered = workbench(source).lower(template.beginning(first))
    if lowered.error is not None:
        raise lowered.error
    return lowered.module


@dataclass(frozen=True)
class MappingEvaluation:
    """Times the mapping, and the machine, that a point stands for."""

    source: Source
    mapping: MappingSpace
    objectives: tuple[str, ...]
    """Names of the target's measures and of costs."""
    orchestration: Orchestration = "hardware"
    position: int | None = None
    """Of the token; the last in the context if None."""
    machine: tuple[str, ...] = ()
    """The parameters of a point that are the machine's."""
    costs: tuple[Cost, ...] = ()
    experts: str | None = None
    """What `--experts` says."""

    def __call__(self, point: Mapping[str, Value]) -> Outcome:
        """The outcome of a point. What a pass refuses is infeasible, with its message.

        Raises: TargetError for a position that there is not, and for a program that is wrong.
        """
        return self.outcome(self.changed_source(point), self.mapping.pipeline(point))

    def changed_source(self, point: Mapping[str, Value]) -> Source:
        """The model on the machine of a point."""
        values = {name: point[name] for name in self.machine}
        return self.source.changed({name: value for name, value in values.items() if isinstance(value, int)})

    def outcome(self, source: Source, pipeline: str) -> Outcome:
        """The outcome of any pipeline from the nn level to the machine.

        Raises: InputError for a pipeline that is none, and as a point does.
        """
        lowered = workbench(source).lower(pipeline)
        if lowered.error is not None:
            message = str(lowered.error)
            return Outcome(None, lowered.slacks, "infeasible", message, {"pipeline": pipeline})
        target = source.found
        check_reached(lowered.module, target, target.level)
        program = target.compile(lowered.module, source.path)
        how = routing(self.experts, target)
        options = TimeOptions(self.position, self.orchestration, routing=how)
        timing = target.time(program, options, lambda done, total: None)
        terms = target.terms(target.machine(lowered.module))
        measured = measure(target, program, timing)
        measured |= {cost.name: cost.of(terms) for cost in self.costs}
        values = tuple(measured[name] for name in self.objectives)
        slacks = {**lowered.slacks, **target.slacks(program)}
        return Outcome(values, slacks, details={"pipeline": pipeline, **measured})


def measure(target: AnyTarget, program: Any, timing: Timing) -> dict[str, float]:
    """All measures of a timed program."""
    return {name: float(one.of(program, timing)) for name, one in target.measures().items()}
