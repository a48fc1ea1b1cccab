"""The table of evaluations: a CSV file with a row for each, written as soon as it has ended."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from math import isfinite
from pathlib import Path
from shutil import copy2

import numpy as np

from ..outcome import Outcome
from ..space import Point
from .answers import read_texts
from .errors import ScenarioError
from .scenario import Scenario
from .texts import outcome_texts, point_texts, read_point

OLD_SUFFIX = ".old"
"""Behind the name of the table that was there before."""


@dataclass(frozen=True)
class Row:
    """An evaluation in a table, with the milliseconds since the start of its run."""

    point: Point
    outcome: Outcome
    milliseconds: int

    @property
    def has_failed(self) -> bool:
        """Whether it gave nothing."""
        return self.outcome.has_failed


class Table:
    """Writes rows one by one; whatever happens to this process, those written are in the file.

    A table that was there before is kept, with `.old` behind its name.
    """

    def __init__(self, scenario: Scenario, path: Path, rows: Sequence[Row]):
        """The table begins with some rows.

        Raises: OSError where the file cannot be written.
        """
        self._scenario = scenario
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            copy2(path, path.with_name(path.name + OLD_SUFFIX))
        write_table(scenario, path, rows)

    def add(self, row: Row) -> None:
        """Write a row; an evaluation without any outputs has none."""
        cells = row_texts(self._scenario, row)
        if cells is None:
            return
        line = StringIO()
        csv.writer(line).writerow(cells)
        with self._path.open("a", encoding="utf-8", newline="") as file:
            file.write(line.getvalue())


def row_texts(scenario: Scenario, row: Row) -> list[str] | None:
    """The cells of a row; None where it has no outputs."""
    outputs = outcome_texts(scenario, row.outcome)
    if outputs is None:
        return None
    return [*point_texts(scenario, row.point), *outputs, str(row.milliseconds)]


def write_table(scenario: Scenario, path: Path, rows: Sequence[Row]) -> None:
    """Write some rows as a whole table, instead of what was there."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(scenario.columns)
    writer.writerows(cells for row in rows if (cells := row_texts(scenario, row)) is not None)
    new = path.with_name(path.name + ".new")
    new.write_text(text.getvalue(), encoding="utf-8", newline="")
    new.replace(path)


def read_table(scenario: Scenario, path: Path) -> list[Row]:
    """The evaluations in a table.

    Raises: OSError where the file cannot be read; ScenarioError where it does not fit the scenario.
    """
    lines = read_lines(path, scenario.columns[:-1])
    return [_read_row(scenario, path, number, texts) for number, texts in lines]


def read_values(scenario: Scenario, path: Path) -> np.ndarray:
    """The objectives alone of a table that need not have other columns: one row each.

    Raises: OSError where the file cannot be read; ScenarioError where objectives are missing, or no numbers.
    """
    names = [objective.name for objective in scenario.objectives]
    rows = [
        [read_number(path, number, texts[name]) for name in names]
        for number, texts in read_lines(path, names)
    ]
    if not rows:
        raise ScenarioError(f"the table {path} has no rows")
    return np.array(rows)


def read_number(path: Path, line: int, text: str) -> float:
    """The number in a cell.

    Raises: ScenarioError where it is none.
    """
    with suppress(ValueError):
        if isfinite(number := float(text)):
            return number
    raise ScenarioError(f"{path}:{line}: {text!r} is no number")


def read_lines(path: Path, wanted: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The cells of a table by name, with the numbers of their lines.

    The wanted columns may have any order, and there may be others. A last line that was cut off is left out:
    whoever wrote it was stopped in the middle.

    Raises: OSError where the file cannot be read; ScenarioError where columns or cells are missing.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        lines = [(number, line) for number, line in enumerate(csv.reader(text.splitlines()), 1) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ScenarioError(f"{path} is no table: {error}") from error
    if not lines:
        raise ScenarioError(f"the table {path} is empty")
    names = [name.strip() for name in lines[0][1]]
    missing = next((name for name in wanted if name not in names), None)
    if missing is not None:
        raise ScenarioError(f"the table {path} has no column {missing!r}, it has {', '.join(names)}")
    if len(lines) > 1 and not text.endswith("\n"):
        lines.pop()
    return [(number, _by_name(f"{path}:{number}", names, cells)) for number, cells in lines[1:]]


def _by_name(place: str, names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if len(cells) != len(names):
        raise ScenarioError(f"{place}: the row has {len(cells)} cells for {len(names)} columns")
    return dict(zip(names, (cell.strip() for cell in cells), strict=True))


def _read_row(scenario: Scenario, path: Path, number: int, texts: Mapping[str, str]) -> Row:
    try:
        point, outcome = read_point(scenario, texts), read_texts(scenario, texts)
    except ScenarioError as error:
        raise ScenarioError(f"{path}:{number}: {error.message}", error.way_out) from error
    return Row(point, outcome, _milliseconds(texts.get(scenario.timestamp, "0")))


def _milliseconds(text: str) -> int:
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return 0
