"""Pipelines with knobs: which passes, with which options, and the text of each point.

The text is what `kl-opt -p` and `kl time --pipeline` take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xdsl.utils.arg_spec import ArgSpec, parse_pipeline

from ...backends.targets import AnyTarget, Choice
from ...dialects.vocabulary import IR_LEVELS
from ...passes.knobs import KnobValue
from ..driver import levels_between
from ..pipeline import parse_passes
from ..universe import available_passes, find_target
from .bound_knobs import Slot


def choice_pipeline(choice: Choice, target: AnyTarget | None = None) -> str:
    """The pipeline of a target, or of the default one, from a model to the machine, for a user's choice."""
    target = find_target(None) if target is None else target
    return ",".join(target.pipeline(level, choice) for level in levels_between(IR_LEVELS[0], target.level))


@dataclass(frozen=True)
class PipelineTemplate:
    """A pipeline whose options are the defaults of knobs; passes in `absent` do not run by default."""

    text: str
    absent: frozenset[str] = frozenset()

    @property
    def specs(self) -> tuple[ArgSpec, ...]:
        """The passes with their options."""
        return tuple(parse_pipeline(self.text))

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
        return ",".join(_text(spec.name, options_of(spec)) for spec in self.specs[:count])

    def without(self, name: str) -> PipelineTemplate:
        """The pipeline without a pass."""
        kept = ",".join(_text(spec.name, options_of(spec)) for spec in self.specs if spec.name != name)
        return PipelineTemplate(kept, self.absent)

    def running(self, name: str) -> PipelineTemplate:
        """The pipeline in which a pass runs by default."""
        return PipelineTemplate(self.text, self.absent - {name})

    def with_option(self, name: str, value: KnobValue) -> PipelineTemplate:
        """The pipeline with another default of an option, `pass.option`."""
        text = ",".join(
            _text(spec.name, {**options_of(spec), **_own_options(spec.name, {name: value})})
            for spec in self.specs
        )
        return PipelineTemplate(text, self.absent)

    def fill(self, values: Mapping[str, KnobValue], runs: Mapping[str, bool]) -> str:
        """The pipeline with some options set, by `pass.option`, and with passes turned on and off by name."""
        return ",".join(
            _text(spec.name, {**options_of(spec), **_own_options(spec.name, values)})
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


def _own_options(name: str, values: Mapping[str, KnobValue]) -> dict[str, KnobValue]:
    prefix = f"{name}."
    return {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}


def _text(name: str, options: Mapping[str, KnobValue]) -> str:
    """A pass in the notation of `kl-opt -p`."""
    shown = " ".join(f"{option}={_shown(value)}" for option, value in options.items())
    return f"{name}{{{shown}}}" if shown else name


def _shown(value: KnobValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def default_template(
    sockets: int | None = None, *, spill: bool = False, target: AnyTarget | None = None
) -> PipelineTemplate:
    """A target's pipeline with all passes that it may have, for so many sockets, or those of the machine."""
    everything = choice_pipeline(Choice(spill=spill, resident=True), target)
    if sockets is not None:
        everything = everything.replace("shard-tensors", f"shard-tensors{{sockets={sockets}}}", 1)
    usual = {spec.name for spec in parse_pipeline(choice_pipeline(Choice(spill=spill), target))}
    absent = {spec.name for spec in parse_pipeline(everything)} - usual
    return PipelineTemplate(everything, frozenset(absent))
