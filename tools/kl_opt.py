"""`kl-opt`: any pass on any IR, and on model files.

It is xDSL's optimizer driver with our frontend, and with errors that say where: positioned, and
never a traceback. Dialects, passes and targets come from every installed package with an
`xdsl.universe`, ours among them.
"""

from __future__ import annotations

import argparse
import gc
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import PassPipeline
from xdsl.printer import Printer
from xdsl.utils.exceptions import DiagnosticException, ParseError
from xdsl.xdsl_opt_main import xDSLOptMain

from .. import __version__
from ..frontends import Frontend, SavedProgram, Text
from ..frontends.located_parser import LocatedParser, decode
from .diagnostics import Diagnostic, PassError, describe, guarded, report
from .driver import parse_passes, remarks_of, run_passes
from .options import add_options, filled, option
from .universe import STDIN as STANDARD_INPUT
from .universe import find_frontend, frontends, make_context, multiverse, other_operations
from .values import InputError, assignments

NAME = "kl-opt"
STDIN = "<stdin>"


@dataclass(frozen=True)
class KlOptCommand:
    """What a command line of `kl-opt` says, as far as this file reads it."""

    input_file: str | None
    passes: str
    print_between_passes: bool
    time_passes: bool
    verify_diagnostics: bool
    parsing_diagnostics: bool
    disable_verify: bool
    no_implicit_module: bool
    param: tuple[str, ...] = option(
        "Override a parameter of a model file; may be repeated.", default=(), metavar="NAME=VALUE"
    )
    print_ir_after_all: bool = option("Print the IR after every pass, on stderr.", default=False)
    no_verify_dominance: bool = option("Accept uses before definitions in SSA regions.", default=False)
    remarks: bool = option("Print what passes remark on single operations, on stderr.", default=False)


class KlOptMain(xDSLOptMain):
    """xDSL's driver; `sources` collects the texts that diagnostics quote and that no file holds."""

    version_format = f"kl-opt {__version__}\n{xDSLOptMain.version_format}"

    def __init__(self, args: Sequence[str] | None, sources: dict[str, str]):
        self.sources = sources
        self.line_offset = 0
        self.command: KlOptCommand
        self.remarked: set[Diagnostic] = set()
        super().__init__("Run passes on MLIR text or on a model file.", args)

    def register_all_dialects(self) -> None:
        """Dialects of all installed packages."""
        self.ctx = make_context()

    def register_all_passes(self) -> None:
        """Passes of all installed packages."""
        self.available_passes = multiverse().all_passes

    def register_all_targets(self) -> None:
        """Targets of all installed packages."""
        self.available_targets.update(multiverse().all_targets)

    def register_all_frontends(self) -> None:
        """Those of all installed packages, IR through our parser with its place in the file."""
        self.available_frontends.update(foreign_frontends())
        self.available_frontends |= {one.name: partial(self._parse, one) for one in frontends(programs=False)}
        self.available_frontends["mlir"] = self._parse_mlir

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        """xDSL's arguments and ours."""
        super().register_all_arguments(arg_parser)
        add_options(arg_parser, KlOptCommand)

    def setup_pipeline(self) -> None:
        """The passes of `-p`."""
        self.command = filled(KlOptCommand, self.args)
        self.pipeline = PassPipeline(parse_passes(self.available_passes, self.command.passes))

    def get_input_name(self) -> str:
        """The name in locations and messages; with --parsing-diagnostics that of xDSL."""
        if self.command.parsing_diagnostics:
            return super().get_input_name()
        return self.command.input_file or STDIN

    def get_input_stream(self) -> tuple[IO[bytes], str]:
        """The input, and the frontend that it is for; what comes from stdin is kept for diagnostics.

        Raises: InputError for a file of another kind.
        """
        name = self.get_input_name()
        if self.command.input_file is not None:
            data = Path(name).read_bytes()
        else:
            data = sys.stdin.buffer.read()
            self.sources[STDIN] = data.decode("utf-8", "replace")
        return BytesIO(data), self._frontend_of(data)

    def _frontend_of(self, data: bytes) -> str:
        path = self.command.input_file
        if path is not None and (suffix := Path(path).suffix[1:]) in foreign_frontends():
            return suffix
        return find_frontend(STANDARD_INPUT if path is None else path, data, programs=False).name

    def parse_chunk(self, chunk: IO[bytes], file_extension: str, start_offset: int = 0) -> ModuleOp | None:
        """Parse one piece of the input, which begins `start_offset` lines below its top."""
        self.line_offset = start_offset
        return super().parse_chunk(chunk, file_extension, start_offset)

    def apply_passes(self, prog: ModuleOp) -> None:
        """With --verify-diagnostics, xDSL's own errors are raised, which its driver prints."""
        verify, dominance = not self.command.disable_verify, not self.command.no_verify_dominance
        passes = self.pipeline.passes
        try:
            run_passes(self.ctx, prog, passes, verify=verify, dominance=dominance, show=self._show)
        except PassError as error:
            if self.command.verify_diagnostics and error.__cause__ is not None:
                raise error.__cause__ from None
            raise

    def _parse_mlir(self, stream: IO[bytes]) -> ModuleOp:
        name = self.get_input_name()
        try:
            parser = LocatedParser(self.ctx, decode(stream.read(), name), name, self.line_offset)
            return parser.parse_module(not self.command.no_implicit_module)
        except ParseError as error:
            raise self._as_asked(error, error.__cause__) from error.__cause__

    def _as_asked(self, error: ParseError, original: BaseException | None) -> BaseException:
        """The error to raise for one of parsing: the `original` of xDSL's parser where an option asks for
        errors of that class; never one that the driver prints where `xdsl-opt` ends instead."""
        if isinstance(original, ParseError):
            return original if self.command.parsing_diagnostics else error
        if isinstance(original, DiagnosticException) and self.command.verify_diagnostics:
            return original
        if not self.command.parsing_diagnostics:
            return error
        error.span = replace(error.span, line_offset=self.line_offset)
        diagnostic = describe(error)
        assert diagnostic is not None, "it is an error of the input"
        return InputError(diagnostic.message, diagnostic.position)

    def _parse(self, frontend: Frontend, stream: IO[bytes]) -> ModuleOp:
        name, parameters = self.get_input_name(), assignments("--param", self.command.param)
        read = frontend.read(self.ctx, Text(name, stream.read(), parameters, other_operations))
        if isinstance(read, SavedProgram):
            raise InputError(f"{name} is a program for {read.target} already, and has no IR")
        return read

    def _show(self, name: str, seconds: float, module: ModuleOp) -> None:
        """Whatever of a pass the options ask to see; all of it goes to stderr."""
        if self.command.remarks:
            fresh = [r for r in dict.fromkeys(remarks_of(module)) if r not in self.remarked]
            self.remarked.update(fresh)
            for remark in fresh:
                report(remark, self.sources, NAME)
        if self.command.time_passes:
            print(f"{seconds * 1e3:10.2f} ms  {name}", file=sys.stderr)
        if self.command.print_ir_after_all or self.command.print_between_passes:
            print(f"// -----// IR after {name} //----- //", file=sys.stderr)
            Printer(stream=sys.stderr).print_op(module)
            print(file=sys.stderr)


def foreign_frontends() -> dict[str, Callable[[], type[Any]]]:
    """xDSL frontends of other packages, by name; the universes of xDSL 0.74 have none."""
    known: dict[str, Callable[[], type[Any]]] = getattr(multiverse(), "all_frontends", {})
    return {name: load for name, load in known.items() if name != "mlir"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kl-opt` and return its exit code: 0, 1 for wrong input, 2 for wrong usage, 130 after
    Ctrl-C."""
    gc.set_threshold(100_000)  # IR is many small objects that all live on; collecting early finds nothing
    sources: dict[str, str] = {}

    def body() -> int:
        with warnings.catch_warnings():
            warnings.filterwarnings("default", category=DeprecationWarning)  # as xDSL's tools do
            KlOptMain(argv, sources).run()
        return 0

    return guarded(NAME, body, sources)


if __name__ == "__main__":
    sys.exit(main())
