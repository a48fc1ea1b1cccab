"""The front as a table, for pages and terminals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..parameters import Value
from .analysis import Report
from .formatting import number_text, value_text

LONGEST_CELL = 40


@dataclass(frozen=True)
class Cell:
    """What stands in a cell; `key` is the number to sort by, None for text."""

    text: str
    key: float | None = None
    is_code: bool = False


EMPTY = Cell("–")


@dataclass(frozen=True)
class Column:
    """The head of a column and what stands below."""

    name: str
    kind: Literal["trial", "objective", "parameter", "detail"]
    cells: tuple[Cell, ...]

    @property
    def is_number(self) -> bool:
        """Whether all cells are numbers, or empty."""
        return all(cell.key is not None or cell == EMPTY for cell in self.cells)

    @property
    def is_long(self) -> bool:
        """Whether it holds texts that a table has no room for."""
        return any(len(cell.text) > LONGEST_CELL for cell in self.cells)


def front_columns(report: Report) -> list[Column]:
    """The table of a report's front, a row for each of its points."""
    front = report.front
    keys = dict.fromkeys(key for point in front for key in point.details)
    return [
        Column("trial", "trial", tuple(Cell(f"#{point.number}", point.number) for point in front)),
        *(
            Column(objective.name, "objective", tuple(_number_cell(point.values[k]) for point in front))
            for k, objective in enumerate(report.summary.objectives)
        ),
        *(
            Column(
                line.name, "parameter", tuple(_parameter_cell(point.point.get(line.name)) for point in front)
            )
            for line in report.summary.parameters
        ),
        *(
            Column(key, "detail", tuple(_detail_cell(point.details.get(key)) for point in front))
            for key in keys
        ),
    ]


def _number_cell(number: float) -> Cell:
    return Cell(number_text(number, 5), number)


def _parameter_cell(value: Value | None) -> Cell:
    if value is None:
        return EMPTY
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Cell(value_text(value), value)
    return Cell(value_text(value))


def _detail_cell(value: str | float | None) -> Cell:
    if value is None:
        return EMPTY
    return Cell(value, is_code=True) if isinstance(value, str) else _number_cell(value)
