"""Messages about the user's input: `file:line:col: error: message`, the source line, a caret and
the way out."""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from xdsl.dialects.builtin import ArrayAttr, FileLineColLoc
from xdsl.ir import Attribute, Operation, ParametrizedAttribute
from xdsl.utils.exceptions import ArgSpecParseError, DiagnosticException, ParseError

from ..backends.targets import TargetError
from ..dialects.failing import raise_about
from ..explore.errors import MissingExtraError, ReportError, SpaceError, StudyError
from ..explore.scenarios.errors import ScenarioError
from ..frontends.source_errors import SourceError
from .blame import PluginError, at_work, blamed
from .bounds import EndlessError
from .hearing import listener
from .streams import OUTPUT, discard_output, finish_output, finishing, prepare
from .values import HELP_MARK, STDIN, InputError, Position, opened_path, shown_text

OF_A_STREAM = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG)
"""What keeps a stream from being written; errors of files have their names."""
EXCERPT_WIDTH = 120
"""Characters of a long source line that are shown."""


class PassError(DiagnosticException):
    """Raised from an error that came up in a pass or in the checks after it; its text says
    where."""


@dataclass(frozen=True)
class Diagnostic:
    """One message; without a position it stands for a whole file or command."""

    message: str
    position: Position | None = None
    severity: str = "error"
    help: str | None = None
    note: str | None = None


def position_of(op: Operation) -> Position | None:
    """Where an operation, or else the nearest operation around it, comes from."""
    here: Operation | None = op
    while here is not None:
        if (found := _file_position(here.location)) is not None:
            return found
        here = here.parent_op()
    return None


def _file_position(location: Attribute) -> Position | None:
    if isinstance(location, FileLineColLoc):
        return Position(location.filename.data, location.line.data, location.column.data)
    match location:
        case ParametrizedAttribute(parameters=parts) | ArrayAttr(data=parts):
            return next(filter(None, map(_file_position, parts)), None)
        case _:
            return None


def failing_operation(error: BaseException) -> Operation | None:
    """The operation that an error of xDSL is about.

    Errors do not have it, but what xDSL raises, verifying an operation or `Operation.emit_error`, goes
    through a method of the operation itself, and what we raise through `raise_about`: the last such
    frame of the traceback has it as a local.
    """
    names = {
        Operation.emit_error.__code__: "self",
        Operation.verify.__code__: "self",
        raise_about.__code__: "op",
    }
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    found = [frame.f_locals[names[frame.f_code]] for frame in frames if frame.f_code in names]
    return found[-1] if found else None


def describe(error: BaseException) -> Diagnostic | None:
    """The message for an error that the input has caused; None for any other, which is a bug."""
    match error:
        case ParseError():
            place = error.span.get_location()
            position = Position(place.file, place.line, place.col, _length(error), _line(error))
            return _with_help(error.msg, position)
        case PassError():
            assert error.__cause__ is not None, "it is raised from the error it is about"
            found = describe(error.__cause__)
            assert found is not None, "its cause is an error of the input"
            return replace(found, note=str(error))
        case DiagnosticException():
            op = error.operation if isinstance(error, EndlessError) else failing_operation(error)
            return _with_help(str(error), position_of(op) if op is not None else None)
        case InputError():
            return _with_help(str(error), error.position)
        case SourceError():
            return _with_help(str(error), None)
        case TargetError():
            return Diagnostic(error.message, _place(error.location), help=error.way_out or None)
        case ScenarioError():
            place = Position(error.file, error.line, error.column, error.length) if error.line else None
            return Diagnostic(error.message, place, help=error.way_out or None)
        case SpaceError() | StudyError() | ReportError() | MissingExtraError():
            return Diagnostic(str(error))
        case ArgSpecParseError():
            return Diagnostic("malformed name or options\n  " + "\n  ".join(str(error).splitlines()[2:]))
        case MemoryError():
            what = f": {error}" if str(error) else ""
            return Diagnostic(
                f"there is not enough memory{what}", help="a smaller context or batch needs less"
            )
        case OSError():
            named = error.filename or (OUTPUT if error.errno in OF_A_STREAM else "file")
            return Diagnostic(f"{named}: {error.strerror or error}")
        case _:
            return None


def first_clause(message: str) -> str:
    """What is wrong, without what more a message says behind it."""
    return message.partition(HELP_MARK)[0].partition("; ")[0].strip()


def _place(location: str) -> Position | None:
    """The place that a program's unit carries as `file:line:column`."""
    match = re.fullmatch(r"(.+):(\d+):(\d+)", location)
    return Position(match[1], int(match[2]), int(match[3])) if match else None


def _with_help(message: str, position: Position | None) -> Diagnostic:
    text, mark, help = message.partition(HELP_MARK)
    return Diagnostic(text.strip(), position, help=help.strip() if mark else None)


def _length(error: ParseError) -> int:
    content = error.span.content
    newline = content.find("\n") if isinstance(content, str) else content.find(b"\n")
    return max(1, newline if newline >= 0 else len(content))


def _line(error: ParseError) -> str:
    source, start = error.span.input, error.span.start
    line = source.content[source.get_start_of_line(start) : source.get_end_of_line(start)]
    return line.decode("utf-8", "replace") if isinstance(line, bytes) else line


def render(diagnostic: Diagnostic, sources: Mapping[str, str], program: str, *, color: bool = False) -> str:
    """The text of a message; `sources` holds texts by file name, other files are read from disk.

    The name of the program stands where there is no position.
    """
    bold, red, reset = ("\033[1m", "\033[31;1m", "\033[0m") if color else ("", "", "")
    position = diagnostic.position
    place = f"{position.file}:{position.line}:{position.column}" if position else program
    lines = [f"{bold}{place}: {red}{diagnostic.severity}:{reset} {shown_text(diagnostic.message)}"]
    text = _source_line(position, sources) if position else None
    if position and text and text.strip():
        shown, caret = _excerpt(position, text)
        lines += [f"  {shown}", f"  {bold}{caret}{reset}"]
    if diagnostic.note:
        lines.append(f"note: {shown_text(diagnostic.note)}")
    if diagnostic.help:
        lines.append(f"{bold}help:{reset} {shown_text(diagnostic.help)}")
    return "\n".join(lines)


def _source_line(position: Position, sources: Mapping[str, str]) -> str | None:
    if position.text is not None:
        return position.text
    text = sources.get(position.file)
    if text is None and position.file == STDIN:  # what was read is gone, and a file of this name is another
        return None
    if text is None:
        try:
            text = Path(opened_path(position.file)).read_text(encoding="utf-8-sig", errors="replace")
        except (OSError, ValueError):
            return None
    lines = text.split("\n")
    return lines[position.line - 1] if position.line <= len(lines) else None


def _excerpt(position: Position, text: str) -> tuple[str, str]:
    """The part of a source line around a position that fits a screen, and the carets below it."""
    text = "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text.rstrip("\r\n"))
    start = max(0, position.column - 1 - EXCERPT_WIDTH // 2) if len(text) > EXCERPT_WIDTH else 0
    shown = text[start : start + EXCERPT_WIDTH]
    before = text[start : position.column - 1].ljust(position.column - 1 - start)
    if start > 0:
        shown, before = f"… {shown}", f"  {before}"
    indent = "".join("\t" if c == "\t" else " " for c in before)
    return shown, indent + "^" * max(1, min(position.length, len(shown) - len(indent)))


def report(diagnostic: Diagnostic, sources: Mapping[str, str], program: str) -> None:
    """Print a message on stderr, in color on a terminal; or tell who listens."""
    if (said := listener()) is not None:
        said.append(diagnostic)
        return
    print(render(diagnostic, sources, program, color=in_color(sys.stderr)), file=sys.stderr)


def in_color(stream: IO[str]) -> bool:
    """Whether what is printed there has colors: it is a terminal, and NO_COLOR is not set."""
    return stream.isatty() and "NO_COLOR" not in os.environ


def guarded(program: str, body: Callable[[], int], sources: Mapping[str, str]) -> int:
    """Run a tool and return its exit code: 1 after an error of the input, 69 after a failure of what another
    package brings, 70 after a bug of ours, 130 after Ctrl-C.

    A reader that closes our output early ends the tool quietly. KL_DEBUG=1 shows every error's
    traceback instead.
    """
    prepare()
    try:
        code = body()
        sys.stdout.flush()
        return code
    except BaseException as error:  # the one place where nothing may pass: a tool never ends in a traceback
        try:
            return _ended(error, program, sources)
        except OSError:  # nobody reads what there is to say, or it cannot be written
            discard_output()
            return EXIT_CODES["input"]


EXIT_CODES = {"input": 1, "package": 69, "bug": 70, "interrupted": 130}
"""What a tool ends with, by whose fault it is; 2 is wrong usage."""


def _ended(error: BaseException, program: str, sources: Mapping[str, str]) -> int:
    """Say what has ended a tool; its exit code."""
    if isinstance(error, BrokenPipeError):
        discard_output()
        return 0
    if isinstance(error, KeyboardInterrupt):
        if where := at_work(error):
            report(Diagnostic(f"interrupted in {where}"), sources, program)
        return EXIT_CODES["interrupted"]
    if isinstance(error, SystemExit) and blamed(error) is None:
        with finishing(program):
            raise error
    if os.environ.get("KL_DEBUG") == "1":
        raise error
    finish_output()
    diagnostic, code = explained(error)
    report(diagnostic, sources, program)
    return code


def explained(error: BaseException) -> tuple[Diagnostic, int]:
    """The message for any error, and the exit code; what is nobody's fault is a bug of ours."""
    if (diagnostic := describe(error)) is not None:
        return diagnostic, EXIT_CODES["input"]
    if isinstance(error, PluginError):
        return Diagnostic(str(error), help=TRACEBACK), EXIT_CODES["package"]
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    if (blame := blamed(error)) is None:
        where = at_work(error)
        note = f"in {where}" if where else None
        return Diagnostic(
            f"internal error: {what}", note=note, help=f"this is a bug; {TRACEBACK}"
        ), EXIT_CODES["bug"]
    op = failing_operation(error)
    note = ", ".join(
        filter(None, [f"at {blame.place}" * bool(blame.place), f"in {blame.during}" * bool(blame.during)])
    )
    message = f"{blame.part} of {blame.package} has failed: {what}"
    position = position_of(op) if op is not None else None
    return Diagnostic(message, position, note=note or None, help=TRACEBACK), EXIT_CODES["package"]


TRACEBACK = "KL_DEBUG=1 shows where it happened"
