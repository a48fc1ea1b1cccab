"""Runs one input in this process, within limits, and says what was wrong with how it ended."""

from __future__ import annotations

import io
import re
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kl.tools import diagnostics

CPU_SECONDS = 10.0
"""Of the processor, for one input, however busy the machine is; all seeds take less than a second."""
MEMORY_BYTES = 2 * 1024**3
"""Of address space, for one input, above what the process has when it begins."""
MOST_CHARACTERS = 20_000
"""Of a message."""
PLACE = re.compile(r"^[^ \n]+:\d+:\d+: error: |^kl: error: the pipeline ends ", re.MULTILINE)
"""How a message names a place in a text, such as the model that a program was made from, or the pipeline."""
ALLOWED = (0, 1, 2)
"""Exit codes that an input may end with."""


class TooLong(BaseException):
    """Raised where an input takes more time than it may."""


@dataclass(frozen=True)
class Ending:
    """How an input has ended."""

    code: int | None
    """None where it has not ended by itself."""
    wrong: str = ""
    """What is wrong with it, alike for inputs that show the same; empty where all is well."""
    detail: str = ""
    """A message or the end of a traceback."""
    verdict: str = ""
    """Who refuses it or what it is, where a kind of inputs is judged by more than its ending."""
    fields: tuple[str, ...] = ()
    """What was changed, likewise."""


@dataclass
class Watched:
    """What `explained` was asked, and what came out."""

    errors: list[BaseException] = field(default_factory=list[BaseException])
    out: io.BytesIO = field(default_factory=io.BytesIO)
    err: io.BytesIO = field(default_factory=io.BytesIO)


def watched(body: Callable[[], int], named: str = "") -> Ending:
    """Run a tool; `named` is what its message must name.

    A traceback, an exit code that is none of an input, no message or several, a message without the name of
    the file, too much time or memory are wrong.
    """
    seen = Watched()
    try:
        with _listening(seen), _streams(seen):
            code = _limited(body)
    except TooLong as error:
        return Ending(None, f"too long in {_frame(error)}", _end(error))
    except MemoryError as error:
        return Ending(None, f"too much memory in {_frame(error)}", _end(error))
    except BaseException as error:
        return Ending(None, f"{type(error).__name__} in {_frame(error)}", _end(error))
    return _judged(code, seen, named)


def _judged(code: int, seen: Watched, named: str) -> Ending:
    text = seen.err.getvalue().decode("utf-8", "replace")
    if code not in ALLOWED:
        error = seen.errors[-1] if seen.errors else None
        kind = "too long" if isinstance(error, TooLong) else type(error).__name__
        return Ending(code, f"{kind} in {_frame(error)}", text + _end(error))
    if "Traceback (most recent" in text:
        return Ending(code, "a traceback is printed", text)
    if code == 0:
        return Ending(code)
    where = _frame(seen.errors[-1] if seen.errors else None)
    messages = len(re.findall(r"^(?! ).*?error: ", text, re.MULTILINE))
    if messages != 1:
        return Ending(code, f"{'no message' if not messages else 'several messages'}, {where}", text)
    if len(text) > MOST_CHARACTERS:
        return Ending(code, f"a message of too many characters, {where}", text[:2000])
    if code == 1 and named not in text and not PLACE.search(text):
        return Ending(code, f"the file is not named, {where}", text)
    return Ending(code)


class _listening:
    """Notes the errors that end a tool, which it explains by `diagnostics.explained`."""

    def __init__(self, seen: Watched):
        self._seen = seen
        self._original: Any = diagnostics.explained

    def __enter__(self) -> None:
        def explained(error: BaseException) -> Any:
            self._seen.errors.append(error)
            return self._original(error)

        setattr(diagnostics, "explained", explained)  # noqa: B010  # a module has no such field

    def __exit__(self, *_: object) -> None:
        setattr(diagnostics, "explained", self._original)  # noqa: B010


class _streams:
    """Strict streams in UTF-8 in the place of the process's own."""

    def __init__(self, seen: Watched):
        out = io.TextIOWrapper(seen.out, "utf-8", write_through=True)
        err = io.TextIOWrapper(seen.err, "utf-8", "backslashreplace", write_through=True)
        self._out, self._err = redirect_stdout(out), redirect_stderr(err)
        self._kept = out, err

    def __enter__(self) -> None:
        self._out.__enter__()
        self._err.__enter__()

    def __exit__(self, *_: object) -> None:
        self._err.__exit__(None, None, None)
        self._out.__exit__(None, None, None)
        for stream in self._kept:
            with suppress(ValueError):
                stream.detach()


def _limited(body: Callable[[], int]) -> int:
    """Run within the limits; a wrong command line ends in its code."""

    def stop(*_: object) -> None:
        raise TooLong

    before = resource.getrlimit(resource.RLIMIT_AS)
    signal.signal(signal.SIGVTALRM, stop)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MEMORY_BYTES, before[1]))
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS, 1.0)
    try:
        return body()
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, before)


def _address_space() -> int:
    """Bytes that this process has mapped."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _frame(error: BaseException | None) -> str:
    """The innermost function of ours that an error has come through."""
    if error is None:
        return "nowhere"
    root = str(Path(diagnostics.__file__).parents[1])
    frames = [
        frame.f_code
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename.startswith(root) and "/tests/" not in frame.f_code.co_filename
    ]
    own = [code for code in frames if "/.venv/" not in code.co_filename]
    if not own:
        return "nowhere"
    return f"{own[-1].co_filename.removeprefix(root + '/')}:{own[-1].co_name}"


def _end(error: BaseException | None) -> str:
    """The last lines of a traceback."""
    if error is None:
        return ""
    with suppress(RecursionError, MemoryError):
        lines = traceback.format_exception(type(error), error, error.__traceback__, chain=False)
        return "".join(lines[-8:])[-3000:]
    return type(error).__name__


def warm() -> None:
    """Take in what tools import late, so that neither time nor memory of an input has it."""
    import numpy
    import xdsl.dialects.builtin

    assert numpy is not None
    assert xdsl.dialects.builtin is not None
    sys.setrecursionlimit(1_000)
