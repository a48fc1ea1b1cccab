"""From a file and the command line's choices to a program: what all commands of `kl` begin with."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import VerifyException

from ..backends.targets import AnyTarget, Choice, TargetError, TimeOptions, Timing
from ..dialects.nn import WeightOp
from ..dialects.rdu_machine import machine_of
from ..dialects.vocabulary import IR_LEVELS, IrLevel
from ..frontends import SavedProgram, Text
from .diagnostics import Diagnostic, report
from .driver import check_module, fill_locations, level_of, parse_passes, remarks_of, run_passes
from .feedback import Feedback, Lowered
from .options import OPTIMIZED, CompilerOptions
from .terminal import progress
from .universe import STDIN as STDIN
from .universe import available_passes, find_frontend, find_target, make_context, other_operations
from .values import HELP_MARK, InputError, Number


@dataclass(frozen=True)
class ModuleInput:
    """IR, with the name of its model, the level that it was given at, and the target to compile it for."""

    path: str
    name: str
    level: IrLevel
    module: ModuleOp
    target: AnyTarget


@dataclass(frozen=True)
class ProgramInput:
    """A saved program, and the target that it is for."""

    path: str
    program: Any
    target: AnyTarget
    level: Literal["program"] = "program"
    """Below all levels of the IR; tells it from a module."""


Input = ModuleInput | ProgramInput


def read_input(ctx: Context, path: str, parameters: Mapping[str, Number], target: str | None = None) -> Input:
    """Read a file, or the standard input for `-`, in whatever language it is.

    Raises: ParseError, VerifyException, TargetError or InputError where its content is wrong, OSError.
    """
    data = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    frontend = find_frontend(path, data)
    if parameters and not frontend.has_parameters:
        raise InputError(f"--param changes parameters of a model file (.kl), {path} has none")
    with _named(path):
        read = frontend.read(ctx, Text(path, data, parameters, other_operations))
    if isinstance(read, SavedProgram):
        if target not in (None, read.target):
            raise InputError(f"{path} is a program for {read.target} already, --target says {target}")
        return ProgramInput(path, read.program, find_target(read.target))
    check_module(read)
    fill_locations(read)
    name = "stdin" if path == STDIN else Path(path).stem
    return ModuleInput(path, name, level_of(read), read, find_target(target))


@contextmanager
def _named(path: str) -> Generator[None]:
    """Name the file in what a target says of no place."""
    try:
        yield
    except TargetError as error:
        if error.location:
            raise
        raise TargetError(f"{path}: {error.message}", way_out=error.way_out) from error


def change_machine(given: ModuleInput, changes: Mapping[str, int]) -> None:
    """Change parameters of a module's machine.

    Raises: InputError for an impossible machine, and where it comes too late to have an effect.
    """
    if changes and given.level not in IR_LEVELS[:2]:
        raise InputError(_too_late(given.path))
    before = machine_of(given.module).sockets
    try:
        machine = given.target.machine(given.module).with_values({**changes})
        if changes:
            given.target.set_machine(given.module, machine)
        sockets = machine_of(given.module).sockets
    except (ValueError, VerifyException) as error:
        raise InputError(str(error)) from None
    if sockets != before:
        _check_is_whole(given, before)


def _check_is_whole(given: ModuleInput, sockets: int) -> None:
    """Raises: InputError where the work is shared out already, among so many sockets."""
    weights = (op for op in given.module.ops if isinstance(op, WeightOp))
    if given.level != "nn" or any(op.shard_parts is not None for op in weights):
        raise InputError(
            f"{given.path} is made for {sockets} socket{'s' if sockets > 1 else ''} already{HELP_MARK}"
            "give another number to the model, or to IR at the nn level before shard-tensors"
        )


def _too_late(path: str) -> str:
    return (
        f"{path} is planned for its machine already{HELP_MARK}"
        "give another machine to the model, or to IR at the nn or kernel level"
    )


@dataclass(frozen=True)
class Compiler:
    """A context and the command line's choices, applied to its input."""

    ctx: Context
    options: CompilerOptions
    printed: set[Diagnostic] = field(default_factory=set[Diagnostic], compare=False)
    """Remarks that the user has seen: each is printed once, however often the input is lowered."""

    @staticmethod
    def of(options: CompilerOptions) -> Compiler:
        """The compiler that a command line asks for."""
        return Compiler(make_context(), options)

    def read(self) -> Input:
        """The input, with the machine that the options say.

        Raises: InputError where an option says nothing possible or comes too late; ParseError,
            VerifyException, OSError.
        """
        model, machine = self.options.model, self.options.machine
        given = read_input(self.ctx, model.input, model.parameters, machine.target)
        self._check_mapping(given.path, given.level)
        level, target = given.level, given.target
        if level != "program" and IR_LEVELS.index(level) > IR_LEVELS.index(target.level):
            raise InputError(
                f"{given.path} is at the level {level}, {target.name} takes the level {target.level}"
            )
        changes = machine.changes()
        if given.level != "program":
            change_machine(given, changes)
        elif changes:
            raise InputError(_too_late(given.path))
        return given

    def _check_mapping(self, path: str, level: str) -> None:
        """Raises: InputError where a choice comes too late for an input at a level."""
        mapping = self.options.mapping
        if mapping.pipeline is not None:
            self._check_pipeline(path, level)
        kernels = [mapping.optimize, *(getattr(mapping, name) for name in OPTIMIZED if name != "resident")]
        if level != "nn" and any(choice is not None for choice in kernels):
            raise InputError(
                f"{path} has its kernels already{HELP_MARK}"
                "-O, --fusion, --loop, --single-call and --steps-per-call choose how a model, or IR at "
                "the nn level, becomes kernels"
            )
        if mapping.stop_token is not None and (mapping.steps_per_call or 1) == 1:
            raise InputError(
                f"--stop-token {mapping.stop_token} ends calls of several steps{HELP_MARK}"
                "give --steps-per-call N, too"
            )
        if level in ("rdu", "program") and mapping.spill:
            raise InputError(
                f"{path} has its memory planned already{HELP_MARK}"
                "--spill says how the memory of a model, or of IR above the rdu level, is planned"
            )
        if level not in IR_LEVELS[:2] and mapping.resident is not None:
            raise InputError(
                f"{path} has its units already{HELP_MARK}"
                "--resident chooses how a model, or IR at the nn or kernel level, uses SRAM"
            )

    def _check_pipeline(self, path: str, level: str) -> None:
        """Raises: InputError where --pipeline comes too late, or other options say what it says."""
        mapping = self.options.mapping
        if level == "program":
            raise InputError(f"{path} is a program already{HELP_MARK}--pipeline says how IR becomes one")
        chosen = (mapping.optimize, *(getattr(mapping, name) for name in OPTIMIZED))
        if mapping.spill or any(choice is not None for choice in chosen):
            raise InputError(
                f"--pipeline says all that is done{HELP_MARK}"
                "give -O, --fusion, --loop, --single-call, --steps-per-call, --resident, --spill as passes"
            )

    @property
    def said(self) -> dict[str, Any]:
        """What the command line says of a choice, without its level, by the field's name."""
        return {
            name: value
            for name, value in asdict(self.options.mapping).items()
            if value is not None and name in ("spill", *OPTIMIZED)
        }

    def lower(
        self,
        given: ModuleInput,
        level: IrLevel,
        choice: Choice,
        demanded: Iterable[str] | None = None,
        *,
        quiet: bool = False,
    ) -> Lowered:
        """Lower the module of an input in place and print what the passes remark, unless it is `quiet`.

        It is lowered to a level, or as far as the command line's pipeline goes. Of the choice, the fields
        that are `demanded` are not taken back; those that the command line says if that is None.
        """
        pipeline = self.options.mapping.pipeline
        if pipeline is not None:
            lowered = self._run(given, choice, pipeline)
        else:
            kept = frozenset(self.said if demanded is None else demanded)
            lowered = Feedback(self.ctx, given.target, kept).lower(given.module, given.level, level, choice)
        if not quiet:
            self.show(lowered.remarks)
        return lowered

    def _run(self, given: ModuleInput, choice: Choice, pipeline: str) -> Lowered:
        took: list[tuple[str, float]] = []
        passes = parse_passes(available_passes(), pipeline)
        run_passes(self.ctx, given.module, passes, show=lambda name, seconds, _: took.append((name, seconds)))
        return Lowered(choice, tuple(dict.fromkeys(remarks_of(given.module))), tuple(took))

    def show(self, remarks: Iterable[Diagnostic]) -> None:
        """Print remarks that the user has not seen."""
        for remark in remarks:
            if remark not in self.printed:
                report(remark, {}, "kl")
            self.printed.add(remark)

    def program(self, given: Input, choice: Choice) -> Any:
        """The program of an input, whose module is lowered on the way.

        Raises: DiagnosticException, InputError, TargetError.
        """
        if given.level != "program":
            self.lower(given, given.target.level, choice)
        return emit(given)


def emit(given: Input) -> Any:
    """The program of an input that is lowered.

    Raises: DiagnosticException for a module at another level, TargetError for a program that is wrong.
    """
    if given.level == "program":
        return given.program
    with _named(given.path):
        return given.target.compile(given.module, given.name)


def time_program(target: AnyTarget, program: Any, options: TimeOptions) -> Timing:
    """Time one call.

    Raises: TargetError where the program cannot run to its end.
    """
    with progress(f"timing {program.name}") as advance:
        return target.time(program, options, advance)
