"""From a file and the command line's choices to a program: what all commands of `kl` begin with."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsl.context import Context

from .diagnostics import HELP_MARK, Diagnostic, InputError, report
from .driver import LEVEL_NAMES, Choice, levels_between, lower
from .inputs import ModuleInput, ProgramInput, read_input
from .machine_options import apply_machine_options
from .options import assignments
from .pipeline import ShowPass, remarks_of
from .universe import make_context

if TYPE_CHECKING:
    from ..backends.sn40l.program import Program


@dataclass(frozen=True)
class Compiler:
    """A context and the command line's choices, applied to its input."""

    ctx: Context
    arguments: argparse.Namespace

    @staticmethod
    def of(arguments: argparse.Namespace) -> Compiler:
        """The compiler that a command line asks for."""
        return Compiler(make_context(), arguments)

    def read(self) -> ModuleInput | ProgramInput:
        """The input, with the machine that the options say.

        Raises: InputError where an option says nothing possible or comes too late; ParseError,
            VerifyException, OSError.
        """
        given = read_input(self.ctx, self.arguments.input, assignments("--param", self.arguments.param))
        level = "program" if isinstance(given, ProgramInput) else given.level
        if level != "nn" and not (self.arguments.fusion is None and self.arguments.loop is None):
            raise InputError(
                f"{given.path} has its kernels already{HELP_MARK}"
                "--fusion and --loop choose how a model, or IR at the nn level, becomes kernels"
            )
        if level in ("rdu", "program") and self.arguments.spill:
            raise InputError(
                f"{given.path} has its memory planned already{HELP_MARK}"
                "--spill says how the memory of a model, or of IR above the rdu level, is planned"
            )
        if level not in LEVEL_NAMES[:2] and self.arguments.resident is not None:
            raise InputError(
                f"{given.path} has its units already{HELP_MARK}"
                "--resident chooses how a model, or IR at the nn or kernel level, uses SRAM"
            )
        apply_machine_options(self.arguments, given)
        return given

    def choice(self) -> Choice:
        """The command line's choice of kernels and memory, with the defaults filled in."""
        default, arguments = Choice(), self.arguments
        return Choice(
            default.fusion if arguments.fusion is None else arguments.fusion,
            default.loop if arguments.loop is None else arguments.loop,
            arguments.spill,
            default.resident if arguments.resident is None else arguments.resident,
        )

    def lower(
        self, given: ModuleInput, target: str, choice: Choice, show: ShowPass | None = None
    ) -> tuple[Diagnostic, ...]:
        """Lower the module of an input in place and print what the passes remark; the remarks."""
        remarks: dict[Diagnostic, None] = {}
        for level in levels_between(given.level, target):
            lower(self.ctx, given.module, level, choice, show)
            remarks.update(dict.fromkeys(remarks_of(given.module)))
        for remark in remarks:
            report(remark, {}, "kl")
        return tuple(remarks)

    def program(self, given: ModuleInput | ProgramInput, choice: Choice) -> Program:
        """The program of an input, whose module is lowered on the way.

        Raises: DiagnosticException, InputError.
        """
        from ..backends.sn40l.check import check_program
        from ..backends.sn40l.emit import emit_program
        from .engine_errors import engine_errors

        if isinstance(given, ProgramInput):
            return given.program
        self.lower(given, LEVEL_NAMES[-1], choice)
        program = emit_program(given.module, given.name)
        with engine_errors(given.path):
            check_program(program)
        return program
