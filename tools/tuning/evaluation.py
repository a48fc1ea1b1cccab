"""From a point to its outcome: the pipeline is run, the program is timed, and both are measured.

An evaluation can be pickled; in each process the model is read once, and modules are kept for later points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from xdsl.dialects.builtin import ModuleOp

from ...backends.sn40l.check import check_program
from ...backends.sn40l.emit import emit_program
from ...backends.sn40l.executor import time_step
from ...backends.sn40l.program import Program
from ...backends.sn40l.report import Report
from ...explore.outcome import Outcome
from ...explore.parameters import Value
from ..diagnostics import HELP_MARK, InputError
from ..execution import position_inputs, timed_position
from ..inputs import ModuleInput, read_input
from ..machine_options import change_machine
from ..options import Number
from ..universe import make_context
from .machines import Cost
from .measures import MEASURES, memory_slacks
from .pipelines import PipelineTemplate
from .space import MappingSpace
from .workbench import Workbench


@dataclass(frozen=True)
class Source:
    """Where a model comes from: its file, parameters of it, and what is changed of the default machine."""

    path: str
    parameters: tuple[tuple[str, Number], ...] = ()
    machine: tuple[tuple[str, int], ...] = ()

    def changed(self, machine: Mapping[str, int]) -> Source:
        """The same model on another machine."""
        return Source(self.path, self.parameters, tuple({**dict(self.machine), **machine}.items()))


@lru_cache(maxsize=4)
def read_source(path: str, parameters: tuple[tuple[str, Number], ...]) -> ModuleInput:
    """The model at the nn level; whoever changes it takes a copy.

    Raises: InputError for an input of another level, and as `read_input`.
    """
    given = read_input(make_context(), path, dict(parameters))
    if not isinstance(given, ModuleInput) or given.level != "nn":
        raise InputError(f"{path} has its kernels already{HELP_MARK}tune a model, or IR at the nn level")
    return given


@lru_cache(maxsize=8)
def workbench(source: Source) -> Workbench:
    """Where the pipelines of a model for a machine are run.

    Raises: InputError for a machine that cannot be.
    """
    given = read_source(source.path, source.parameters)
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
    """names of `MEASURES` and of costs"""
    orchestration: str = "hardware"
    position: int | None = None
    """Of the token; the last in the context if None."""
    machine: tuple[str, ...] = ()
    """The parameters of a point that are the machine's."""
    costs: tuple[Cost, ...] = ()

    def __call__(self, point: Mapping[str, Value]) -> Outcome:
        """The outcome of a point. What a pass refuses is infeasible, with its message.

        Raises: InputError for a position that there is not, ProgramError and ExecutionError for a program
        that is wrong.
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
        program = emit_program(lowered.module, source.path)
        check_program(program)
        measured = measure(program, self._time(program))
        measured |= {cost.name: cost.of(program.machine) for cost in self.costs}
        values = tuple(measured[name] for name in self.objectives)
        slacks = {**lowered.slacks, **memory_slacks(program)}
        return Outcome(values, slacks, details={"pipeline": pipeline, **measured})

    def _time(self, program: Program) -> Report:
        position = timed_position(program, self.position)
        return time_step(program, position_inputs(program, position), self.orchestration)


def measure(program: Program, report: Report) -> dict[str, float]:
    """All measures of a timed program."""
    return {name: float(one.of(program, report)) for name, one in MEASURES.items()}
