"""A study's report for terminals: the front, what matters, and why points are infeasible."""

from __future__ import annotations

from ..backends.tables import share_text
from ..explore.reports.analysis import Report
from ..explore.reports.formatting import number_text, plural
from ..explore.reports.front_table import front_columns
from ..explore.reports.importance import Importances
from ..explore.reports.sentences import reference_words, space_words, status_words
from .terminal import print_table

MOST_ROWS = 20
"""Longer fronts are printed in part; the page and the JSON form have all of it."""

MOST_PARAMETERS = 8
"""Of more parameters, the front shows those that matter most."""


def print_report(report: Report) -> None:
    """Print the parts of a report, one below the other."""
    summary = report.summary
    print(f"{summary.study}: {plural(len(report.front), 'point')} on the front")
    print(status_words(summary))
    print(space_words(summary))
    if report.front:
        _print_front(report)
    if report.volumes is not None and len(summary.objectives) > 1:
        print(f"\nhypervolume {number_text(report.volumes.values[-1])}. {reference_words(report)}")
    _print_importances(report)
    _print_reasons(report)


def _print_front(report: Report) -> None:
    names = _shown_parameters(report)
    columns = [
        column
        for column in front_columns(report)
        if column.kind in ("trial", "objective") or (column.kind == "parameter" and column.name in names)
    ]
    texts = [place for place, column in enumerate(columns) if not column.is_number]
    rows = [[column.cells[row].text for column in columns] for row in range(len(report.front))]
    print()
    print_table([column.name for column in columns], rows[:MOST_ROWS], texts=texts)
    if len(rows) > MOST_ROWS:
        print(f"and {plural(len(rows) - MOST_ROWS, 'more point')}")
    for point in report.front[:MOST_ROWS]:
        for name, detail in point.details.items():
            if isinstance(detail, str):
                print(f"#{point.number} {name}: {detail}")


def _shown_parameters(report: Report) -> set[str]:
    """All parameters, or those with the largest shares of importance."""
    names = [parameter.name for parameter in report.summary.parameters]
    if len(names) <= MOST_PARAMETERS:
        return set(names)
    shares = dict.fromkeys(names, 0.0)
    for importances in report.importances:
        for entry in importances.entries:
            shares[entry.parameter] = max(shares[entry.parameter], entry.share)
    return set(sorted(names, key=lambda name: -shares[name])[:MOST_PARAMETERS])


def _print_importances(report: Report) -> None:
    """A row per parameter, a column per target that has importances; else why it has none."""
    found = [importances for importances in report.importances if importances.entries]
    print()
    if found:
        names = [entry.parameter for entry in found[0].entries]
        rows = [[name, *(_importance_text(importances, name) for importances in found)] for name in names]
        print_table(["share of the importance", *(importances.target for importances in found)], rows)
    for importances in report.importances:
        if importances.note:
            print(f"no importances for {importances.target}: {importances.note}")


def _importance_text(importances: Importances, name: str) -> str:
    entry = next(entry for entry in importances.entries if entry.parameter == name)
    return f"{share_text(entry.share)} ± {share_text(entry.spread)}"


def _print_reasons(report: Report) -> None:
    rules = report.rules
    print(
        f"\nno rules for feasibility: {rules.note}"
        if rules.note
        else "\nwhere points are infeasible, and where they are not"
    )
    for rule in (*rules.avoid, *rules.prefer):
        print(f"  {rule}")
    if report.resources:
        rows = [
            [one.name, f"{one.exceeded} of {one.evaluations}", number_text(one.largest)]
            for one in report.resources
        ]
        print()
        print_table(["resource", "too little in", "largest excess"], rows)
    if report.messages:
        rows = [[str(one.count), one.status, one.text.replace("\n", " ")] for one in report.messages]
        print()
        print_table(["evaluations", "status", "message, with the numbers of the first"], rows, texts=(1, 2))
