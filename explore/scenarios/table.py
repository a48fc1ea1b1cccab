"""The table of evaluations: a CSV file with a row for each, written as soon as it has ended."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from itertools import count
from math import isfinite
from pathlib import Path
from shutil import copy2

import numpy as np

from ..outcome import Outcome
from ..space import Point
from .answers import is_true, outcome_texts, point_texts, read_point, read_texts
from .errors import ScenarioError
from .scenario import Flag, Scenario

OLD_SUFFIX = ".old"
"""Behind the name of a table that was there before, with a number from the second one on."""


@dataclass(frozen=True)
class Row:
    """An evaluation in a table, with the milliseconds since the start of its run."""

    point: Point
    outcome: Outcome
    milliseconds: int


def begin_table(scenario: Scenario, path: Path, rows: Sequence[Row]) -> Path | None:
    """Begin a table with some rows; returns where the one that was there is kept, None if none was other.

    Raises: OSError where a file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = None
    if path.exists() and path.read_bytes() != _table_text(scenario, rows).encode():
        names = (f"{path.name}{OLD_SUFFIX}{number if number > 1 else ''}" for number in count(1))
        kept = next(place for name in names if not (place := path.with_name(name)).exists())
        copy2(path, kept)
    write_table(scenario, path, rows)
    return kept


def append_row(scenario: Scenario, path: Path, row: Row) -> None:
    """Add a row to a table; whatever happens to this process then, it is in the file."""
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(_csv(_lines(scenario, [row])))


def write_table(scenario: Scenario, path: Path, rows: Sequence[Row]) -> None:
    """Write some rows as a whole table, instead of what was there."""
    new = path.with_name(path.name + ".new")
    new.write_text(_table_text(scenario, rows), encoding="utf-8", newline="")
    new.replace(path)


def row_texts(scenario: Scenario, row: Row) -> list[str]:
    """The cells of a row; none where it has no outputs."""
    outputs = outcome_texts(scenario, row.outcome)
    return outputs and [*point_texts(scenario, row.point), *outputs, str(row.milliseconds)]


def _table_text(scenario: Scenario, rows: Sequence[Row]) -> str:
    return _csv([scenario.columns, *_lines(scenario, rows)])


def _lines(scenario: Scenario, rows: Sequence[Row]) -> list[list[str]]:
    return [cells for row in rows if (cells := row_texts(scenario, row))]


def _csv(lines: Iterable[Sequence[str]]) -> str:
    text = StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue()


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
    rows = read_numbers(path, [objective.name for objective in scenario.objectives])
    if len(rows) == 0:
        raise ScenarioError(f"the table {path} has no rows")
    return rows


def read_numbers(path: Path, names: Sequence[str], flag: Flag | None = None) -> np.ndarray:
    """Some columns of a table, a row for each of its rows; where there is a flag, of the feasible ones alone.

    Raises: OSError where the file cannot be read; ScenarioError where columns are missing, or no numbers.
    """
    rows = [
        [_read_number(path, number, texts[name]) for name in names]
        for number, texts in read_lines(path, [*names, *([flag.name] if flag else [])])
        if flag is None or is_true(flag, texts[flag.name])
    ]
    return np.array(rows).reshape(-1, len(names))


def _read_number(path: Path, line: int, text: str) -> float:
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
