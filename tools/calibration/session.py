"""A machine calibrated to a user's table, and the machine as a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp

from ...backends.calibration import Calibration, Summary
from ..described_machines import Described, described
from ..examples import examples
from ..universe import find_target
from ..values import HELP_MARK, InputError
from .steps import measured_steps
from .tables import read_table


@dataclass(frozen=True)
class Session:
    """A machine before and behind its calibration."""

    base: Described
    found: Calibration

    @property
    def changed(self) -> Mapping[str, str]:
        """The parameters that are fitted, each with where it comes from."""
        before = {one.name: one.value for one in self.base.parameters}
        return {
            one.parameter: f"Fitted: by kl calibrate to {len(self.found.steps)} measured steps; "
            f"{before[one.parameter]:,} in {self.base.name}"
            for one in self.found.constants
        }

    @property
    def in_sample(self) -> Summary:
        """The errors by constants that are fitted to all steps."""
        return Summary.of(one.error for one in self.found.steps)

    @property
    def held_out(self) -> Summary | None:
        """The errors by constants without a step's group; None for one group."""
        errors = [one.held_out_error for one in self.found.steps if one.held_out_error is not None]
        return Summary.of(errors) if errors else None

    @property
    def groups(self) -> Iterator[tuple[str, Summary]]:
        """The errors of each group that was held out."""
        for group in dict.fromkeys(one.measured.group for one in self.found.steps):
            its = [one.held_out_error for one in self.found.steps if one.measured.group == group]
            if errors := [error for error in its if error is not None]:
                yield group, Summary.of(errors)


def calibrate(name: str, table: str) -> Session:
    """A machine, by its name or file, fitted to the steps of a table.

    Raises: InputError for a machine whose class has nothing to fit, and a table that is wrong; TargetError
        without scipy; OSError.
    """
    base = described(name)
    target = find_target(base.kind)
    if target.calibrate is None:
        raise InputError(
            f"machine '{name}' is of the class {base.kind}, of which nothing is fitted to steps{HELP_MARK}"
            "give a machine of the class sequence; `kl machines` lists some"
        )
    values = {one.name: one.value for one in base.parameters}
    known = {one.name for one in examples("model")}
    steps = measured_steps(table, read_table(table, known.__contains__), target, values)
    machine = target.machine(ModuleOp([])).with_values(values)
    return Session(base, target.calibrate(machine, steps))


def machine_text(session: Session) -> str:
    """The machine as a TOML file that stands alone."""
    sources = {one.name: one.source for one in session.base.parameters} | dict(session.changed)
    head = f"{session.base.name}, calibrated by `kl calibrate`"
    return toml_text(head, session.base.kind, dict(session.found.machine.items()), sources)


def toml_text(head: str, kind: str, values: Mapping[str, int], sources: Mapping[str, str]) -> str:
    """A machine of a class as TOML, with where each number comes from."""
    lines = [
        f"# {head}.",
        f'class = "{kind}"',
        *(f"{name} = {value:_}" for name, value in values.items()),
        "",
        "[sources]",
        *(f"{name} = {_quoted(source)}" for name, source in sources.items()),
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """As a string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in escaped) + '"'
