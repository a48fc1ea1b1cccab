"""The space of a model's mappings: pipelines with knobs, the points, and the pipeline of each point.

Its text is what `kl-opt -p` and `kl time --pipeline` take.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.arg_spec import ArgSpec

from ...backends.targets import AnyTarget, Choice
from ...dialects.vocabulary import IR_LEVELS
from ...explore.errors import SpaceError
from ...explore.parameters import Value
from ...explore.reports.formatting import value_text
from ...explore.space import Point, Space
from ...passes.knobs import KnobValue
from ..driver import parse_passes
from ..lowering import default_passes, with_sockets
from ..mapping import check_edits
from ..pass_text import parse_specs
from ..pipelines import Edit, edited, join_passes, pass_text, split_passes
from ..universe import available_passes, find_target
from ..values import HELP_MARK, InputError
from .parameters import BoundKnob, Slot, bind_knobs, with_values


def choice_pipeline(choice: Choice, target: AnyTarget | None = None, edits: Sequence[Edit] = ()) -> str:
    """The pipeline of a target, or of the default one, from a model to the machine, for a user's choice."""
    target = find_target(None) if target is None else target
    return join_passes(default_passes(target, IR_LEVELS[0], target.level, choice, edits))


@dataclass(frozen=True)
class PipelineTemplate:
    """A pipeline whose options are the defaults of knobs; passes in `absent` do not run by default."""

    text: str
    absent: frozenset[str] = frozenset()

    @property
    def specs(self) -> tuple[ArgSpec, ...]:
        """The passes with their options."""
        return parse_specs(self.text)

    def slots(self) -> tuple[Slot, ...]:
        """The passes with the knobs' defaults.

        Raises: InputError for a malformed text, an unknown pass or a wrong option.
        """
        passes = parse_passes(available_passes(), self.text)
        return tuple(
            Slot(type(one), options_of(spec), one.name not in self.absent)
            for one, spec in zip(passes, self.specs, strict=True)
        )

    def beginning(self, count: int) -> str:
        """The pipeline of the first passes."""
        return join_passes(split_passes(self.text)[:count])

    def edited(self, edits: Sequence[Edit]) -> PipelineTemplate:
        """The pipeline with edits, in all points: also beside the place of a pass that does not run.

        Raises: InputError for an edit whose pass is not in it.
        """
        passes = split_passes(self.text)
        check_edits(edits, passes)
        return replace(self, text=join_passes(edited(passes, edits)))

    def without(self, name: str) -> PipelineTemplate:
        """The pipeline without a pass."""
        return self.edited([Edit("without", name)])

    def running(self, name: str) -> PipelineTemplate:
        """The pipeline in which a pass runs by default."""
        return PipelineTemplate(self.text, self.absent - {name})

    def with_option(self, name: str, value: KnobValue) -> PipelineTemplate:
        """The pipeline with another default of an option, `pass.option`."""
        text = ",".join(
            pass_text(spec.name, {**_options(spec), **_own_options(spec.name, {name: value})})
            for spec in self.specs
        )
        return PipelineTemplate(text, self.absent)

    def fill(self, values: Mapping[str, KnobValue], runs: Mapping[str, bool]) -> str:
        """The pipeline with some options set, by `pass.option`, and with passes turned on and off by name."""
        return ",".join(
            pass_text(spec.name, {**_options(spec), **_own_options(spec.name, values)})
            for spec in self.specs
            if runs.get(spec.name, spec.name not in self.absent)
        )


def options_of(spec: ArgSpec) -> dict[str, KnobValue]:
    """The options of a pass in a pipeline; a name without a value is a flag."""
    return {name.replace("_", "-"): _knob_value(values) for name, values in spec.parameters.items()}


def _knob_value(values: Sequence[Any]) -> KnobValue:
    if len(values) == 1:
        return values[0]
    return ",".join(map(str, values)) if values else True


def _options(spec: ArgSpec) -> dict[str, tuple[Any, ...]]:
    """The options of a pass as they are written."""
    return {name.replace("_", "-"): tuple(values) for name, values in spec.parameters.items()}


def _own_options(name: str, values: Mapping[str, KnobValue]) -> dict[str, tuple[KnobValue, ...]]:
    prefix = f"{name}."
    return {key.removeprefix(prefix): (value,) for key, value in values.items() if key.startswith(prefix)}


def default_template(
    sockets: int | None = None, *, spill: bool = False, target: AnyTarget | None = None
) -> PipelineTemplate:
    """A target's pipeline with all passes that it may have, for so many sockets, or those of the machine."""
    everything = choice_pipeline(Choice(spill=spill, resident=True), target)
    if sockets is not None:
        everything = join_passes(with_sockets(split_passes(everything), sockets))
    usual = {spec.name for spec in parse_specs(choice_pipeline(Choice(spill=spill), target))}
    absent = {spec.name for spec in parse_specs(everything)} - usual
    return PipelineTemplate(everything, frozenset(absent))


@dataclass(frozen=True)
class MappingSpace:
    """A pipeline and those of its knobs that are turned; everything else stays as the pipeline has it."""

    template: PipelineTemplate
    knobs: tuple[BoundKnob, ...]
    stuck: tuple[tuple[BoundKnob, KnobValue], ...] = ()
    """The knobs that are not turned, as the pipeline has them, and what they are set to."""

    @cached_property
    def space(self) -> Space:
        """The points, each of which stands for a pipeline.

        Raises: SpaceError where nothing satisfies the predicates.
        """
        return Space(tuple(knob.parameter for knob in self.knobs), self.constraints)

    @property
    def constraints(self) -> tuple[str, ...]:
        """The predicates of all knobs, each once, as far as they say something about those that are turned.

        Raises: SpaceError where what is not turned does not go together.
        """
        values = {knob.name: value for knob, value in self.stuck}
        knobs = (*self.knobs, *(knob for knob, _ in self.stuck))
        texts = dict.fromkeys(text for knob in knobs for text in knob.constraints)
        return tuple(filter(None, (with_values(text, values) for text in texts)))

    def pipeline(self, point: Mapping[str, Value]) -> str:
        """The pipeline of a point, as `kl-opt -p` takes it; what a pass does by itself is left out."""
        values: dict[str, KnobValue] = {}
        runs: dict[str, bool] = {}
        for knob in self.knobs:
            value = point.get(knob.name)
            if knob.option is None:
                runs[knob.pass_name] = bool(value)
            elif value is not None and (knob.is_written or value != knob.default):
                assert isinstance(value, int | str), "knobs have such values"
                values[knob.name] = value
        return self.template.fill(values, runs)

    def point(self, pipeline: str) -> Point | None:
        """The point of a pipeline with the same passes; None where knobs that are not turned differ."""
        specs = {spec.name: options_of(spec) for spec in parse_specs(pipeline)}
        if any(_value(knob, specs) not in (None, value) for knob, value in self.stuck):
            return None
        values = {knob.name: _value(knob, specs) for knob in self.knobs}
        return {name: value for name, value in values.items() if value is not None}

    def default_point(self) -> Point:
        """The point of the pipeline as it stands."""
        runs = {knob.pass_name: bool(knob.default) for knob in self.knobs if knob.option is None}
        return {d.name: d.default for d in self.knobs if d.option is None or runs.get(d.pass_name, True)}


def _value(knob: BoundKnob, specs: Mapping[str, Mapping[str, KnobValue]]) -> KnobValue | None:
    """What a knob is set to in a pipeline; None for an option of a pass that does not run."""
    if knob.option is None:
        return knob.pass_name in specs
    return specs[knob.pass_name].get(knob.option, knob.default) if knob.pass_name in specs else None


def mapping_space(
    template: PipelineTemplate,
    module: ModuleOp,
    *,
    only: Collection[str] | None = None,
    fixed: Mapping[str, KnobValue] | None = None,
) -> MappingSpace:
    """The space of a pipeline's knobs for a module at the nn level, split over its sockets.

    `only` names the knobs to turn, all others stay at their defaults; `fixed` are knobs to set for good.

    Raises: InputError for an unknown knob, for a value that it does not have, and where no knob is left.
    """
    given = bind_knobs(template.slots(), module)
    known, fixed = {knob.name: knob for knob in given}, fixed or {}
    for name in [*(only or ()), *fixed]:
        if name not in known:
            raise InputError(f"unknown knob '{name}'{_known(given)}")
    for name, value in fixed.items():
        template = _fix(template, known[name], value)
    knobs = bind_knobs(template.slots(), module)
    wanted = [knob for knob in knobs if knob.name not in fixed and (only is None or knob.name in only)]
    free = _freed(wanted, knobs)
    if only is not None and len(free) < len(wanted):
        raise InputError(_lost(wanted, free))
    if not free:
        raise InputError(f"no knob is left to turn{_known(given)}")
    values, names = {d.name: d.default for d in knobs} | {**fixed}, {knob.name for knob in free}
    for knob in map(known.__getitem__, fixed):
        if knob.option is not None and knob.pass_name not in names and not values.get(knob.pass_name, True):
            raise InputError(_without_effect(knob))
    stuck = [knob for knob in given if knob.name in values and knob.name not in names]
    return MappingSpace(template, tuple(free), tuple((knob, values[knob.name]) for knob in stuck))


def _known(knobs: Sequence[BoundKnob]) -> str:
    return f"{HELP_MARK}this model has {', '.join(knob.name for knob in knobs)}"


def _lost(wanted: Sequence[BoundKnob], free: Sequence[BoundKnob]) -> str:
    """The message about a knob that is to be turned and has no effect."""
    return _without_effect(next(knob for knob in wanted if knob.name not in {one.name for one in free}))


def _without_effect(knob: BoundKnob) -> str:
    way_out = f"{HELP_MARK}turn {knob.pass_name}, too, or fix it to true"
    return f"{knob.name} has no effect: its pass does not run{way_out}"


def _fix(template: PipelineTemplate, knob: BoundKnob, value: KnobValue) -> PipelineTemplate:
    """The pipeline with a knob set for good.

    Raises: InputError for a value that the knob does not have.
    """
    try:
        knob.parameter.index(value)
    except SpaceError as error:
        way_out = f"give one of its values, as in --fix {knob.name}={value_text(knob.default)}, its default"
        raise InputError(f"--fix {error}{HELP_MARK}{way_out}") from None
    if knob.option is not None:
        return template.with_option(knob.name, value)
    return template.running(knob.pass_name) if value else template.without(knob.pass_name)


def _freed(turned: Sequence[BoundKnob], knobs: Sequence[BoundKnob]) -> list[BoundKnob]:
    """The knobs to turn without conditions on what is not turned; those of passes that do not run go."""
    names = {knob.name for knob in turned}
    runs = {knob.pass_name: bool(knob.default) for knob in knobs if knob.option is None}
    freed: list[BoundKnob] = []
    for knob in turned:
        when = knob.parameter.when
        if when is None or when.parent in names:
            freed.append(knob)
        elif runs[when.parent]:
            freed.append(replace(knob, parameter=replace(knob.parameter, when=None)))
    return freed
