"""Tables and numbers as people read them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], texts: Sequence[int] = (0,)) -> None:
    """Print a table on stdout; `texts` are the columns of text, all others are numbers."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number in texts else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    # What is not a terminal gets all of every row, however long.
    width = None if sys.stdout.isatty() else 1000
    plain = Console(
        width=width, highlight=False, markup=False, emoji=False, soft_wrap=not sys.stdout.isatty()
    )
    plain.print(table)


def print_json(document: Any) -> None:
    """Print a document on stdout."""
    print(json.dumps(document, indent=2))


def bytes_text(count: float) -> str:
    """Bytes in the unit that leaves a small number: `15.5 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def time_text(seconds: float) -> str:
    """A time in the unit that leaves a small number: `9.72 ms`."""
    for unit, factor in (("s", 1), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.4g} {unit}"
    return f"{seconds * 1e6:.4g} µs"


def share_text(share: float) -> str:
    """A share in percent."""
    return f"{share * 100:.1f} %"
