"""What `kl explore` makes of tables that runs have left: fronts and plots. Nothing is evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .command_line import option
from .values import HELP_MARK, InputError

if TYPE_CHECKING:
    from ..explore.scenarios.scenario import Scenario

BESIDE = "+"
"""What `--pareto` and `--plot` hold where no table is named: that of the scenario is meant."""


@dataclass(frozen=True)
class Views:
    """What is to be made; one of the first fields says it."""

    pareto: str | None = option(
        "evaluate nothing; write the front of the scenario's table, or of CSV, to the file of the front",
        nargs="?",
        const=BESIDE,
        metavar="CSV",
    )

    @property
    def action(self) -> str | None:
        """The option that says what to make; None where the scenario is to be run.

        Raises: InputError where several do.
        """
        asked = [f"--{name}" for name in ACTIONS if getattr(self, name) not in (None, ())]
        if len(asked) > 1:
            raise InputError(f"{asked[0]} and {asked[1]} are two commands{HELP_MARK}leave out one")
        return asked[0] if asked else None


ACTIONS = ("pareto",)
"""The fields that say what to make."""


def show_view(scenario: Scenario, views: Views) -> None:
    """Make what is asked for.

    Raises: InputError for options that do not fit; ScenarioError for tables that do not; OSError for files.
    """
    match views.action:
        case _:
            _write_front(scenario, table_path(scenario, views.pareto or BESIDE))


def table_path(scenario: Scenario, named: str) -> Path:
    """The table that is named, or that of the scenario.

    Raises: InputError where there is none.
    """
    path = scenario.files.samples if named == BESIDE else Path(named)
    if named == BESIDE and not path.exists():
        raise InputError(f"there is no table {path}{HELP_MARK}run the scenario first, or name a table (CSV)")
    return path


def _write_front(scenario: Scenario, table: Path) -> None:
    from ..explore.scenarios.recorder import Result
    from ..explore.scenarios.table import read_table, write_table

    rows, path = read_table(scenario, table), scenario.files.front
    front = Result(scenario, tuple(rows)).front
    if not front:
        raise InputError(
            f"no row of {table} is feasible{HELP_MARK}there is no front yet, run more evaluations"
        )
    if path.exists() and path.samefile(table):
        raise InputError(f"the front would replace the table {table}{HELP_MARK}change 'output_pareto_file'")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(scenario, path, front)
    print(f"{len(front)} of {len(rows)} evaluations are on the front, which is in {path}")
