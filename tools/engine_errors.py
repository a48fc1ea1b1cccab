"""Errors of the backends, which know no xDSL, as errors of the tools."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager

from ..backends.sn40l.errors import ExecutionError, ProgramError
from ..backends.weights import WeightError
from .diagnostics import InputError, Position


@contextmanager
def engine_errors(source: str | None = None) -> Generator[None]:
    """Turn what a program or a checkpoint does wrong into an InputError, with its place if it is
    known.

    `source` is the file that the program comes from; it stands in messages that know no place.

    Raises: InputError.
    """
    try:
        yield
    except (ExecutionError, ProgramError) as error:
        position = _position(error.location)
        prefix = f"{source}: " if source is not None and position is None else ""
        raise InputError(f"{prefix}{error.message}", position) from error
    except WeightError as error:
        raise InputError(str(error)) from error


def _position(location: str) -> Position | None:
    """The place that a program's unit carries as `file:line:column`."""
    match = re.fullmatch(r"(.+):(\d+):(\d+)", location)
    return Position(match[1], int(match[2]), int(match[3])) if match else None
