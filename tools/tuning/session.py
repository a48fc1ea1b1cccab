"""From a command line to a study: what is tuned, what for, and the points to begin with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp

from ...backends import DEFAULT_TARGET
from ...backends.targets import AnyTarget, Parameters
from ...explore.about import About
from ...explore.errors import SpaceError
from ...explore.history import Objective
from ...explore.optimizer import Settings
from ...explore.parameters import Integer, Ordinal
from ...explore.space import Point, Space
from ...explore.studies.study import StudyPlan
from ...passes.knobs import KnobValue
from ..driver import parse_passes
from ..mapping import check_names
from ..options import MachineOptions, ModelOptions, TuningOptions
from ..parameters import parameters_of
from ..routing import routing
from ..study_options import StudyOptions
from ..universe import available_passes, find_target
from ..values import HELP_MARK, MOST_DIGITS, STDIN, InputError, assignments
from ..variants import VARIANTS
from .evaluation import SLACK_UNITS, MappingEvaluation, Source, tuned_module, workbench
from .parameters import Cost, machine_parameter, parse_cost
from .space import MappingSpace, PipelineTemplate, choice_pipeline, default_template, mapping_space

FIRST = ("looped", "resident", "fused", "unfused")
"""What one would try by hand, `kl compare` shows the same: a search begins with it, the best guess first."""


@dataclass(frozen=True)
class Session:
    """A study of mappings or machines."""

    evaluation: MappingEvaluation
    plan: StudyPlan
    defaults: Mapping[str, Point]
    """Points to begin with, by name."""
    machine: str = DEFAULT_TARGET
    """The name of the machine: its file's, else that of its class."""

    @property
    def about(self) -> About:
        """What reports name: the model, units, and the points by hand."""
        evaluation, source = self.evaluation, self.evaluation.source
        sockets = dict(_machine(source).items()).get("sockets")
        is_fixed = sockets is not None and "sockets" not in evaluation.machine
        where = f", {sockets} socket{'s' if sockets != 1 else ''}" if is_fixed else ""
        turned = "mappings" if evaluation.mapping.knobs else "machines"
        changed = " ".join(f"{key}={value}" for key, value in (*source.parameters, *source.machine))
        facts = (("model", source.path), ("target", source.found.name), ("changed", changed))
        title = f"{Path(source.path).stem} on {self.machine}{where}: {turned}"
        return About(
            title, tuple(one for one in facts if one[1]), _units(evaluation), (*self.defaults.items(),)
        )


def _units(evaluation: MappingEvaluation) -> dict[str, str]:
    """The units of all that a report shows, as far as it has some."""
    source = evaluation.source
    units = {
        **{one.name: one.unit for one in parameters_of(_machine(source)) if one.name in evaluation.machine},
        **{knob.name: knob.unit for knob in evaluation.mapping.knobs},
        **SLACK_UNITS,
        **{name: measure.unit for name, measure in source.found.measures().items()},
    }
    return {name: unit for name, unit in units.items() if unit}


def make_session(model: ModelOptions, tuning: TuningOptions, study: StudyOptions) -> Session:
    """The study that a command line of `kl tune` asks for.

    Raises: InputError for options that make no sense, SpaceError for a space without points,
    DiagnosticException where the model cannot be split, and what reading a model raises.
    """
    alone = tuning.machine.machine is True
    machines = _machine_parameters(tuning, find_target(tuning.machine.kind), alone)
    names = [parameter.name for parameter in machines]
    source = _source(model, tuning.machine)
    given, terms = _machine(source), source.found.terms(_machine(source))
    template = _template(tuning, source, None if "sockets" in names else dict(given.items()).get("sockets"))
    mapping = MappingSpace(template, ()) if alone else _mapping(tuning, source, template)
    costs = tuple(parse_cost(text, terms) for text in tuning.cost)
    evaluation = MappingEvaluation(
        source,
        mapping,
        _objectives(tuning, source, costs),
        tuning.timing.orchestration,
        tuning.timing.position,
        tuple(names),
        costs,
        tuning.timing.experts,
    )
    space = Space((*machines, *(knob.parameter for knob in mapping.knobs)), mapping.constraints)
    plan = _plan(tuning, study, evaluation, space)
    named = tuning.machine.machine
    machine = Path(named).stem if isinstance(named, str) else source.target
    return Session(evaluation, plan, _defaults(evaluation, space, tuning), machine)


def _machine_parameters(
    tuning: TuningOptions, target: AnyTarget, alone: bool
) -> tuple[Integer | Ordinal, ...]:
    """The machine parameters to explore.

    Raises: InputError where there are none and the machine alone is tuned, or a knob is turned with it.
    """
    known = [name for name, _ in target.machine(ModuleOp([])).items()]
    machines = tuple(machine_parameter(text, known) for text in tuning.explore)
    names = [parameter.name for parameter in machines]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"--explore has {twice[0]} twice")
    if alone and not machines:
        way_out = f"{HELP_MARK}say it with --explore hbm_bandwidth=1e12..4e12:log, or give --machine a file"
        raise InputError(f"--machine tunes the machine, but nothing of it is to be explored{way_out}")
    if alone and (tuning.knobs is not None or tuning.fix):
        way_out = f"{HELP_MARK}leave out the bare --machine to turn knobs as well"
        raise InputError(f"--machine tunes the machine alone, --knobs and --fix are for mappings{way_out}")
    return machines


def _source(model: ModelOptions, machine: MachineOptions) -> Source:
    if model.input == STDIN:
        raise InputError(f"stdin cannot be tuned{HELP_MARK}give a file, each process reads it again")
    target = find_target(machine.kind)
    changes = machine.changes(target)
    parameters = tuple(model.parameters.items())
    return Source(model.input, parameters, tuple(changes.items()), target.name, model.published)


def _machine(source: Source) -> Parameters:
    """The machine before anything of it is explored."""
    return source.found.machine(workbench(source).module)


def _template(tuning: TuningOptions, source: Source, sockets: int | None) -> PipelineTemplate:
    check_names(tuning.edits)
    if tuning.pipeline is None:
        return default_template(sockets, spill=tuning.spill, target=source.found).edited(tuning.edits)
    if tuning.spill:
        raise InputError(f"--pipeline says all that is done{HELP_MARK}give plan-memory{{spill=true}} there")
    parse_passes(available_passes(), tuning.pipeline)
    return PipelineTemplate(tuning.pipeline).edited(tuning.edits)


def _mapping(tuning: TuningOptions, source: Source, template: PipelineTemplate) -> MappingSpace:
    """The space of the knobs that are turned.

    Raises: InputError for a knob that --knobs or --fix names twice, or that both name.
    """
    only = None if tuning.knobs is None else _names("--knobs", tuning.knobs)
    fixed: dict[str, KnobValue] = {}
    for name, value in map(_knob_value, tuning.fix):
        if name in fixed:
            raise InputError(
                f"--fix {name} is given twice, with {fixed[name]} and {value}{HELP_MARK}keep one"
            )
        fixed[name] = value
    for name in only or ():
        if name in fixed:
            way_out = f"{HELP_MARK}leave it out of --knobs, or drop --fix {name}={fixed[name]}"
            raise InputError(f"--knobs turns {name}, and --fix sets it to {fixed[name]}{way_out}")
    return mapping_space(template, tuned_module(source, template), only=only, fixed=fixed)


def _names(option: str, text: str) -> tuple[str, ...]:
    """The names of a list.

    Raises: InputError for an empty one, and one that stands there twice.
    """
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if not name:
            raise InputError(f"{option} '{text}' has an empty name{HELP_MARK}write {option} a,b")
        if names.count(name) > 1:
            raise InputError(f"{option} has {name} twice")
    return names


def _knob_value(text: str) -> tuple[str, KnobValue]:
    """A knob and its value as a command line says them."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if not (name and equals and value):
        raise InputError(f"--fix '{text}' is no assignment{HELP_MARK}write --fix knob=value")
    known = {"true": True, "yes": True, "false": False, "no": False}
    if value.lower() in known:
        return name, known[value.lower()]
    return name, int(value) if value.isdecimal() and len(value) <= MOST_DIGITS else value


def _objectives(tuning: TuningOptions, source: Source, costs: Sequence[Cost]) -> tuple[str, ...]:
    """The names of the objectives.

    Raises: InputError for one that there is not, or twice.
    """
    measures = source.found.measures()
    known = [*measures, *(cost.name for cost in costs)]
    for cost in costs:
        if known.count(cost.name) > 1:
            raise InputError(f"--cost {cost.name}: there is an objective of this name{HELP_MARK}take another")
    if tuning.objectives is None:
        usual = [name for name in ("latency", "units") if name in measures]
        return ("latency", *(cost.name for cost in costs)) if costs else tuple(usual)
    names = _names("--objectives", tuning.objectives)
    for name in names:
        if name not in known:
            raise InputError(f"unknown objective '{name}'{HELP_MARK}known are {', '.join(known)}")
    return names


def _plan(
    tuning: TuningOptions, study: StudyOptions, evaluation: MappingEvaluation, space: Space
) -> StudyPlan:
    """The plan of a study whose name says what was evaluated, so that no other goes on with it."""
    source, explored = evaluation.source, evaluation.machine
    worst = assignments("--worst", tuning.worst)
    for name, value in worst.items():
        if name not in evaluation.objectives:
            known = ", ".join(evaluation.objectives)
            raise InputError(f"--worst {name}: this is no objective of the search{HELP_MARK}it has {known}")
        if not 0 < value < inf:
            raise InputError(f"--worst {name} is {value}; it must be positive")
    limits = {name: None if explored else _capacity(name, source) for name in evaluation.objectives} | worst
    objectives = [Objective(name, capacity=limit) for name, limit in limits.items()]
    what = (
        str(workbench(source).module),
        evaluation.mapping.template,
        evaluation.orchestration,
        evaluation.position,
        evaluation.costs,
        *(() if source.target == DEFAULT_TARGET else (source.target,)),
        *(() if evaluation.experts is None else (routing(evaluation.experts, source.found),)),
    )
    digest = hashlib.sha256(repr(what).encode()).hexdigest()[:8]
    settings = Settings(method=study.method)
    return StudyPlan(f"{Path(source.path).stem}-{digest}", space, tuple(objectives), settings, study.seed)


def _capacity(name: str, source: Source) -> float | None:
    """The worst value of any use; None where the machine sets none."""
    measure = source.found.measures().get(name)
    capacity = measure.capacity if measure is not None else None
    return None if capacity is None else capacity(_machine(source))


def _defaults(evaluation: MappingEvaluation, space: Space, tuning: TuningOptions) -> dict[str, Point]:
    """The points of the mappings that one would try by hand, on the machine as it is given.

    Those are left out that the space does not have: a knob is fixed, a machine parameter has other values.
    """
    machine = dict(_machine(evaluation.source).items())
    values: Point = {name: machine[name] for name in evaluation.machine}
    mapping, points = evaluation.mapping, dict[str, Point | None]()
    if tuning.pipeline is None and mapping.knobs:
        choices = {name: replace(VARIANTS[name].choice, spill=tuning.spill) for name in FIRST}
        target = evaluation.source.found
        made = {name: choice_pipeline(choice, target, tuning.edits) for name, choice in choices.items()}
        points = {name: mapping.point(pipeline) for name, pipeline in made.items()}
    points["as given"] = mapping.default_point()
    found: dict[str, Point] = {}
    for name, point in points.items():
        if (
            point is not None
            and {**values, **point} not in found.values()
            and _has(space, {**values, **point})
        ):
            found[name] = {**values, **point}
    return found


def _has(space: Space, point: Point) -> bool:
    try:
        space.check(point)
    except SpaceError:
        return False
    return True
