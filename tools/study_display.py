"""What a terminal shows of a study: live on stderr how far it is, and in the end its report.

The report has the front, what matters, and why points are infeasible.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import get_args

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from ..backends.tables import share_text
from ..explore.history import Objective, signed_values
from ..explore.outcome import Status, Trial
from ..explore.pareto import hypervolume
from ..explore.reports.analysis import Report
from ..explore.reports.formatting import amount_text, number_text, plural, value_text
from ..explore.reports.front_table import front_columns, table_rows
from ..explore.reports.importance import MAIN_SHARE, Importances
from ..explore.reports.sentences import reference_words, space_words, status_words
from ..explore.reports.units import heading, volume_unit
from ..explore.space import Point
from .point_tables import lines, print_points, room
from .terminal import print_table

LINE_SECONDS = 60.0
"""How often a line is written where there is no terminal."""

BAR_WIDTH = 40
POINT_WIDTH = 100
"""Characters of a point that are shown."""


@contextmanager
def study_progress(
    objectives: Sequence[Objective], before: Sequence[Trial], budget: int, *, silent: bool
) -> Generator[Callable[[Trial], None]]:
    """Gives what `Study.run` calls for each trial; `before` are the trials that had ended before.

    Without a terminal, a line is written now and then.
    """
    progress = Progress(objectives, before, budget)
    if silent:
        yield progress.add
    elif sys.stderr.isatty():
        console = Console(stderr=True)
        with Live(console=console, get_renderable=progress.render, transient=True):
            yield progress.add
    else:
        yield _Lines(progress).add


class Progress:
    """What is known of a study while it runs."""

    def __init__(self, objectives: Sequence[Objective], before: Sequence[Trial], budget: int):
        self._objectives = objectives
        self._trials = list(before)
        self._before = len(before)
        self._budget = budget
        self._start = time.monotonic()
        self._volume = self._hypervolume()

    def add(self, trial: Trial) -> None:
        """Take in a trial that has ended."""
        self._trials.append(trial)
        if trial.outcome.status == "feasible":
            self._volume = self._hypervolume()

    def render(self) -> RenderableType:
        """All of it, as the display shows it."""
        bar = Table.grid(padding=(0, 2))
        done = min(len(self._trials), self._budget)
        bar.add_row(ProgressBar(self._budget, done, BAR_WIDTH), self._count(), self._time())
        best = Table.grid(padding=(0, 2))
        for place, objective in enumerate(self._objectives):
            trial = self._best(place)
            if trial is not None and trial.outcome.values is not None:
                point = ", ".join(f"{name} {value}" for name, value in trial.point.items())
                best.add_row(
                    f"best {objective.name}", f"{trial.outcome.values[place]:.6g}", point[:POINT_WIDTH]
                )
        return Group(bar, self._shares(), best)

    def line(self) -> str:
        """The most important of it."""
        return f"{self._count()}, {self._shares()}, {self._time()}"

    def _count(self) -> str:
        return f"{len(self._trials)} of {self._budget} evaluations"

    def _shares(self) -> str:
        """How many points were feasible, what became of the others, and how good the front is."""
        counts = Counter(trial.outcome.status for trial in self._trials)
        feasible = share_text(counts["feasible"] / max(len(self._trials), 1)) + " feasible"
        others = (f"{counts[s]} {s}" for s in get_args(Status) if s != "feasible" and counts[s])
        volume = [] if self._volume is None else [f"hypervolume {self._volume:.4g}"]
        return ", ".join([feasible, *others, *volume])

    def _time(self) -> str:
        """How long it has been running and will go on, as far as that can be told."""
        passed = time.monotonic() - self._start
        done = len(self._trials) - self._before
        if done == 0:
            return _clock(passed)
        return f"{_clock(passed)}, {_clock(passed / done * (self._budget - len(self._trials)))} left"

    def _feasible(self) -> list[Trial]:
        return [trial for trial in self._trials if trial.outcome.evaluation(trial.point).feasible]

    def _best(self, place: int) -> Trial | None:
        sign = self._objectives[place].sign
        return min(self._feasible(), key=lambda one: sign * (one.outcome.values or ())[place], default=None)

    def _hypervolume(self) -> float | None:
        """The hypervolume of what is feasible, up to the capacities, else to the worst values."""
        evaluations = [trial.outcome.evaluation(trial.point) for trial in self._feasible()]
        if not evaluations:
            return None
        values = signed_values(evaluations, self._objectives)
        limits = np.array([objective.limit for objective in self._objectives])
        return hypervolume(values, np.where(np.isfinite(limits), limits, values.max(0)))


class _Lines:
    """A line on stderr now and then."""

    def __init__(self, progress: Progress):
        self._progress = progress
        self._next = time.monotonic() + LINE_SECONDS

    def add(self, trial: Trial) -> None:
        self._progress.add(trial)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_SECONDS
            print(self._progress.line(), file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    """A time as hours, minutes and seconds."""
    return str(timedelta(seconds=round(max(seconds, 0.0))))


def print_report(report: Report) -> None:
    """Print the parts of a report, one below the other."""
    summary = report.summary
    print(f"{summary.heading}: {plural(len(report.front), 'point')} on the front")
    print(status_words(summary))
    print(space_words(summary))
    if report.front:
        _print_front(report)
    if report.volumes is not None and len(summary.objectives) > 1:
        volume = amount_text(report.volumes.values[-1], volume_unit(summary.objectives))
        print(f"\nhypervolume {volume}. {reference_words(report)}")
    print_importances(report.importances)
    _print_reasons(report)


def _print_front(report: Report) -> None:
    """All of the front, and the points by default; where there are some, what is not as in the first."""
    rows, ends = table_rows(report), len(report.front)
    what = next((f"other than {one.name}" for one in report.defaults), None)
    units = {one.name: one.unit for one in report.summary.parameters}
    kinds = ("trial", "objective", "equal", "behind")
    columns = [column for column in front_columns(report) if column.kind in kinds]
    for part, left_out in ((slice(0, ends), "behind"), (slice(ends, None), "equal")):
        shown = [column for column in columns if column.kind != left_out]
        texts = [place for place, one in enumerate(shown) if one.kind == "trial" or not one.is_number]
        cells = [*zip(*(column.texts for column in shown), strict=True)][part]
        points = [_point(report, row.point, everything=what is None) for row in rows[part]]
        if points:
            print()
            print_points([column.heading for column in shown], cells, points, what, texts, units)
    for usual in report.defaults[:1]:
        texts = lines(_point(report, usual.point, everything=True), room())
        print(f"\n{usual.name}:", *texts, sep="\n  ")
    for point in report.front:
        for name, detail in point.details.items():
            if isinstance(detail, str):
                print(f"#{point.number} {name}: {detail}")


def _point(report: Report, point: Point, *, everything: bool) -> dict[str, str]:
    """The values of a point by name; those of the usual one may be left out."""
    return {
        one.name: value_text(point[one.name])
        for one in report.summary.parameters
        if one.name in point and (everything or point[one.name] != one.default)
    }


def print_importances(of_targets: Sequence[Importances]) -> None:
    """A row per parameter that matters, a column per target that has importances; else why it has none."""
    found = [importances for importances in of_targets if importances.entries]
    print()
    if found:
        names = list(dict.fromkeys(entry.parameter for one in found for entry in one.main))
        rows = [[name, *(_importance_text(importances, name) for importances in found)] for name in names]
        print_table(["share of the importance", *(importances.target for importances in found)], rows)
        if left_out := len(found[0].entries) - len(names):
            print(f"{plural(left_out, 'other parameter')} with less than {share_text(MAIN_SHARE)} each")
    for importances in of_targets:
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
            [heading(one.name, one.unit), f"{one.exceeded} of {one.evaluations}", number_text(one.largest)]
            for one in report.resources
        ]
        print()
        print_table(["resource", "too little in", "largest excess"], rows)
    if report.messages:
        rows = [[str(one.count), one.status, one.text.replace("\n", " ")] for one in report.messages]
        print()
        print_table(["evaluations", "status", "message, with the numbers of the first"], rows, texts=(1, 2))
