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
    found, held_out = session.found, session.held_out
    return {
        "version": JSON_VERSION,
        "machine": session.base.name,
        "output": output,
        "constants": [asdict(one) for one in found.constants],
        "rows": [
            {
                "row": int(one.measured.name.removeprefix("row ")),
                "group": one.measured.group,
                "measured_seconds": one.measured.seconds,
                "seconds": one.seconds,
                "error": one.error,
                "held_out_error": one.held_out_error,
            }
            for one in found.steps
        ],
        "in_sample": asdict(session.in_sample),
        "held_out": None if held_out is None else asdict(held_out),
        "groups": {group: asdict(summary) for group, summary in session.groups},
    }


def _print(session: Session, output: str) -> None:
    from ...backends.calibration import SUMMARY_COLUMNS
    from ..terminal import print_table

    rows = [
        (
            one.measured.name,
            one.measured.group,
            f"{one.measured.seconds * 1e3:.3f}",
            f"{one.seconds * 1e3:.3f}",
            f"{one.error:+.1%}",
            "-" if one.held_out_error is None else f"{one.held_out_error:+.1%}",
        )
        for one in session.found.steps
    ]
    print_table(("step", "group", "measured ms", "fitted ms", "error", "held out"), rows, (0, 1))
    print()
    errors = [("fitted to all", *session.in_sample.cells)]
    errors += [(f"without {group}", *summary.cells) for group, summary in session.groups]
    print_table(("errors", *SUMMARY_COLUMNS), errors, (0,))
    print()
    constants = [
        (one.name, one.parameter, f"{one.prior:.4g}", f"{one.value:.4g}") for one in session.found.constants
    ]
    print_table(("constant", "parameter", "before", "fitted"), constants, (0, 1))
    if session.held_out is None:
        print("\nthere is one group, so nothing is held out: give the column group two values or more")
    print(f"\nkl time MODEL --machine {output}")
