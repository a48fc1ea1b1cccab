"""`kl calibrate`: fit constants of a machine to measured steps, or measure this computer, and write it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..command_line import option
from ..options import JSON_VERSION, json_option
from ..output import check_kept, write_file
from ..terminal import print_json
from ..values import HELP_MARK, InputError

if TYPE_CHECKING:
    from ..calibration.here import Here
    from ..calibration.session import Session


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a command line of `kl calibrate` says."""

    table: str = option(
        "the measured steps, as CSV (docs/machine.md lists the columns); or cpu, which measures this computer"
        " as a machine of the class sequence",
        "table",
        metavar="TABLE|cpu",
        reads="the table",
    )
    machine: str | None = option(
        "the machine that it is but for these constants: a name (`kl machines`) or a TOML file; with a TABLE",
        metavar="MACHINE",
        reads="the machine",
    )
    output: str | None = option(
        "write the calibrated machine there (default: TABLE with .toml)",
        "-o",
        "--output",
        metavar="FILE",
        writes="file",
    )
    json: bool = json_option()


def run(command: Command) -> int:
    """Fit or measure, write the machine and say how far it is off."""
    from ..calibration.here import is_measured
    from ..calibration.session import calibrate, machine_text

    if is_measured(command.table):
        return _run_here(command)
    if command.machine is None:
        raise InputError(
            f"constants are fitted of a machine, and none is named{HELP_MARK}give --machine h100, "
            "or another one that `kl machines` lists"
        )
    output = command.output or str(Path(command.table).with_suffix(".toml"))
    check_kept("-o", output, {"the table": command.table, "the machine": command.machine})
    session = calibrate(command.machine, command.table)
    write_file(output, machine_text(session))
    if command.json:
        print_json(_document(session, output))
    else:
        _print(session, output)
    return 0


def _run_here(command: Command) -> int:
    """Measure this computer."""
    from ..calibration.here import check_options, measured_here

    check_options(command.machine)
    here = measured_here(command.table)
    output = command.output or f"{here.target}.toml"
    write_file(output, here.text)
    if command.json:
        print_json(_here_document(here, output))
    else:
        _print_here(here, output)
    return 0


def _here_document(here: Here, output: str) -> dict[str, Any]:
    machine = here.machine
    return {
        "version": JSON_VERSION,
        "machine": here.target,
        "output": output,
        "parameters": [
            {"name": name, "value": value, "source": machine.sources[name]}
            for name, value in machine.values.items()
        ],
        "checks": [{**asdict(one), "error": one.error} for one in here.checks],
    }


def _print_here(here: Here, output: str) -> None:
    from ..calibration.here import CHECKED
    from ..terminal import print_table

    machine = here.machine
    measured = [(name, f"{machine.values[name]:,}", source) for name, source in machine.sources.items()]
    rows = [row for row in measured if row[2].startswith("Measured")]
    print_table(("parameter", "value", "source"), rows, (0, 2))
    print(f"\n{len(measured) - len(rows)} more are assumed: `kl machines {output}` shows each\n")
    checks = [
        (one.variant, f"{one.measured_seconds * 1e3:.3f}", f"{one.seconds * 1e3:.3f}", f"{one.error:+.1%}")
        for one in here.checks
    ]
    print_table((CHECKED, "measured ms", "the machine says", "error"), checks, (0,))
    print(f"\nkl time MODEL --machine {output}")


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
