"""Who hears what is said about an input: people at stderr, or the code that has called us."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .diagnostics import Diagnostic

_HEARD: ContextVar[list[Diagnostic] | None] = ContextVar("heard", default=None)


@contextmanager
def heard() -> Generator[list[Diagnostic]]:
    """Collect what is said meanwhile in this thread: it is not printed, and no progress is displayed."""
    said: list[Diagnostic] = []
    token = _HEARD.set(said)
    try:
        yield said
    finally:
        _HEARD.reset(token)


def listener() -> list[Diagnostic] | None:
    """What collects all that is said; None where it is printed."""
    return _HEARD.get()
