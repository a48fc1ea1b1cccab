"""The space of a model's mappings: the points, and the pipeline that each of them stands for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.arg_spec import parse_pipeline

from ...explore.errors import SpaceError
from ...explore.parameters import Value
from ...explore.space import Point, Space
from ...passes.knobs import Setting
from ..values import HELP_MARK, InputError
from .dials import Dial, find_dials, with_settings
from .pipelines import PipelineTemplate, settings_of


@dataclass(frozen=True)
class MappingSpace:
    """A pipeline and those of its dials that are turned; everything else stays as the pipeline has it."""

    template: PipelineTemplate
    dials: tuple[Dial, ...]
    stuck: tuple[tuple[Dial, Setting], ...] = ()
    """The dials that are not turned, as the pipeline has them, and what they are set to."""

    @cached_property
    def space(self) -> Space:
        """The points, each of which stands for a pipeline.

        Raises: SpaceError where nothing satisfies the predicates.
        """
        return Space(tuple(dial.parameter for dial in self.dials), self.constraints)

    @property
    def constraints(self) -> tuple[str, ...]:
        """The predicates of all dials, each once, as far as they say something about those that are turned.

        Raises: SpaceError where what is not turned does not go together.
        """
        settings = {dial.name: setting for dial, setting in self.stuck}
        dials = (*self.dials, *(dial for dial, _ in self.stuck))
        texts = dict.fromkeys(text for dial in dials for text in dial.constraints)
        return tuple(filter(None, (with_settings(text, settings) for text in texts)))

    def pipeline(self, point: Mapping[str, Value]) -> str:
        """The pipeline of a point, as `kl-opt -p` takes it; what a pass does by itself is left out."""
        settings: dict[str, Setting] = {}
        runs: dict[str, bool] = {}
        for dial in self.dials:
            value = point.get(dial.name)
            if dial.option is None:
                runs[dial.pass_name] = bool(value)
            elif value is not None and (dial.is_written or value != dial.default):
                assert isinstance(value, int | str), "knobs have such values"
                settings[dial.name] = value
        return self.template.fill(settings, runs)

    def point(self, pipeline: str) -> Point | None:
        """The point of a pipeline with the same passes; None where dials that are not turned differ."""
        specs = {spec.name: settings_of(spec) for spec in parse_pipeline(pipeline)}
        if any(_value(dial, specs) not in (None, setting) for dial, setting in self.stuck):
            return None
        values = {dial.name: _value(dial, specs) for dial in self.dials}
        return {name: value for name, value in values.items() if value is not None}

    def default_point(self) -> Point:
        """The point of the pipeline as it stands."""
        runs = {dial.pass_name: bool(dial.default) for dial in self.dials if dial.option is None}
        return {d.name: d.default for d in self.dials if d.option is None or runs.get(d.pass_name, True)}


def _value(dial: Dial, specs: Mapping[str, Mapping[str, Setting]]) -> Setting | None:
    """What a dial is set to in a pipeline; None for an option of a pass that does not run."""
    if dial.option is None:
        return dial.pass_name in specs
    return specs[dial.pass_name].get(dial.option, dial.default) if dial.pass_name in specs else None


def mapping_space(
    template: PipelineTemplate,
    module: ModuleOp,
    *,
    only: Collection[str] | None = None,
    fixed: Mapping[str, Setting] | None = None,
) -> MappingSpace:
    """The space of a pipeline's knobs for a module at the nn level, split over its sockets.

    `only` names the knobs to turn, all others stay at their defaults; `fixed` are knobs to set for good.

    Raises: InputError for an unknown knob, for a setting that it does not have, and where no knob is left.
    """
    given = find_dials(template.slots(), module)
    known, fixed = {dial.name: dial for dial in given}, fixed or {}
    for name in [*(only or ()), *fixed]:
        if name not in known:
            raise InputError(f"unknown knob '{name}'{_known(given)}")
    for name, value in fixed.items():
        template = _fix(template, known[name], value)
    dials = find_dials(template.slots(), module)
    wanted = [dial for dial in dials if dial.name not in fixed and (only is None or dial.name in only)]
    free = _freed(wanted, dials)
    if only is not None and len(free) < len(wanted):
        raise InputError(_lost(wanted, free))
    if not free:
        raise InputError(f"no knob is left to turn{_known(given)}")
    settings, names = {d.name: d.default for d in dials} | {**fixed}, {dial.name for dial in free}
    stuck = [dial for dial in given if dial.name in settings and dial.name not in names]
    return MappingSpace(template, tuple(free), tuple((dial, settings[dial.name]) for dial in stuck))


def _known(dials: Sequence[Dial]) -> str:
    return f"{HELP_MARK}this model has {', '.join(dial.name for dial in dials)}"


def _lost(wanted: Sequence[Dial], free: Sequence[Dial]) -> str:
    """The message about a dial that is to be turned and has no effect."""
    lost = next(dial for dial in wanted if dial.name not in {one.name for one in free})
    way_out = f"{HELP_MARK}turn {lost.pass_name}, too, or fix it to true"
    return f"{lost.name} has no effect: its pass does not run{way_out}"


def _fix(template: PipelineTemplate, dial: Dial, value: Setting) -> PipelineTemplate:
    """The pipeline with a knob set for good.

    Raises: InputError for a setting that the knob does not have.
    """
    try:
        dial.parameter.index(value)
    except SpaceError as error:
        raise InputError(str(error)) from None
    if dial.option is not None:
        return template.setting(dial.name, value)
    return template.running(dial.pass_name) if value else template.without(dial.pass_name)


def _freed(turned: Sequence[Dial], dials: Sequence[Dial]) -> list[Dial]:
    """The dials to turn without conditions on what is not turned; those of passes that do not run go."""
    names = {dial.name for dial in turned}
    runs = {dial.pass_name: bool(dial.default) for dial in dials if dial.option is None}
    freed: list[Dial] = []
    for dial in turned:
        when = dial.parameter.when
        if when is None or when.parent in names:
            freed.append(dial)
        elif runs[when.parent]:
            freed.append(replace(dial, parameter=replace(dial.parameter, when=None)))
    return freed
