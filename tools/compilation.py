"""From a file and the command line's choices to a program: what all commands of `kl` begin with."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xdsl.context import Context

from .diagnostics import HELP_MARK, Diagnostic, InputError, report
from .driver import LEVEL_NAMES, Choice, levels_between, lower
from .inputs import ModuleInput, ProgramInput, read_input
from .machine_options import apply_machine_options
from .options import assignments
from .pipeline import ShowPass, parse_passes, remarks_of, run_passes
from .universe import available_passes, make_context

if TYPE_CHECKING:
    from ..backends.sn40l.program import Program


@dataclass(frozen=True)
class Compiler:
    """A context and the command line's choices, applied to its input."""

    ctx: Context
    arguments: argparse.Namespace
    printed: set[Diagnostic] = field(default_factory=set[Diagnostic], compare=False)
    """remarks that the user has seen: each is printed once, however often the input is lowered"""

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
        if self.arguments.pipeline is not None:
            self._check_pipeline(given.path, level)
        kernels = (self.arguments.fusion, self.arguments.loop, self.arguments.steps_per_call)
        if level != "nn" and any(choice is not None for choice in kernels):
            raise InputError(
                f"{given.path} has its kernels already{HELP_MARK}"
                "--fusion, --loop and --steps-per-call choose how a model, or IR at the nn level, "
                "becomes kernels"
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

    def _check_pipeline(self, path: str, level: str) -> None:
        """Raises: InputError where --pipeline comes too late, or other options say what it says."""
        arguments = self.arguments
        if level == "program":
            raise InputError(f"{path} is a program already{HELP_MARK}--pipeline says how IR becomes one")
        chosen = (arguments.fusion, arguments.loop, arguments.resident, arguments.steps_per_call)
        if arguments.spill or any(choice is not None for choice in chosen):
            raise InputError(
                f"--pipeline says all that is done{HELP_MARK}"
                "give --fusion, --loop, --steps-per-call, --resident and --spill as options of its passes"
            )

    def choice(self) -> Choice:
        """The command line's choice of kernels and memory, with the defaults filled in."""
        default, arguments = Choice(), self.arguments
        return Choice(
            default.fusion if arguments.fusion is None else arguments.fusion,
            default.loop if arguments.loop is None else arguments.loop,
            arguments.spill,
            default.resident if arguments.resident is None else arguments.resident,
            default.steps_per_call if arguments.steps_per_call is None else arguments.steps_per_call,
        )

    def lower(
        self, given: ModuleInput, target: str, choice: Choice, show: ShowPass | None = None
    ) -> tuple[Diagnostic, ...]:
        """Lower the module of an input in place and print what the passes remark; the remarks.

        It is lowered to a level, or as far as the command line's pipeline goes.
        """
        remarks: dict[Diagnostic, None] = {}
        if self.arguments.pipeline is not None:
            passes = parse_passes(available_passes(), self.arguments.pipeline)
            run_passes(self.ctx, given.module, passes, show=show)
            remarks.update(dict.fromkeys(remarks_of(given.module)))
        for level in levels_between(given.level, target) if self.arguments.pipeline is None else ():
            lower(self.ctx, given.module, level, choice, show)
            remarks.update(dict.fromkeys(remarks_of(given.module)))
        for remark in remarks:
            if remark not in self.printed:
                report(remark, {}, "kl")
        self.printed.update(remarks)
        return tuple(remarks)

    def program(self, given: ModuleInput | ProgramInput, choice: Choice) -> Program:
        """The program of an input, whose module is lowered on the way.

        Raises: DiagnosticException, InputError.
        """
        if isinstance(given, ModuleInput):
            self.lower(given, LEVEL_NAMES[-1], choice)
        return self.emit(given)

    def emit(self, given: ModuleInput | ProgramInput) -> Program:
        """The program of an input that is lowered.

        Raises: DiagnosticException for a module at another level, InputError for a program that is wrong.
        """
        from ..backends.sn40l.check import check_program
        from ..backends.sn40l.emit import emit_program
        from .engine_errors import engine_errors

        if isinstance(given, ProgramInput):
            return given.program
        program = emit_program(given.module, given.name)
        with engine_errors(given.path):
            check_program(program)
        return program
