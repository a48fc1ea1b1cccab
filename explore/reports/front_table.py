"""The front as a table, for pages and terminals, with the points that one would take without a search."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from ..parameters import Value
from ..space import Point
from .analysis import Report
from .formatting import behind_text, number_text, value_text
from .front import Default, FrontPoint
from .summary import ParameterLine
from .units import heading

LONGEST_CELL = 40


@dataclass(frozen=True)
class Cell:
    """What stands in a cell; `key` is the number to sort by, None for text."""

    text: str
    key: float | None = None
    is_code: bool = False
    is_default: bool = False
    """Whether it is what the usual point has."""


EMPTY = Cell("–")


@dataclass(frozen=True)
class Column:
    """The head of a column and what stands below."""

    name: str
    kind: Literal["trial", "objective", "equal", "behind", "parameter", "detail"]
    cells: tuple[Cell, ...]
    unit: str = ""

    @property
    def heading(self) -> str:
        """The name with the unit."""
        return heading(self.name, self.unit)

    @property
    def is_number(self) -> bool:
        """Whether all cells are numbers, or empty."""
        return all(cell.key is not None or cell == EMPTY for cell in self.cells)

    @property
    def is_long(self) -> bool:
        """Whether it holds texts that a table has no room for."""
        return any(len(cell.text) > LONGEST_CELL for cell in self.cells)


@dataclass(frozen=True)
class Row:
    """A point in the table."""

    name: str
    """The number of its trial, and what it is called."""
    point: Point
    evaluation: FrontPoint | None
    is_on_front: bool = True
    behind: str = ""
    """How far it is behind the front, by objective; empty for a point of the front."""


def table_rows(report: Report) -> tuple[Row, ...]:
    """The points of the front, then those by default that are not on it."""
    known = [(one.evaluation.number, one.name) for one in report.defaults if one.evaluation is not None]
    front = [
        Row(
            _name(point.number, [name for number, name in known if number == point.number]),
            point.point,
            point,
        )
        for point in report.front
    ]
    on_front = {point.number for point in report.front}
    return (
        *front,
        *(row for one in report.defaults if (row := _default_row(report, one, on_front)) is not None),
    )


def _default_row(report: Report, one: Default, on_front: Collection[int]) -> Row | None:
    """None for one that is on the front."""
    if one.evaluation is None:
        return Row(f"{one.name}, without values", one.point, None, is_on_front=False)
    if one.evaluation.number in on_front:
        return None
    words = [one.name] if one.is_feasible else [one.name, "infeasible"]
    return Row(
        _name(one.evaluation.number, words),
        one.point,
        one.evaluation,
        is_on_front=False,
        behind=_behind(report, one),
    )


def _behind(report: Report, one: Default) -> str:
    if one.behind is None:
        return "as good" if one.is_feasible else ""
    names = [objective.name for objective in report.summary.objectives]
    return behind_text(one.behind.number, dict(zip(names, one.behind.shares, strict=True)))


def _name(number: int, names: Sequence[str]) -> str:
    return ", ".join([f"#{number}", *names])


def front_columns(report: Report) -> list[Column]:
    """The table of a report's front, a row for each of `table_rows`."""
    rows, summary = table_rows(report), report.summary
    taken = {one.name for one in summary.objectives}
    keys = dict.fromkeys(key for row in rows if row.evaluation is not None for key in row.evaluation.details)
    return [
        Column("trial", "trial", tuple(_trial_cell(row) for row in rows)),
        *(
            Column(one.name, "objective", tuple(_objective_cell(row, k) for row in rows), one.unit)
            for k, one in enumerate(summary.objectives)
        ),
        *_equal_column(rows),
        *_behind_column(rows),
        *(
            Column(line.name, "parameter", tuple(_parameter_cell(row, line) for row in rows), line.unit)
            for line in summary.parameters
        ),
        *(
            Column(key, "detail", tuple(_detail_cell(row, key) for row in rows), summary.units.get(key, ""))
            for key in keys
            if key not in taken  # as measures of a program, of which some are objectives
        ),
    ]


def _equal_column(rows: Sequence[Row]) -> list[Column]:
    """How many other points have the same values; no column where none has."""
    counts = [0 if row.evaluation is None else len(row.evaluation.equal) for row in rows]
    cells = tuple(Cell(str(count), count) if count else EMPTY for count in counts)
    return [Column("equal", "equal", cells)] if any(counts) else []


def _behind_column(rows: Sequence[Row]) -> list[Column]:
    """How far points by default are behind the front; no column where there are none."""
    cells = tuple(Cell(row.behind) if row.behind else EMPTY for row in rows)
    return [Column("behind the front", "behind", cells)] if any(row.behind for row in rows) else []


def _trial_cell(row: Row) -> Cell:
    return Cell(row.name, -1.0 if row.evaluation is None else row.evaluation.number)


def _objective_cell(row: Row, place: int) -> Cell:
    return EMPTY if row.evaluation is None else _number_cell(row.evaluation.values[place])


def _number_cell(number: float) -> Cell:
    return Cell(number_text(number, 5), number)


def _parameter_cell(row: Row, line: ParameterLine) -> Cell:
    value: Value | None = row.point.get(line.name)
    if value is None:
        return EMPTY
    key = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    return Cell(value_text(value), key, is_default=value == line.default)


def _detail_cell(row: Row, key: str) -> Cell:
    value = None if row.evaluation is None else row.evaluation.details.get(key)
    if value is None:
        return EMPTY
    return Cell(value, is_code=True) if isinstance(value, str) else _number_cell(value)
