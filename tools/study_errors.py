"""Errors and interruptions of the explorer, as errors of the tools."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

from ..explore.errors import MissingExtraError, SpaceError, StudyError
from .diagnostics import InputError


@contextmanager
def study_errors(storage: str | None = None) -> Generator[None]:
    """Turn what the explorer refuses into an InputError; after Ctrl-C say how a kept study goes on.

    Raises: InputError.
    """
    try:
        yield
    except (MissingExtraError, SpaceError, StudyError) as error:
        raise InputError(str(error)) from error
    except KeyboardInterrupt:
        if storage is not None:
            note = f"interrupted; the study is kept in {storage}: the same command goes on with it"
            print(note, file=sys.stderr)
        raise
