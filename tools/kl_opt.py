"""`kl-opt`: any pass on any IR, and on model files.

It is xDSL's optimizer driver with our frontend, and with errors that say where. Dialects, passes and targets
come from every installed package with an `xdsl.universe`, ours among them.
"""

from __future__ import annotations

import argparse
import gc
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from inspect import signature
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, TextIO, cast

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import PassPipeline
from xdsl.utils.exceptions import ParseError
from xdsl.utils.target import Target
from xdsl.xdsl_opt_main import xDSLOptMain

from .. import __version__
from ..frontends import Frontend, SavedProgram, Text, decode
from ..frontends.exact_printer import ExactTarget
from ..frontends.located_parser import LocatedParser
from .bounds import allowing
from .chunks import forget_resources, split
from .command_line import add_options, filled
from .completion import complete
from .diagnostics import Diagnostic, PassError, describe, guarded, report
from .driver import parse_passes, run_passes
from .examples import find_input
from .expectations import expectations, unmet, with_notes
from .observer import LOOKS_AWAY, OUTPUT, PARSE, Observer, Observers, watched_by
from .once import refuse_repeats
from .opt.command import KlOptCommand
from .opt.default_passes import one_by_one
from .opt.failing_options import check_options, reduced, reproducing, rewritten
from .opt.inputs import language, published
from .opt.parse_errors import as_asked
from .opt.seeing import add_listings, with_bare_remarks
from .output import PendingFile
from .pass_text import make, parse_specs
from .streams import exact_output, standard_input
from .universe import foreign_frontends, frontends, make_context, multiverse, other_operations
from .values import STDIN as DASH
from .values import InputError, assignments, shown_path

if TYPE_CHECKING:
    from .opt.remarks import Tell

NAME = "kl-opt"
STDIN = "<stdin>"


class KlOptMain(xDSLOptMain):
    """xDSL's driver; `sources` collects the texts that diagnostics quote and that no file holds."""

    version_format = f"kl-opt {__version__}\n{xDSLOptMain.version_format}"

    def __init__(self, args: Sequence[str] | None, sources: dict[str, str]):
        self.sources = sources
        self.line_offset = 0
        self.may_be_empty = False
        self.command: KlOptCommand
        self.pending: PendingFile | None = None
        self.data: bytes | None = None
        self.place: str | None = None
        self.exit_code = 0
        self.observer: Observer = LOOKS_AWAY
        super().__init__("Run passes on MLIR text or on a model file.", with_bare_remarks(args))

    def register_all_dialects(self) -> None:
        """Dialects of all installed packages."""
        self.ctx = make_context()

    def register_all_passes(self) -> None:
        """Passes of all installed packages."""
        self.available_passes = multiverse().all_passes

    def register_all_targets(self) -> None:
        """Targets of all installed packages."""
        self.available_targets.update(multiverse().all_targets)
        self.available_targets["mlir"] = lambda: ExactTarget

    def register_all_frontends(self) -> None:
        """Those of all installed packages, IR through our parser."""
        self.available_frontends.update(foreign_frontends())
        self.available_frontends |= {one.name: partial(self._parse, one) for one in frontends(programs=False)}
        self.available_frontends["mlir"] = self._parse_mlir

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        """xDSL's arguments and ours."""
        self.parser = arg_parser
        refuse_repeats(arg_parser)
        super().register_all_arguments(arg_parser)
        add_options(arg_parser, KlOptCommand)
        add_listings(arg_parser)
        complete(arg_parser)

    def setup_pipeline(self) -> None:
        """The passes of `-p`; wrong options of a target are found here, too."""
        self.command = filled(KlOptCommand, self.args)
        if (output := self.command.written_file) is not None:
            self.pending = PendingFile(output)
        (target,) = parse_specs(self.command.target)
        if target.parameters and not signature(entry := self.available_targets[target.name]).parameters:
            make("target", cast(Callable[[], type[Target]], entry)(), target)
        if (found := published(self.command, NAME)) is not None:
            self.place, self.data = found.place, found.text.encode()
        self.pipeline = PassPipeline(parse_passes(self.available_passes, self.command.passes))
        check_options(self.parser, self.args)
        self.observer = self.command.seeing.observer(self.available_passes, self.pipeline.passes)

    def get_input_name(self) -> str:
        """The name in locations and messages; with --parsing-diagnostics that of xDSL."""
        if self.command.parsing_diagnostics:
            return super().get_input_name()
        return self.place or (STDIN if self._path is None else shown_path(self._path))

    @cached_property
    def _path(self) -> str | None:
        """The path of the input; None for the standard input."""
        file = self.command.input_file
        return None if file is None or file == DASH else find_input(file)

    def get_input_stream(self) -> tuple[IO[bytes], str]:
        """The input, and the frontend that it is for; what comes from stdin is kept for diagnostics.

        Raises: InputError for a file of another kind.
        """
        data = self._read()
        if self.place is not None:
            return BytesIO(data), "kl"
        path = DASH if self._path is None else self._path
        return BytesIO(data), language(self.command, path, data, foreign_frontends())

    def _read(self) -> bytes:
        """The bytes of the input, which are read once."""
        if self.data is None:
            self.data = standard_input() if self._path is None else Path(self._path).read_bytes()
            if self._path is None:
                self.sources[STDIN] = self.data.decode("utf-8-sig", "replace")
        return self.data

    def prepare_output(self) -> TextIO:
        """The standard output, or what becomes a file in the end."""
        return exact_output() if self.pending is None else self.pending

    def run(self) -> None:
        """Do what the command line says, and write the output file last."""
        with allowing(self.command.max_rewrites), watched_by(self.observer):
            if self.command.failing.reduce is not None:
                self._reduce(self.command.failing.reduce)
            elif not (self.command.verify_diagnostics and self._verify()):
                super().run()
        if self.pending is not None:
            self.pending.commit()

    def _verify(self) -> bool:
        """Hold what is said against the input's annotations, as MLIR does; false where it has none.

        `--parsing-diagnostics` prints messages, as without annotations, for a test that compares them.
        """
        chunks, language = self.prepare_input()
        read = [(chunk.read(), offset) for chunk, offset in chunks]
        name = self.get_input_name()
        expected = [expectations(data.decode("utf-8", "replace"), name, offset) for data, offset in read]
        if self.command.parsing_diagnostics or not any(expected):
            return False
        remarks = self.command.seeing.remarks
        if remarks is None and any(one.severity == "remark" for those in expected for one in those):
            remarks = ""
        output = self.prepare_output()
        for number, ((data, offset), those) in enumerate(zip(read, expected, strict=True)):
            output.write("// -----\n" if number else "")
            wrong = unmet(those, self._said(data, language, offset, output, remarks=remarks))
            for one in wrong:
                self.exit_code = 1
                report(one, self.sources, NAME)
        return True

    def _said(
        self, data: bytes, language: str, offset: int, output: IO[str], *, remarks: str | None
    ) -> list[Diagnostic]:
        """What is said of one piece of the input, whose result is written where it has one.

        Raises: what is no error of the input.
        """
        said: dict[Diagnostic, None] = {}
        try:
            module = self.parse_chunk(BytesIO(data), language, offset)
            assert module is not None, "a frontend gives a module or raises"
            self._run_passes(module, remarks, lambda remark, of_pass: said.setdefault(remark))
            output.write(self.output_resulting_program(module))
        except Exception as error:
            if isinstance(error, ParseError):
                error.span = replace(error.span, line_offset=offset)
            if (diagnostic := describe(error)) is None:
                raise
            return [*said, *with_notes(diagnostic)]
        return [*said]

    def prepare_input(self) -> tuple[list[tuple[IO[bytes], int]], str]:
        """The pieces of the input with the lines above each, and the frontend that they are for."""
        stream, frontend = self.get_input_stream()
        if not self.command.split_input_file:
            return [(stream, 0)], frontend
        pieces = [(BytesIO(piece), lines) for piece, lines in split(stream.read())]
        self.may_be_empty = len(pieces) > 1
        return list[tuple[IO[bytes], int]](pieces), frontend

    def parse_chunk(self, chunk: IO[bytes], file_extension: str, start_offset: int = 0) -> ModuleOp | None:
        """Parse one piece of the input, which begins `start_offset` lines below its top."""
        self.line_offset = start_offset
        forget_resources(self.ctx)
        with self.observer.timing(PARSE):
            return super().parse_chunk(chunk, file_extension, start_offset)

    def output_resulting_program(self, prog: ModuleOp) -> str:
        """The text of a module in the language of the target."""
        with self.observer.timing(OUTPUT):
            return super().output_resulting_program(prog)

    def _reduce(self, command: str) -> None:
        """Print the smallest input that fails."""
        ((chunk, _),), language = self.prepare_input()
        module = self.parse_chunk(chunk, language)
        assert module is not None, "a frontend gives a module or raises"
        run = partial(self._run_passes, remarks=None, tell=self._tell)
        self.prepare_output().write(reduced(self.ctx, module, run, command, self.args))

    def apply_passes(self, prog: ModuleOp) -> None:
        """With --verify-diagnostics, xDSL's own errors are raised, which its driver prints."""
        try:
            with reproducing(self.ctx, prog, self.pipeline.passes, self.args):
                self._run_passes(prog, self.command.seeing.remarks, self._tell)
        except PassError as error:
            if self.command.verify_diagnostics and error.__cause__ is not None:
                raise error.__cause__ from None
            raise

    def _parse_mlir(self, stream: IO[bytes]) -> ModuleOp:
        name = self.get_input_name()
        if self.command.param:
            raise InputError(f"--param changes parameters of a model file (.kl), {name} has none")
        try:
            parser = LocatedParser(self.ctx, decode(stream.read(), name), name, self.line_offset)
            if self.may_be_empty and parser.is_at_end:
                return ModuleOp([])
            return parser.parse_module(not self.command.no_implicit_module)
        except ParseError as error:
            raise as_asked(error, self.command, self.line_offset) from error.__cause__

    def _parse(self, frontend: Frontend, stream: IO[bytes]) -> ModuleOp:
        name, parameters = self.get_input_name(), assignments("--param", self.command.param)
        read = frontend.read(self.ctx, Text(name, stream.read(), parameters, other_operations))
        if isinstance(read, SavedProgram):
            raise InputError(f"{name} is a program for {read.target} already, and has no IR")
        return read

    def _run_passes(self, module: ModuleOp, remarks: str | None, tell: Tell) -> None:
        """Run the pipeline; `tell` takes the remarks of passes that match, of none for None."""
        observers = [self.observer]
        if remarks is not None:
            from .opt.remarks import Remarks

            observers.insert(0, Remarks(remarks, tell))
        verify, dominance = not self.command.disable_verify, not self.command.no_verify_dominance
        passes, observer = one_by_one(module, self.pipeline.passes), Observers(observers)
        run_passes(self.ctx, module, passes, verify=verify, dominance=dominance, observer=observer)

    def _tell(self, remark: Diagnostic, of_pass: str | None) -> None:
        told = replace(remark, message=f"{remark.message} [{of_pass}]") if of_pass else remark
        report(told, self.sources, NAME)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kl-opt` and return its exit code, as docs/commands.md lists them."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 2_000))  # `xdsl-opt` has fewer calls a region
    gc.set_threshold(100_000)  # IR is many small objects that all live on; collecting early finds nothing
    sources = dict[str, str]()

    def body() -> int:
        with warnings.catch_warnings():
            warnings.filterwarnings("default", category=DeprecationWarning)  # as xDSL's tools do
            tool = KlOptMain(rewritten(sys.argv[1:] if argv is None else argv), sources)
            tool.run()
        return tool.exit_code

    return guarded(NAME, body, sources)


if __name__ == "__main__":
    sys.exit(main())
