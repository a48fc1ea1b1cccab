"""This computer measured as a machine, and what that machine says of a model beside what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...backends.calibration import MeasuredMachine
from ...backends.targets import AnyTarget, Choice, TimeOptions
from ..terminal import progress
from ..universe import find_target
from ..values import HELP_MARK, InputError
from .session import toml_text
from .steps import UNFUSED, program_of
from .tables import Model

CHECKED = "SmolLM-135M with random weights"
SOURCE, CONTEXT = "llama3_2_1b", 128
"""A model of which this is one, with these numbers; and the positions that its caches have room for."""
SMOLLM: Mapping[str, int | float] = {
    "layers": 30,
    "hidden": 576,
    "heads": 9,
    "kv_heads": 3,
    "ffn": 1536,
    "vocab": 49_152,
    "theta": 10_000.0,
    "rope_factor": 1.0,
}
VARIANTS: Mapping[str, Choice] = {"unfused": UNFUSED, "looped": Choice()}


@dataclass(frozen=True)
class Check:
    """A step of a model."""

    variant: str
    measured_seconds: float
    """On this computer."""
    seconds: float
    """That the machine says."""

    @property
    def error(self) -> float:
        """Relative, above 0 if it was faster than said."""
        return self.seconds / self.measured_seconds - 1


@dataclass(frozen=True)
class Here:
    """This computer."""

    target: str
    machine: MeasuredMachine
    checks: tuple[Check, ...]

    @property
    def text(self) -> str:
        """The machine as a TOML file that stands alone."""
        head = f"This computer, measured by `kl calibrate {self.target}`"
        return toml_text(head, self.machine.kind, self.machine.values, self.machine.sources)


def is_measured(name: str) -> bool:
    """Whether a name is that of a target which measures this computer."""
    try:
        return find_target(name).measure is not None
    except InputError:
        return False


def measured_here(name: str) -> Here:
    """Measure this computer, and check the machine that it is with a model.

    Raises: TargetError where it cannot be measured.
    """
    target = find_target(name)
    assert target.measure is not None, "who asks has looked"
    with progress("measuring this computer") as advance:
        machine = target.measure(advance)
    modelled = find_target(machine.kind)
    checks = (_check(target, modelled, machine, *pair) for pair in VARIANTS.items())
    return Here(name, machine, tuple(checks))


def _check(
    target: AnyTarget, modelled: AnyTarget, machine: MeasuredMachine, name: str, choice: Choice
) -> Check:
    model = Model(SOURCE, tuple(SMOLLM.items()), batch=1, sockets=1)
    seconds = list[float]()
    for one, values in ((target, {}), (modelled, machine.values)):
        made = program_of(one, values, model, CONTEXT, choice)
        with progress(f"timing {name}") as advance:
            seconds.append(one.time(made, TimeOptions(), advance).seconds)
    return Check(name, *seconds)


def check_options(machine: str | None) -> None:
    """Raises: InputError for a machine that this computer would be based on."""
    if machine is not None:
        what = "this computer is measured, and based on no other machine"
        raise InputError(f"{what}{HELP_MARK}leave out --machine")
