"""`kl report`: what a study has found, on the terminal, as a page, as files of plots, as JSON."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from ...explore.reports.analysis import Report, analyse
from ...explore.reports.html import render_html
from ...explore.reports.plots import write_plots
from ...explore.reports.record import StudyRecord
from ...explore.studies.study import load_study
from ..study_report import print_report
from ..tables import print_json
from .options import JSON_VERSION


def run(arguments: argparse.Namespace) -> int:
    """Analyse the study and write what is asked for; without any file, print it."""
    study = load_study(arguments.study, arguments.name)
    plan = study.plan
    report = analyse(StudyRecord(plan.name, plan.space, plan.objectives, tuple(study.trials())))
    written = _write(report, arguments)
    if arguments.json:
        print_json({"version": JSON_VERSION, "input": arguments.study, **asdict(report)})
    elif written:
        for path in written:
            print(path)
    else:
        print_report(report)
    return 0


def _write(report: Report, arguments: argparse.Namespace) -> list[Path]:
    """The files that are asked for."""
    written: list[Path] = []
    if arguments.output is not None:
        written.append(Path(arguments.output))
        written[0].write_text(render_html(report), encoding="utf-8")
    if arguments.plots is not None:
        written += write_plots(report, Path(arguments.plots), arguments.format)
    return written
