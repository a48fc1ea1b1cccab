"""Who hears what is said about an input: people at stderr, or the code that has called us."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_HEARD: ContextVar[list[Any] | None] = ContextVar("heard", default=None)


@contextmanager
def heard() -> Generator[list[Any]]:
    """Collect the diagnostics that are said meanwhile in this thread.

    They are not printed, and no progress is displayed.
    """
    said: list[Any] = []
    token = _HEARD.set(said)
    try:
        yield said
    finally:
        _HEARD.reset(token)


def listener() -> list[Any] | None:
    """What collects all that is said; None where it is printed."""
    return _HEARD.get()
