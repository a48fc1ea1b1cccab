"""The cells of a chip as places of a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ...backends.floorplans import Place
from .svg import WIDTH, Element, line, number, rect, text_width

BETWEEN, MARGIN = 12, 16
"""Pixels between dies, and beside them for their ports."""

LARGEST = 16.0
"""Pixels of a cell, at most."""


@dataclass(frozen=True)
class Grid:
    """Dies side by side, with a cell for a compute unit and a memory unit each."""

    dies: int
    columns: int
    """Of each die."""
    rows: int

    @property
    def units(self) -> int:
        """Of each kind."""
        return self.dies * self.columns * self.rows

    @property
    def cell(self) -> float:
        """Pixels of a cell."""
        return min(LARGEST, (WIDTH - 2 * MARGIN - BETWEEN * (self.dies - 1)) / (self.dies * self.columns))

    @property
    def height(self) -> float:
        """Pixels of a die."""
        return self.rows * self.cell

    def x(self, column: float) -> float:
        """The left edge of a column, counted over all dies."""
        return MARGIN + column * self.cell + BETWEEN * min(self.dies - 1, int(column // self.columns))

    def middle(self, place: Place) -> tuple[float, float]:
        """The middle of a cell."""
        return self.x(place[0]) + self.cell / 2, (place[1] + 0.5) * self.cell

    def holds(self, place: Place) -> bool:
        """Whether there is such a cell."""
        return 0 <= place[0] < self.dies * self.columns and 0 <= place[1] < self.rows

    def dies_drawn(self) -> Iterator[Element]:
        """The ground of each die."""
        for die in range(self.dies):
            yield rect(
                self.x(die * self.columns), 0, self.columns * self.cell, self.height, "idle", data_die=die
            )

    def lines(self) -> Element:
        """The lines between the cells, drawn over them."""
        upright = "".join(
            f"M{number(self.x(die * self.columns) + column * self.cell)} 0v{number(self.height)}"
            for die in range(self.dies)
            for column in range(1, self.columns)
        )
        wide = number(self.columns * self.cell)
        level = "".join(
            f"M{number(self.x(die * self.columns))} {number(row * self.cell)}h{wide}"
            for die in range(self.dies)
            for row in range(1, self.rows)
        )
        return line(upright + level, "card")


def check_once(areas: Iterable[tuple[str, Iterable[Place]]], grid: Grid, unit: str) -> None:
    """Raises: ValueError if two areas have a cell in common, or one lies outside the chip."""
    owners = dict[Place, str]()
    for name, cells in areas:
        for cell in cells:
            if not grid.holds(cell):
                raise ValueError(f"{unit} {cell} of {name} is outside the chip")
            if cell in owners:
                raise ValueError(f"{unit} {cell} is given to {owners[cell]} and to {name}")
            owners[cell] = name


def runs(cells: Iterable[Place]) -> list[tuple[int, int, int]]:
    """Cells as runs below each other: the column, the first row and the last one."""
    found = list[tuple[int, int, int]]()
    for column, row in sorted(cells):
        if found and found[-1][0] == column and found[-1][2] == row - 1:
            found[-1] = (column, found[-1][1], row)
        else:
            found.append((column, row, row))
    return found


def cell_path(cells: Iterable[Place], grid: Grid) -> str:
    """The outline of each run."""
    wide = number(grid.cell)
    return "".join(
        f"M{number(grid.x(column))} {number(first * grid.cell)}h{wide}"
        f"v{number((last - first + 1) * grid.cell)}h-{wide}z"
        for column, first, last in runs(cells)
    )


def name_place(name: str, cells: Sequence[Place], grid: Grid) -> tuple[float, float, bool]:
    """Where a name belongs, and whether it fits there: the widest row of cells, nearest the middle.

    Where it does not fit, the place is a cell next to the upper or lower edge, the middle one of these.
    """
    middle = sum(row for _, row in cells) / len(cells)
    best = max(_level_runs(cells, grid), key=lambda run: (run[2] - run[1], -abs(run[0] - middle), -run[1]))
    row, first, last = best
    left, right = grid.x(first), grid.x(last) + grid.cell
    if right - left >= text_width(name, 11) + 12:
        return (left + right) / 2, (row + 0.5) * grid.cell, True
    edge = min(min(row, grid.rows - 1 - row) for _, row in cells)
    outer = sorted(cell for cell in cells if min(cell[1], grid.rows - 1 - cell[1]) == edge)
    outer = [cell for cell in outer if (cell[1] < grid.rows / 2) == (outer[0][1] < grid.rows / 2)]
    return *grid.middle(outer[len(outer) // 2]), False


def _level_runs(cells: Iterable[Place], grid: Grid) -> Iterator[tuple[int, int, int]]:
    """Rows with the first and last column of cells that lie side by side on a die."""
    ordered = sorted(cells, key=lambda cell: (cell[1], cell[0]))

    def level_run(entry: tuple[int, Place]) -> tuple[int, int, int]:
        at, (column, row) = entry
        return row, column - at, column // grid.columns

    for (row, _, _), entries in groupby(enumerate(ordered), level_run):
        columns = [column for _, (column, _) in entries]
        yield row, columns[0], columns[-1]
