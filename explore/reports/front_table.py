"""The front as a table, for pages and terminals, with the points that one would take without a search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ..parameters import Value
from ..space import Point
from .analysis import Report
from .formatting import behind_text, number_text, value_text
from .front import Default, FrontPoint
from .units import heading

LONGEST_CELL = 40
EMPTY = "–"
"""What stands in a cell that has no value."""


@dataclass(frozen=True)
class Column:
    """The head of a column and the values below; None where there is none."""

    name: str
    kind: Literal["trial", "objective", "equal", "behind", "parameter", "detail"]
    values: tuple[Value | None, ...]
    unit: str = ""
    usual: Value | None = None
    """What the usual point has."""

    @property
    def heading(self) -> str:
        """The name with the unit."""
        return heading(self.name, self.unit)

    @property
    def is_number(self) -> bool:
        """Whether all values are numbers."""
        known = [value for value in self.values if value is not None]
        return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in known)

    @property
    def is_long(self) -> bool:
        """Whether it holds details that a table has no room for."""
        longest = max((len(value) for value in self.values if isinstance(value, str)), default=0)
        return self.kind == "detail" and longest > LONGEST_CELL

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as people read them."""
        return tuple(EMPTY if value is None else self._text(value) for value in self.values)

    def _text(self, value: Value) -> str:
        if self.kind != "parameter" and isinstance(value, (int, float)):
            return number_text(value, 5)
        return value_text(value)


@dataclass(frozen=True)
class Row:
    """A point in the table."""

    name: str
    """The number of its trial, and what it is called."""
    point: Point
    evaluation: FrontPoint | None
    is_on_front: bool = True
    behind: str | None = None
    """How far it is behind the front, by objective; None for a point of the front."""


def table_rows(report: Report) -> tuple[Row, ...]:
    """The points of the front, then those by default that are not on it."""
    names = {one.number: [f"#{one.number}"] for one in report.front}
    others: list[Row] = []
    for one in report.defaults:
        if one.evaluation is None:
            others.append(Row(f"{one.name}, without values", one.point, None, is_on_front=False))
        elif one.evaluation.number in names:
            names[one.evaluation.number].append(one.name)
        else:
            words = [f"#{one.evaluation.number}", one.name, *([] if one.is_feasible else ["infeasible"])]
            behind = _behind(report, one)
            others.append(Row(", ".join(words), one.point, one.evaluation, is_on_front=False, behind=behind))
    return (*(Row(", ".join(names[one.number]), one.point, one) for one in report.front), *others)


def _behind(report: Report, one: Default) -> str | None:
    if one.behind is None:
        return "as good" if one.is_feasible else None
    names = [objective.name for objective in report.summary.objectives]
    return behind_text(one.behind.number, dict(zip(names, one.behind.shares, strict=True)))


def front_columns(report: Report) -> list[Column]:
    """The table of a report's front, a row for each of `table_rows`; columns without any value are left out,
    save those of objectives and parameters."""
    rows = table_rows(report)
    columns = _columns(report, rows, [row.evaluation for row in rows])
    return [
        column
        for column in columns
        if column.kind in ("objective", "parameter") or any(value is not None for value in column.values)
    ]


def _columns(report: Report, rows: Sequence[Row], points: Sequence[FrontPoint | None]) -> Iterator[Column]:
    summary = report.summary
    yield Column("trial", "trial", tuple(row.name for row in rows))
    for k, one in enumerate(summary.objectives):
        yield Column(one.name, "objective", tuple(p and p.values[k] for p in points), one.unit)
    yield Column("equal", "equal", tuple((len(p.equal) if p else 0) or None for p in points))
    yield Column("behind the front", "behind", tuple(row.behind for row in rows))
    for one in summary.parameters:
        values = tuple(row.point.get(one.name) for row in rows)
        yield Column(one.name, "parameter", values, one.unit, one.default)
    taken = {one.name for one in summary.objectives}  # as measures of a program, of which some are objectives
    for name in dict.fromkeys(name for p in points if p for name in p.details if name not in taken):
        values = tuple(p and p.details.get(name) for p in points)
        yield Column(name, "detail", values, summary.units.get(name, ""))
