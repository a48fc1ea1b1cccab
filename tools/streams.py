"""The standard streams, whatever they are: closed, full, a pipe whose reader has left, or of few characters.

It needs the standard library alone, so that wrong usage answers at once.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext, suppress
from typing import IO, TextIO

from .values import InputError

OUTPUT = "standard output"
"""What messages call it."""


class _Closed(io.TextIOBase):
    """A standard output that is closed: whatever is written to it is lost, so that is an error."""

    def write(self, text: str, /) -> int:
        """Raises: OSError."""
        raise OSError(errno.EBADF, "it is closed", OUTPUT)


def prepare() -> None:
    """Put something in the place of streams that are closed, and let all characters be printed.

    What the locale's encoding has not is replaced in tables and messages: by `\\xb5`, not by `?`.
    """
    if sys.stdout is None:
        sys.stdout = _Closed()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # open as long as Python runs
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not _is_unicode(stream):
            stream.reconfigure(errors="backslashreplace")


def exact_output() -> TextIO:
    """The standard output for what is read again, IR and programs: in UTF-8 like their files."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not _is_unicode(sys.stdout):
        sys.stdout.reconfigure(encoding="utf-8", errors="strict")
    return sys.stdout


def standard_input() -> bytes:
    """All of the standard input.

    Raises: InputError if it is closed.
    """
    if sys.stdin is None:
        raise InputError("the standard input is closed")
    return sys.stdin.buffer.read()


def finish_output() -> OSError | None:
    """Write what is left of the output; if that fails, drop it and give back what has gone wrong."""
    try:
        sys.stdout.flush()
    except OSError as error:
        discard_output()
        return error
    return None


@contextmanager
def finishing(program: str) -> Generator[None]:
    """Where a command line is read: `--help` may go into a pipe whose reader has left."""
    try:
        yield
    except SystemExit:
        if (failed := finish_output()) is not None:
            raise SystemExit(_ended(program, failed)) from None
        discard_output()  # of a message that cannot be written
        raise
    except OSError as failed:
        discard_output()
        raise SystemExit(_ended(program, failed)) from None


def _ended(program: str, failed: OSError) -> int:
    """Say what kept `--help` from being written; the exit code."""
    if isinstance(failed, BrokenPipeError):
        return 0
    with suppress(OSError):
        print(f"{program}: error: {OUTPUT}: {failed.strerror}", file=sys.stderr)
    return 1


def print_whole(parser: argparse.ArgumentParser) -> None:
    """Let `--help` and `--version` of a command line fail where they cannot be written.

    argparse says nothing then, so that a stream without a buffer would lose them in silence.
    """

    def print_message(message: str, file: IO[str] | None = None) -> None:
        stream = sys.stderr if file is None else file
        with suppress(OSError) if stream is sys.stderr else nullcontext():
            stream.write(message)

    setattr(parser, "_print_message", print_message)  # noqa: B010  # argparse's own, for subclasses


def discard_output() -> None:
    """Python flushes the streams once more at exit; let what is left go nowhere."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _is_unicode(stream: io.TextIOWrapper) -> bool:
    return stream.encoding.lower().replace("-", "").startswith("utf")
