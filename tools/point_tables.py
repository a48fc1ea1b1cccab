"""Tables of points as a terminal shows them: no row and no parameter is left out."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from textwrap import wrap

from .terminal import print_table

WIDTH = 100
"""Characters of a row, where a terminal does not have fewer."""

LEAST_WIDTH = 30
"""Characters that a list of values has at least; rows are longer where nothing else helps."""


def room() -> int:
    """How many characters a row may have."""
    return min(WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH


def is_narrow(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table fits into a row."""
    return _width(columns, rows) <= room() + 2


def print_points(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    words: Sequence[Sequence[str]],
    texts: Sequence[int] = (0,),
) -> None:
    """Print a table whose last column has the words of each row, on as many lines as they need."""
    width = max(room() - _width(columns[:-1], rows), LEAST_WIDTH)
    table: list[list[str]] = []
    for row, told in zip(rows, words, strict=True):
        first, *more = wrapped(told, width) or [""]
        table += [[*row, first], *([""] * len(row) + [line] for line in more)]
    print_table(columns, table, texts=(*texts, len(columns) - 1))


def wrapped(words: Sequence[str], width: int) -> list[str]:
    """Words on lines that are no longer than the width; none is broken."""
    return wrap(" ".join(words), width, break_long_words=False, break_on_hyphens=False)


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, cells)) + 2 for cells in zip(columns, *rows, strict=True))
