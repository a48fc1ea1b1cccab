"""`kl-opt --reduce`: what is interesting about an input, and the command lines that say so."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from ..diagnostics import explained
from ..driver import check_module
from ..output import STDOUT
from ..values import HELP_MARK, InputError
from .reduction import Reduction
from .reproducer import arguments_of, printed, read, reads_back

MIXTURES: Mapping[str, Sequence[str]] = {
    "reproducer": ("verify_diagnostics", "reduce"),
    "reduce": (
        "verify_diagnostics",
        "parsing_diagnostics",
        "split_input_file",
        "print_ir_before",
        "print_ir_after",
        "print_ir_after_all",
        "print_ir_after_change",
        "print_ir_diff",
        "statistics",
        "print_between_passes",
        "print_op_generic",
        "print_debuginfo",
        "time_passes",
        "remarks",
        "shrink",
    ),
}
"""Options and those that have no meaning beside them."""
VARIABLE = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`|[%@^][\w$.#-]+|\d+(?:\.\d+)?""")
"""What differs between messages about the same: names, places and numbers."""
NO_COMMAND = (126, 127)
"""What a shell ends with if it cannot run a command."""


def command_line(arguments: Sequence[str]) -> list[str]:
    """A command line with the arguments of a reproducer in place of `--run-reproducer FILE`.

    `--reduce` alone becomes `--reduce=`, as the word behind it is no command but the input.

    Raises: InputError for a file that is no reproducer, OSError.
    """
    reader = argparse.ArgumentParser("kl-opt", add_help=False, usage="kl-opt --run-reproducer FILE")
    reader.add_argument("--run-reproducer")
    given, others = reader.parse_known_args(list(arguments))
    others = [f"{one}=" if re.fullmatch("--redu?c?e?", one) else one for one in others]
    file: str | None = vars(given)["run_reproducer"]
    return others if file is None else [*others, *arguments_of(file)]


def refuse_mixtures(parser: argparse.ArgumentParser, given: Mapping[str, object]) -> None:
    """Raises: SystemExit, with a message, for options that have no meaning beside others."""
    for name, others in MIXTURES.items():
        for other in others:
            if given[name] is not None and given[other] not in (None, False, []):
                flags = (f"--{one.replace('_', '-')}" for one in (name, other))
                parser.error(" has no meaning beside ".join(reversed([*flags])))
    if given["reduce"] is not None and given["target"] != "mlir":
        parser.error("--target has no meaning beside --reduce, which prints IR")
    output, file = given["reproducer"], given["input_file"]
    if output == STDOUT:
        parser.error("--reproducer writes what is run again, which is a file, not the standard output")
    if isinstance(output, str) and isinstance(file, str) and Path(output).resolve() == Path(file).resolve():
        parser.error("--reproducer would overwrite the input")


@dataclass(frozen=True)
class Failure:
    """How an input fails: two failures of one cause are equal."""

    code: int
    kind: str
    where: str
    message: str

    @staticmethod
    def of(error: BaseException) -> Failure:
        """That of an exception."""
        diagnostic, code = explained(error)
        cause = error.__cause__ if error.__cause__ is not None else error
        where, message = VARIABLE.sub("_", diagnostic.note or ""), VARIABLE.sub("_", diagnostic.message)
        return Failure(code, type(cause).__name__, where, message.partition("\n")[0])


@dataclass(frozen=True)
class Checks:
    """What is checked of a module."""

    disable_verify: bool
    no_verify_dominance: bool

    def check(self, module: ModuleOp) -> None:
        """Raises: DiagnosticException for a module that is not valid."""
        if not self.disable_verify:
            check_module(module, dominance=not self.no_verify_dominance)


@dataclass(frozen=True)
class Reducer:
    """Reads, checks and runs what `kl-opt` was called for."""

    ctx: Context
    run: Callable[[ModuleOp], None]
    checks: Checks

    def reduced(self, module: ModuleOp, command: str) -> str:
        """The text of the smallest module that fails as this one does, or for which the command does.

        Raises: InputError for a module that does not fail; DiagnosticException for one that is not valid,
            if there is a command.
        """
        test = self._test_by(command) if command else self._same_failure(module)
        valid = bool(command) or self._is_valid(module)
        if command:
            self.checks.check(module)
        generic = not reads_back(self.ctx, module)

        def as_text(candidate: ModuleOp) -> str:
            if valid:
                self.checks.check(candidate)
            return printed(candidate, generic=generic)

        text = printed(module, generic=generic)
        if not test(text):
            what = f"'{command}' exits with 0" if command else "the failure is gone once the input is printed"
            raise InputError(f"nothing to reduce: {what}{HELP_MARK}an input is interesting while it fails")
        reduction = Reduction(module, text, as_text, test)
        before = reduction.operations
        reduction.run()
        counts = f"{before} to {reduction.operations} operations in {reduction.tests} tests"
        print(f"kl-opt: reduced from {counts}", file=sys.stderr)
        return reduction.text

    def _same_failure(self, module: ModuleOp) -> Callable[[str], bool]:
        wanted = self._failure(lambda: module.clone())
        if wanted is None:
            raise InputError(
                f"nothing to reduce: the input does not fail{HELP_MARK}give the failing passes, or"
                " --reduce=COMMAND"
            )
        return lambda text: self._failure(lambda: read(self.ctx, text)) == wanted

    def _failure(self, make: Callable[[], ModuleOp]) -> Failure | None:
        try:
            self.run(make())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever it is, it is what the input is reduced for
            return Failure.of(error)
        return None

    def _is_valid(self, module: ModuleOp) -> bool:
        try:
            self.checks.check(module)
        except Exception:  # verifiers of other packages may raise anything
            return False
        return True

    def _test_by(self, command: str) -> Callable[[str], bool]:
        def test(text: str) -> bool:
            with TemporaryDirectory(prefix="kl-opt-") as folder:
                file = Path(folder) / "reduced.mlir"
                file.write_text(text, encoding="utf-8")
                name = shlex.quote(str(file))
                whole = command.replace("%s", name) if "%s" in command else f"{command} {name}"
                done = subprocess.run(whole, shell=True, stdin=subprocess.DEVNULL, capture_output=True)
            if done.returncode in NO_COMMAND:
                said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
                raise InputError(f"--reduce: '{command}' cannot be run: {said}")
            return done.returncode != 0

        return test
