"""From a point to its outcome: the pipeline is run, the program is timed, and both are measured.

An evaluation can be pickled; in each process the model is read once, and modules are kept for later points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from ...backends import DEFAULT_TARGET
from ...backends.targets import AnyTarget, TimeOptions, Timing
from ...dialects.vocabulary import Orchestration
from ...explore.outcome import Outcome
from ...explore.parameters import Value
from ..compilation import ModuleInput, change_machine, read_input
from ..universe import find_target, make_context
from ..values import HELP_MARK, InputError, Number
from .machines import Cost
from .pipelines import PipelineTemplate
from .space import MappingSpace
from .workbench import Workbench


@dataclass(frozen=True)
class Source:
    """Where a model comes from: its file, parameters of it, and what is changed of the default machine."""

    path: str
    parameters: tuple[tuple[str, Number], ...] = ()
    machine: tuple[tuple[str, int], ...] = ()
    target: str = DEFAULT_TARGET

    @property
    def found(self) -> AnyTarget:
        """The target of its name."""
        return find_target(self.target)

    def changed(self, machine: Mapping[str, int]) -> Source:
        """The same model on another machine."""
        return replace(self, machine=tuple({**dict(self.machine), **machine}.items()))


@lru_cache(maxsize=4)
def read_source(path: str, parameters: tuple[tuple[str, Number], ...], target: str) -> ModuleInput:
    """The model at the nn level; whoever changes it takes a copy.

    Raises: InputError for an input of another level, and as `read_input`.
    """
    given = read_input(make_context(), path, dict(parameters), target)
    if not isinstance(given, ModuleInput) or given.level != "nn":
        raise InputError(f"{path} has its kernels already{HELP_MARK}tune a model, or IR at the nn level")
    return given


@lru_cache(maxsize=8)
def workbench(source: Source) -> Workbench:
    """Where the pipelines of a model for a machine are run.

    Raises: InputError for a machine that cannot be.
    """
    given = read_source(source.path, source.parameters, source.target)
    changed = replace(given, module=given.module.clone())
    change_machine(changed, dict(source.machine))
    return Workbench(make_context(), changed.module)


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
        program = target.compile(lowered.module, source.path)
        options = TimeOptions(self.position, self.orchestration)
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
