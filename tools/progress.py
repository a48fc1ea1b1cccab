"""A progress display on stderr for work that turns out to take longer than a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

PATIENCE_SECONDS = 1.0
"""How long work may take before anything is displayed."""

Advance = Callable[[int, int], None]
"""Told how many parts of how many are done."""


@contextmanager
def progress(title: str) -> Generator[Advance]:
    """Gives a function to call as the work goes on; on anything but a terminal it displays
    nothing."""
    if not sys.stderr.isatty():
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

        bar = Progress(console=Console(stderr=True), transient=True)
        task = bar.add_task(self._title)
        bar.start()
        self._stop = bar.stop
        self._update = lambda done, total: bar.update(task, completed=done, total=total)
