"""`kl-opt --reproducer FILE`: what a failing pipeline began with, as an input that fails in the same way.

The file is IR with a header of comments. `kl-opt --run-reproducer FILE` takes from its line `configuration:`
the passes and the options on which it depends what they do; the other lines are for people.
"""

from __future__ import annotations

import platform
import re
import shlex
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from importlib import metadata
from io import StringIO
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.printer import Printer
from xdsl.utils.exceptions import DiagnosticException, ShrinkException

from ... import __version__
from ...frontends.located_parser import LocatedParser
from ..blame import package_of
from ..diagnostics import Diagnostic, PassError, explained, report
from ..output import write_file
from ..values import HELP_MARK, InputError, opened_path

LINE_END = re.compile(r"[\n\r\f\v]+")
MARK = "// configuration:"
"""Begins the line of the header that is read again."""


@dataclass(frozen=True)
class Configuration:
    """The options of `kl-opt` on which it depends what passes do; each is a field by its name."""

    passes: str
    max_rewrites: int | None
    disable_verify: bool
    no_verify_dominance: bool
    allow_unregistered_dialect: bool

    def arguments(self) -> Iterator[str]:
        """The options as a command line has them, in one line."""
        for name, value in vars(self).items():
            if isinstance(value, bool):
                yield from [_flag(name)] * value
            elif value is not None:
                yield f"{_flag(name)}={LINE_END.sub(' ', str(value))}"


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


@contextmanager
def recorded(
    path: str,
    ctx: Context,
    module: ModuleOp,
    passes: Sequence[ModulePass],
    configuration: Configuration,
) -> Generator[None]:
    """Write the module as it is now, if what is done within fails by a pass.

    Wrong input is no such failure, nor is Ctrl-C.
    """
    before = module.clone()
    try:
        yield
    except BaseException as error:
        if _is_of_a_pass(error):
            _write(
                path, "\n".join([*_header(path, before, passes, configuration, error), _text(ctx, before)])
            )
        raise


def _is_of_a_pass(error: BaseException) -> bool:
    if isinstance(error, KeyboardInterrupt | ShrinkException | InputError):
        return False
    return isinstance(error, PassError) or not isinstance(error, DiagnosticException)


def _header(
    path: str,
    module: ModuleOp,
    passes: Sequence[ModulePass],
    configuration: Configuration,
    error: BaseException,
) -> Iterator[str]:
    diagnostic, _ = explained(error)
    note = f" ({diagnostic.note})" if diagnostic.note else ""
    failure = (diagnostic.message.splitlines() or [""])[0] + note
    yield f"// run: kl-opt --run-reproducer {shlex.quote(path)}"
    yield f"{MARK} {shlex.join(configuration.arguments())}"
    yield f"// failure: {' '.join(failure.split())}"
    yield f"// versions: {', '.join(_versions(module, passes))}"


def _versions(module: ModuleOp, passes: Sequence[ModulePass]) -> Iterator[str]:
    """Of all that may take part: passes and operations of other packages, too."""
    yield from (
        f"kl {__version__}",
        f"xdsl {metadata.version('xdsl')}",
        f"python {platform.python_version()}",
    )
    parts = (type(one).__module__ for one in (*passes, *module.walk()))
    others = {part.partition(".")[0] for part in parts} - {"kl", "xdsl"}
    yield from sorted(package_of(name).removeprefix("the package ") for name in others)


def _text(ctx: Context, module: ModuleOp) -> str:
    """The module in its custom form, or in the generic one if the former does not read back as the same."""
    return printed(module, generic=not reads_back(ctx, module))


def reads_back(ctx: Context, module: ModuleOp) -> bool:
    """Whether the custom form of a module is read as the same one."""
    try:
        return read(ctx, printed(module)).is_structurally_equivalent(module)
    except Exception:  # custom forms, of other packages too, may take valid IR alone
        return False


def read(ctx: Context, text: str) -> ModuleOp:
    """The module of a text that we have printed.

    Raises: ParseError where that does not read back.
    """
    return LocatedParser(ctx, text, "<printed>").parse_module()


def printed(module: ModuleOp, *, generic: bool = False) -> str:
    """A module as text with a line end."""
    stream = StringIO()
    Printer(stream=stream, print_generic_format=generic).print_op(module)
    return stream.getvalue() + "\n"


def _write(path: str, text: str) -> None:
    """Write the file and say so; that it cannot be written does not hide the failure itself."""
    try:
        write_file(path, text)
    except OSError as error:
        report(Diagnostic(f"no reproducer: {path}: {error.strerror}", severity="warning"), {}, "kl-opt")
        return
    way_out = f"run it by kl-opt --run-reproducer {shlex.quote(path)}"
    report(Diagnostic(f"{path} is a reproducer of what follows; {way_out}", severity="note"), {}, "kl-opt")


def arguments_of(path: str) -> list[str]:
    """The arguments of `kl-opt` that run a reproducer.

    Raises: InputError for a file that is none, OSError.
    """
    if path == "-":
        raise InputError("a reproducer is read from a file, not from the standard input")
    text = Path(opened_path(path)).read_text(encoding="utf-8", errors="replace")
    found = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.startswith(MARK)]
    if len(found) != 1:
        raise InputError(
            f"{path} has {len(found)} lines that begin with '{MARK}', a reproducer has one{WAY_OUT}"
        )
    ((number, line),) = found
    try:
        given = shlex.split(line.removeprefix(MARK))
    except ValueError as error:
        raise InputError(f"{path}:{number}: malformed configuration: {str(error).lower()}{WAY_OUT}") from None
    known = {_flag(one.name): one.type == "bool" for one in fields(Configuration)}
    names = [argument.partition("=")[0] for argument in given]
    for name, argument in zip(names, given, strict=True):
        if name not in known or known[name] == ("=" in argument):
            raise InputError(f"{path}:{number}: malformed configuration: '{argument}'{WAY_OUT}")
    if names.count("--passes") != 1:
        raise InputError(f"{path}:{number}: malformed configuration: it needs --passes once{WAY_OUT}")
    return [*given, "--frontend=mlir", path]


WAY_OUT = f"{HELP_MARK}kl-opt --reproducer FILE writes such files"
