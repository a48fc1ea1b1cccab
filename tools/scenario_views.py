"""What `kl explore` makes of tables that runs have left: fronts and plots. Nothing is evaluated."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from .command_line import option
from .terminal import print_table
from .values import HELP_MARK, InputError

if TYPE_CHECKING:
    from ..explore.scenarios.curves import Curve
    from ..explore.scenarios.scenario import Scenario
    from ..explore.scenarios.table import Row

NEEDS = {"output": ("plot", "hvi", "compare"), "exact": ("hvi",), "optimum": ("compare",)}
"""The options that go with some actions only."""

MOST_TABLES = {"pareto": 2, "plot": 1}
"""How many files actions take."""

ACTIONS = ("pareto", "plot", "hvi", "compare")
"""The fields that say what to make."""


def _finite(text: str) -> float:
    """Raises: ArgumentTypeError for what is no number."""
    with suppress(ValueError):
        if isfinite(number := float(text)):
            return number
    raise argparse.ArgumentTypeError(f"{text!r} is no number")


@dataclass(frozen=True)
class Views:
    """What is to be made of tables instead of a run."""

    pareto: tuple[str, ...] | None = option(
        "run nothing; write the front of the scenario's table, or of CSV, to its file, or to FRONT",
        nargs="*",
        metavar=("CSV", "FRONT"),
    )
    plot: tuple[str, ...] | None = option(
        "run nothing; draw all evaluations of this table, or of CSV, and the front, for two objectives",
        nargs="*",
        metavar="CSV",
    )
    hvi: tuple[str, ...] | None = option(
        "run nothing; draw the share of the hypervolume that runs lack after each evaluation; RUN is "
        "[NAME=]CSV or [NAME=]FOLDER; all with the same NAME are one curve, their mean with a band of 80 %%",
        action="extend",
        nargs="+",
        metavar="RUN",
    )
    compare: tuple[str, ...] | None = option(
        "run nothing; draw the best value of one objective after each evaluation, of runs as for --hvi",
        action="extend",
        nargs="+",
        metavar="RUN",
    )
    exact: str | None = option("the exact front for --hvi, instead of that of all runs", metavar="CSV")
    optimum: float | None = option(
        "the least value there is: --compare draws the regret", type=_finite, metavar="VALUE"
    )
    output: str | None = option(
        "the file of the plot, as SVG, PNG or PDF by its name", "-o", "--output", metavar="FILE"
    )

    @property
    def action(self) -> str | None:
        """The option that says what to make; None where the scenario is to be run.

        Raises: InputError where several do, or where options do not go with it.
        """
        asked = self._asked
        if len(asked) > 1:
            raise InputError(f"--{asked[0]} and --{asked[1]} make two things{HELP_MARK}leave out one")
        for name, most in MOST_TABLES.items():
            if (given := getattr(self, name) or ())[most:]:
                raise InputError(f"--{name} takes no {given[most]!r}{HELP_MARK}name {most} at most")
        if () in (self.hvi, self.compare):
            raise InputError(f"--{asked[0]} needs runs{HELP_MARK}name tables or folders of tables")
        for name, actions in NEEDS.items():
            if getattr(self, name) is not None and not set(asked) & set(actions):
                raise InputError(f"--{name} goes with {' or '.join(f'--{one}' for one in actions)} only")
        if asked and self.output is None and asked[0] in NEEDS["output"]:
            raise InputError(f"--{asked[0]} draws a plot and needs a file for it{HELP_MARK}give -o FILE")
        return f"--{asked[0]}" if asked else None

    @property
    def _asked(self) -> list[str]:
        return [name for name in ACTIONS if getattr(self, name) is not None]

    def split(self) -> tuple[str, Views]:
        """The scenario, and the rest, of a command line that has it behind the option, as HyperMapper's
        commands have it: then the file of a plot, and tables. A plot of a front has that in a table of its
        own there; here it is found in the table of evaluations behind it.

        Raises: InputError where there is no scenario.
        """
        name = next(iter(self._asked), "")
        words: list[str] = list(getattr(self, name, None) or ())
        if not words:
            raise InputError(f"there is no scenario{HELP_MARK}name one: kl explore SCENARIO")
        scenario, output = words.pop(0), self.output
        if name in NEEDS["output"] and output is None and words:
            output = words.pop(0)
        if name == "plot" and len(words) > 1:
            words.pop(0)
        return scenario, replace(self, output=output, **{name: tuple(words)})


def show_view(scenario: Scenario, views: Views) -> None:
    """Make what is asked for.

    Raises: InputError for options that do not fit; ScenarioError for tables that do not; OSError for files.
    """
    if views.output is None:
        table, *front = views.pareto or (None,)
        path = Path(front[0]) if front else scenario.files.front
        _write_front(scenario, _table_path(scenario, table), path)
        return
    from ..explore.scenarios.curves import check_format

    path = Path(views.output)
    check_format(path)
    _check_count(scenario, views)
    if views.plot is not None:
        _plot_front(scenario, _table_path(scenario, next(iter(views.plot), None)), path)
    else:
        _plot_curves(scenario, views, path)


def _table_path(scenario: Scenario, named: str | None) -> Path:
    """The table that is named, or that of the scenario.

    Raises: InputError where there is none.
    """
    path = scenario.files.samples if named is None else Path(named)
    if named is None and not path.exists():
        raise InputError(f"there is no table {path}{HELP_MARK}run the scenario first, or name a table (CSV)")
    return path


def _write_front(scenario: Scenario, table: Path, path: Path) -> None:
    from ..explore.scenarios.recorder import Result
    from ..explore.scenarios.table import read_table, write_table

    result = Result(scenario, tuple(read_table(scenario, table)))
    front = result.front
    if not front:
        raise InputError(
            f"no row of {table} is feasible{HELP_MARK}there is no front yet, run more evaluations"
        )
    if path.exists() and path.samefile(table):
        raise InputError(f"the front would replace the table {table}{HELP_MARK}name another file for it")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(scenario, path, front)
    print(f"{len(front)} of {len(result.counted)} evaluations are on the front, which is in {path}")


def _plot_front(scenario: Scenario, table: Path, path: Path) -> None:
    from ..explore.scenarios.curves import plot_front, write_plot
    from ..explore.scenarios.recorder import Result
    from ..explore.scenarios.table import read_table

    result = Result(scenario, tuple(read_table(scenario, table)))
    if all(one.values is None for one in result.record.evaluations):
        raise InputError(f"no row of {table} has values{HELP_MARK}run more evaluations")
    write_plot(plot_front(result), path)
    print(f"{len(result.counted)} evaluations, {len(result.front)} of them on the front, are drawn in {path}")


def _plot_curves(scenario: Scenario, views: Views, path: Path) -> None:
    from ..explore.scenarios.curves import best_curves, indicator_curves, plot_curves, write_plot
    from ..explore.scenarios.table import read_values

    if views.hvi:
        runs = _read_runs(scenario, views.hvi)
        exact = None if views.exact is None else read_values(scenario, Path(views.exact))
        title, curves = "hypervolume indicator", indicator_curves(scenario, runs, exact)
    else:
        runs = _read_runs(scenario, views.compare or ())
        kind = "best" if views.optimum is None else "regret of"
        title = f"{kind} {scenario.objectives[0].name}"
        curves = best_curves(scenario, runs, views.optimum)
    write_plot(plot_curves(curves, title, is_log=views.optimum is not None), path)
    _print_ends(title, curves)
    print(f"the curves are drawn in {path}")


def _check_count(scenario: Scenario, views: Views) -> None:
    """Raises: InputError where the action does not draw so many objectives."""
    count = len(scenario.objectives)
    if views.hvi and count == 1:
        what, way_out = "--hvi draws two objectives or more", "--compare draws one objective"
    elif views.compare and count > 1:
        what, way_out = "--compare draws one objective", "--hvi draws two or more"
    elif views.plot is not None and count != 2:
        what = "--plot draws two objectives"
        way_out = "--compare draws one objective" if count == 1 else "--hvi draws more than two"
    else:
        return
    raise InputError(f"{what}, the scenario has {count}{HELP_MARK}{way_out}")


def _read_runs(scenario: Scenario, named: Sequence[str]) -> dict[str, list[list[Row]]]:
    """The rows of all runs by the names of their curves."""
    from ..explore.scenarios.table import read_table

    runs: dict[str, list[list[Row]]] = {}
    for name, table in _named_tables(scenario, named):
        runs.setdefault(name, []).append(read_table(scenario, table))
    return runs


def _named_tables(scenario: Scenario, named: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """The tables of runs with the names of their curves.

    Raises: InputError for a folder without any.
    """
    for text in named:
        name, equals, place = text.partition("=")
        if not equals or not name or Path(text).exists():
            name = place = text
        path = Path(place)
        tables = _tables_in(scenario, path) if path.is_dir() else [path]
        if not tables:
            raise InputError(
                f"there is no table (CSV) in the folder {path}{HELP_MARK}name the table of a run"
            )
        yield from ((name, table) for table in tables)


def _tables_in(scenario: Scenario, folder: Path) -> list[Path]:
    """All tables in a folder and those within; fronts that runs have written are none."""
    front = scenario.files.front.name
    found = sorted(folder.rglob("*.csv"))
    return [path for path in found if path.name != front and not path.stem.endswith("_output_pareto")]


def _print_ends(title: str, curves: Sequence[Curve]) -> None:
    """Where each curve ends."""
    rows = [
        [
            curve.name,
            str(curve.runs),
            str(len(curve.mean)),
            f"{curve.mean[-1]:.6g}",
            f"{curve.low[-1]:.6g} to {curve.high[-1]:.6g}" if curve.runs > 1 else "",
        ]
        for curve in curves
    ]
    print_table(["name", "runs", "evaluations", title, "80 % of the runs"], rows)
