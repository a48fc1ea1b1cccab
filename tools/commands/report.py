"""`kl report`: what a study has found, on the terminal, as a page, as files of plots, as JSON."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..options import JSON_VERSION, add_json, filled
from ..terminal import print_json

if TYPE_CHECKING:
    from ...explore.reports.analysis import Report

HELP = "say what a study has found, and why points are infeasible"


@dataclass(frozen=True)
class ReportCommand:
    """What a command line of `kl report` says."""

    study: str
    name: str | None
    output: str | None
    plots: str | None
    format: Literal["svg", "png"]
    json: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `kl report`."""
    parser.add_argument(
        "study", metavar="STUDY", help="where the study is kept: a file or URL, as --storage names it"
    )
    parser.add_argument("--name", help="the study's name, where several are kept there")
    parser.add_argument("-o", "--output", metavar="FILE", help="write one HTML page that needs no other file")
    parser.add_argument("--plots", metavar="DIR", help="write each plot to a file of its own")
    parser.add_argument(
        "--format", choices=("svg", "png"), default="svg", help="the format of these files (default: svg)"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Analyse the study and write what is asked for; without any file, print it."""
    from ...explore.reports.analysis import analyse
    from ...explore.reports.record import StudyRecord
    from ...explore.studies.study import load_study
    from ..study_report import print_report

    command = filled(ReportCommand, arguments)
    study = load_study(command.study, command.name)
    plan = study.plan
    report = analyse(StudyRecord(plan.name, plan.space, plan.objectives, tuple(study.trials())))
    written = _write(report, command)
    if command.json:
        print_json({"version": JSON_VERSION, "input": command.study, **asdict(report)})
    elif written:
        for path in written:
            print(path)
    else:
        print_report(report)
    return 0


def _write(report: Report, command: ReportCommand) -> list[Path]:
    """The files that are asked for."""
    from ...explore.reports.html import render_html
    from ...explore.reports.plots import write_plots

    written: list[Path] = []
    if command.output is not None:
        written.append(Path(command.output))
        written[0].write_text(render_html(report), encoding="utf-8")
    if command.plots is not None:
        written += write_plots(report, Path(command.plots), command.format)
    return written
