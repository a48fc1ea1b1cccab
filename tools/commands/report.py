"""`kl report`: what a study has found, on the terminal, as a page, as files of plots, as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..command_line import option
from ..options import JSON_VERSION, json_option
from ..output import STDOUT, write_file
from ..streams import exact_output
from ..terminal import print_json
from ..values import HELP_MARK, InputError

if TYPE_CHECKING:
    from ...explore.reports.analysis import Report


@dataclass(frozen=True)
class Command:
    """What a command line of `kl report` says."""

    study: str = option(
        "where the study is kept: a file or URL, as --storage names it",
        "study",
        metavar="STUDY",
        reads="the study",
    )
    name: str | None = option("the study's name, where several are kept there")
    output: str | None = option(
        "write one HTML page that needs no other file, - for stdout",
        "-o",
        "--output",
        metavar="FILE",
        writes="file",
    )
    plots: str | None = option("write each plot to a file of its own", metavar="DIR")
    format: Literal["svg", "png"] = option("the format of these files (default: svg)", default="svg")
    json: bool = json_option()


def run(command: Command) -> int:
    """Analyse the study and write what is asked for; without any file, print it.

    Raises: InputError for two outputs on stdout.
    """
    from ...explore.errors import ReportError
    from ...explore.places import shown_place
    from ...explore.reports.analysis import analyse
    from ...explore.reports.record import StudyRecord
    from ...explore.reports.units import in_units
    from ...explore.studies.study import load_study
    from ..study_display import print_report

    on_stdout = command.output == STDOUT
    if on_stdout and command.json:
        raise InputError(f"-o - and --json write to stdout both{HELP_MARK}leave out one")
    study = load_study(command.study, command.name)
    plan = study.plan
    record = StudyRecord(plan.name, plan.space, plan.objectives, tuple(study.trials()), study.about)
    place = shown_place(command.study)
    if not record.trials:
        raise ReportError(f"{place}: study {record.name!r} has no evaluation that has ended; run it first")
    json_alone = command.json and command.output is None and command.plots is None
    report = analyse(record if json_alone else in_units(record))
    written = _write(report, command)
    if command.json:
        data = asdict(report if json_alone else analyse(record))
        print_json({"version": JSON_VERSION, "input": place, **data})
    elif on_stdout:
        exact_output().write(_page(report))
    elif written:
        for path in written:
            print(path)
    else:
        print_report(report)
    return 0


def _write(report: Report, command: Command) -> list[Path]:
    """The files that are asked for."""
    from ...explore.reports.plots import write_plots

    written: list[Path] = []
    if command.output not in (None, STDOUT):
        written.append(Path(command.output))
        write_file(written[0], _page(report))
    if command.plots is not None:
        written += write_plots(report, Path(command.plots), command.format)
    return written


def _page(report: Report) -> str:
    from ...explore.reports.html import render_html

    return render_html(report)
