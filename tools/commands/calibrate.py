"""`kl calibrate`: fit the constants of a machine to measured steps, and write the machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..command_line import option
from ..options import JSON_VERSION, json_option
from ..output import write_file
from ..terminal import print_json

if TYPE_CHECKING:
    from ..calibration.fitting import Prediction
    from ..calibration.session import Session


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a command line of `kl calibrate` says."""

    table: str = option(
        "the measured steps, as CSV (docs/machine.md lists the columns)", "table", metavar="TABLE"
    )
    machine: str = option(
        "the machine that it is but for these constants: a name (`kl machines`) or a TOML file",
        metavar="MACHINE",
        required=True,
    )
    output: str | None = option(
        "write the calibrated machine there (default: TABLE with .toml)", "-o", "--output", metavar="FILE"
    )
    json: bool = json_option()


def run(command: Command) -> int:
    """Fit, write the machine and say how far it is off."""
    from ..calibration.session import calibrate, machine_text

    session = calibrate(command.machine, command.table)
    output = command.output or str(Path(command.table).with_suffix(".toml"))
    write_file(output, machine_text(session))
    if command.json:
        print_json(_document(session, output))
    else:
        _print(session, output)
    return 0


def _document(session: Session, output: str) -> dict[str, Any]:
    unseen = {one.observation.name: one for one in session.held_out}
    return {
        "version": JSON_VERSION,
        "machine": session.base.name,
        "output": output,
        "constants": [
            {
                "name": one.name,
                "parameter": one.parameter,
                "prior": one.prior,
                "factor": one.factor,
                "value": session.values[one.name],
            }
            for one in session.constants
        ],
        "rows": [
            {
                "row": int(one.observation.name.removeprefix("row ")),
                "group": one.observation.group,
                "measured_seconds": one.observation.seconds,
                "seconds": one.seconds,
                "error": one.error,
                "held_out_error": unseen[one.observation.name].error if unseen else None,
            }
            for one in session.in_sample
        ],
        "in_sample": asdict(_summary(session.in_sample)),
        "held_out": asdict(_summary(session.held_out)) if session.held_out else None,
        "groups": {group: asdict(summary) for group, summary in session.groups},
    }


def _summary(found: tuple[Prediction, ...]) -> Any:
    from ..calibration.errors import Summary

    return Summary.of(one.error for one in found)


def _print(session: Session, output: str) -> None:
    from ..calibration.errors import SUMMARY_COLUMNS
    from ..terminal import print_table

    unseen = {one.observation.name: f"{one.error:+.1%}" for one in session.held_out}
    rows = [
        (
            one.observation.name,
            one.observation.group,
            f"{one.observation.seconds * 1e3:.3f}",
            f"{one.seconds * 1e3:.3f}",
            f"{one.error:+.1%}",
            unseen.get(one.observation.name, "-"),
        )
        for one in session.in_sample
    ]
    print_table(("step", "group", "measured ms", "fitted ms", "error", "held out"), rows, (0, 1))
    print()
    errors = [("fitted to all", *_summary(session.in_sample).cells)]
    errors += [(f"without {group}", *summary.cells) for group, summary in session.groups]
    print_table(("errors", *SUMMARY_COLUMNS), errors, (0,))
    print()
    constants = [
        (one.name, one.parameter, f"{one.prior:.4g}", f"{session.values[one.name]:.4g}")
        for one in session.constants
    ]
    print_table(("constant", "parameter", "before", "fitted"), constants, (0, 1))
    if not session.held_out:
        print("\nthere is one group, so nothing is held out: give the column group two values or more")
    print(f"\nkl time MODEL --machine {output}")
