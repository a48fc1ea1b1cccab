"""A machine calibrated to a user's table: the fit, its errors, and the machine as a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...dialects.sequence_machine import SequenceMachine
from ..described_machines import Described, described
from ..examples import examples
from ..values import HELP_MARK, InputError
from .constants import OF_A_MACHINE, Constant, Observation, applies, calibrated, rebased
from .errors import Summary
from .fitting import Prediction, fitted, groups_of, held_out, predictions, priors
from .tables import read_table
from .works import TARGET, observations


@dataclass(frozen=True)
class Session:
    """A calibrated machine, and how far it is off."""

    base: Described
    """The machine as it was."""
    table: str
    constants: tuple[Constant, ...]
    """Those on which some step depends."""
    values: Mapping[str, float]
    machine: SequenceMachine
    in_sample: tuple[Prediction, ...]
    held_out: tuple[Prediction, ...]
    """Each group by constants fitted to the others; empty where there is one group."""

    @property
    def changed(self) -> Mapping[str, str]:
        """The parameters that are fitted, each with where it comes from."""
        count = len(self.in_sample)
        before = {one.name: one.value for one in self.base.parameters}
        return {
            one.parameter: f"Fitted: by kl calibrate to {count} measured steps; "
            f"{before[one.parameter]:,} in {self.base.name}"
            for one in self.constants
        }

    @property
    def groups(self) -> Iterator[tuple[str, Summary]]:
        """The errors of each group that was held out."""
        for group in groups_of([one.observation for one in self.held_out]):
            yield group, Summary.of(one.error for one in self.held_out if one.observation.group == group)


def calibrate(name: str, table: str) -> Session:
    """A machine, by its name or file, fitted to the steps of a table.

    Raises: InputError for a machine of another class, a table that is wrong, and without scipy; OSError.
    """
    base = described(name)
    if base.kind != TARGET:
        raise InputError(
            f"machine '{name}' is of the class {base.kind}{HELP_MARK}"
            f"kl calibrate fits machines of the class {TARGET}; `kl machines` lists some"
        )
    machine = SequenceMachine(**{one.name: one.value for one in base.parameters})
    known = {one.name for one in examples("model")}
    seen = observations(table, read_table(table, known.__contains__), machine)
    return fit_session(base, table, seen, machine)


def fit_session(
    base: Described, table: str, seen: tuple[Observation, ...], machine: SequenceMachine
) -> Session:
    """The fit of a machine to measured steps.

    Raises: InputError without scipy.
    """
    constants = tuple(
        one for one in rebased(OF_A_MACHINE, machine) if any(applies(one, step) for step in seen)
    )
    values = fitted(seen, constants, priors(constants))
    several = len(groups_of(seen)) > 1
    return Session(
        base,
        table,
        constants,
        values,
        calibrated(machine, constants, values),
        tuple(predictions(seen, constants, values)),
        tuple(held_out(seen, constants)) if several else (),
    )


def machine_text(session: Session) -> str:
    """The machine as a TOML file that stands alone."""
    sources = {one.name: one.source for one in session.base.parameters} | dict(session.changed)
    lines = [
        f"# {session.base.name}, calibrated by `kl calibrate`.",
        f'class = "{TARGET}"',
        *(f"{name} = {value:_}" for name, value in session.machine.items()),
        "",
        "[sources]",
        *(f"{name} = {_quoted(source)}" for name, source in sources.items()),
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """As a string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in escaped) + '"'
