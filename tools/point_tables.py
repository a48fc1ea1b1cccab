"""Tables of points as a terminal shows them: no row and no parameter is left out."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from textwrap import wrap

from .terminal import print_table

WIDTH = 100
"""Characters of a row, where a terminal does not have fewer."""

LEAST_WIDTH = 30
"""Characters that a list of values has at least; rows are longer where nothing else helps."""


def room() -> int:
    """How many characters a row may have."""
    return min(WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH


def print_points(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    points: Sequence[Mapping[str, str]],
    what: str | None = None,
    texts: Sequence[int] = (0,),
    units: Mapping[str, str] | None = None,
) -> None:
    """Print a table of points, with other cells before them.

    A parameter is a column, with its unit, where all fit into a row. Else, and where `what` says that only a
    part of each point is shown, the last column is a list of values, on as many lines as it needs.
    """
    from ..explore.reports.units import heading

    names = list(dict.fromkeys(name for point in points for name in point))
    values = [[point.get(name, "") for name in names] for point in points]
    columns = [*heads, *(heading(name, (units or {}).get(name, "")) for name in names)]
    whole = [[*row, *cells] for row, cells in zip(rows, values, strict=True)]
    if what is None and _width(columns, whole) <= room() + 2:
        print_table(columns, whole, texts)
        return
    width = max(room() - _width(heads, rows), LEAST_WIDTH)
    table: list[list[str]] = []
    for row, point in zip(rows, points, strict=True):
        first, *more = lines(point, width) or [""]
        table += [[*row, first], *([""] * len(row) + [line] for line in more)]
    print_table([*heads, what or "point"], table, (*texts, len(heads)))


def lines(point: Mapping[str, str], width: int) -> list[str]:
    """A list of values on lines that are no longer than the width; none is broken."""
    words = " ".join(f"{name}={text}" for name, text in point.items())
    return wrap(words, width, break_long_words=False, break_on_hyphens=False)


def _width(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, cells)) + 2 for cells in zip(heads, *rows, strict=True))
