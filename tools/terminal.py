"""What `kl` prints: tables and JSON on stdout, and a progress display on stderr for what takes longer."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from ..backends.json_text import json_text
from ..backends.tables import Table
from .hearing import listener

if TYPE_CHECKING:
    import rich.table

LEAST_BAR, MOST_BAR = 8, 24
"""Characters of a bar that stands for all; where there is room for fewer, there are no bars."""
EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
PATIENCE_SECONDS = 1.0
"""How long work may take before anything is displayed."""

Advance = Callable[[int, int], None]
"""Told how many parts of how many are done."""


def print_tables(tables: Sequence[Table], file: IO[str] | None = None) -> None:
    """Print tables, on stdout if nothing else is said, with empty lines between them."""
    for number, table in enumerate(tables):
        if number:
            print(file=file)
        if table.title:
            print(table.title, file=file)
        if table.columns:
            print_table(table.columns, table.rows, table.texts, file, table.shares)


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    texts: Sequence[int] = (0,),
    file: IO[str] | None = None,
    shares: Sequence[float] = (),
) -> None:
    """Print a table, on stdout if nothing else is said; `texts` are the columns of text, all others are
    numbers. On a terminal that has room beside the rows, bars show the `shares` of the rows, 0 to 1."""
    from rich.console import Console
    from rich.measure import Measurement

    class _PipedConsole(Console):
        """Rich ends with exit code 1 where the reader of a pipe has left; we end as all tools do."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    # What is not a terminal gets all of every row, however long.
    stream = sys.stdout if file is None else file
    piped = not stream.isatty()
    plain = _PipedConsole(
        file=stream,
        width=1000 if piped else None,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=piped,
    )
    table = _table(columns, rows, texts)
    room = 0 if piped else plain.width - Measurement.get(plain, plain.options, table).maximum
    if shares and room >= LEAST_BAR:
        bars = (bar(share, min(room, MOST_BAR), plain=plain.options.ascii_only) for share in shares)
        with_bars = [[*row, one] for row, one in zip(rows, bars, strict=True)]
        table = _table([*columns, ""], with_bars, [*texts, len(columns)])
    plain.print(table)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], texts: Sequence[int]) -> rich.table.Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number in texts else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def bar(share: float, width: int, *, plain: bool = False) -> str:
    """A share of a width in characters: to the nearest eighth of one, or in ASCII to the nearest one."""
    if plain:
        return "#" * round(share * width)
    whole, eighths = divmod(round(share * width * len(EIGHTHS)), len(EIGHTHS))
    return "█" * whole + EIGHTHS[eighths]


def print_json(document: Any) -> None:
    """Print a document on stdout, as `json_text` writes it."""
    print(json_text(document, indent=2))


@contextmanager
def progress(title: str) -> Generator[Advance]:
    """Gives a function to call as the work goes on; on anything but a terminal, and to code that
    listens, it displays nothing."""
    if listener() is not None or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    display = _Display(title)
    try:
        yield display.advance
    finally:
        display.stop()


class _Display:
    """Rich's progress bar, made when it is first needed."""

    def __init__(self, title: str):
        self._title = title
        self._start = time.monotonic()
        self._stop: Callable[[], None] = lambda: None
        self._update: Advance | None = None

    def advance(self, done: int, total: int) -> None:
        """Show the state, once the work has taken long enough."""
        if self._update is None and time.monotonic() - self._start > PATIENCE_SECONDS:
            self._begin()
        if self._update is not None:
            self._update(done, total)

    def stop(self) -> None:
        """Take the display away."""
        self._stop()

    def _begin(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        # What is kept of the run are results: the display is none, and results are not shown through it.
        console = Console(file=getattr(sys.stderr, "original", sys.stderr))
        bar = Progress(console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
        task = bar.add_task(self._title)
        bar.start()
        self._stop = bar.stop
        self._update = lambda done, total: bar.update(task, completed=done, total=total)
