"""From a file and the command line's choices to a program: what all commands of `kl` begin with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from xdsl.context import Context

from ..backends.targets import Choice, TimeOptions, Timing
from ..dialects.module_machine import sockets_of
from ..dialects.nn import WeightOp
from ..dialects.vocabulary import IR_LEVELS, IrLevel
from .bounds import allowing
from .diagnostics import Diagnostic, report
from .expert_sharding import check_experts
from .feedback import Feedback, Lowered, run_noted
from .inputs import Input, ModuleInput, naming, read_input
from .lowering import default_passes
from .machines import set_parameters
from .mapping import check_edits, check_effects, check_mapping, said
from .observer import LOOKS_AWAY, Observer
from .options import CompilerOptions
from .pipelines import Edit, edited, split_passes, unmet
from .saving import program_text
from .terminal import progress
from .trust import check_trusted
from .universe import make_context
from .values import HELP_MARK, InputError


def change_machine(given: ModuleInput, changes: Mapping[str, int]) -> None:
    """Change parameters of a module's machine.

    Raises: InputError for an impossible machine, and where it comes too late to have an effect.
    """
    if changes and given.level not in IR_LEVELS[:2]:
        raise InputError(_too_late(given.path))
    before = sockets_of(given.module)
    set_parameters(given.target, given.module, changes)
    if sockets_of(given.module) != before:
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
    text: str | None = None
    """What is compiled, where it is in no file: the input is then its name."""

    @staticmethod
    def of(options: CompilerOptions) -> Compiler:
        """The compiler that a command line asks for."""
        return Compiler(make_context(), options)

    def read(
        self, *, elsewhere: bool = False, lenient: bool = False, check: bool = True, trust: bool = False
    ) -> Input:
        """The input, with the machine that the options say; its weights may come from `elsewhere`.

        If it is `lenient`, options of models are for another one where the input is none. If there is a
        `check`, a saved program goes through all of them. One that was edited is taken if the options trust
        it, or the caller does.

        Raises: InputError where an option says nothing possible or comes too late, and for a program that was
            edited and is not trusted; ParseError,
            VerifyException, OSError.
        """
        model, machine = self.options.model, self.options.machine
        what = (self.ctx, model.input, model.parameters, machine.kind)
        published = model.published
        how = {"elsewhere": elsewhere, "lenient": lenient, "check": check}
        given = read_input(*what, model.frontend, published, text=self.text, **how)
        if not trust:
            check_trusted(given, trust=self.options.trust)
        check_mapping(self.options.mapping, given.path, given.level)
        level, target = given.level, given.target
        if level != "program" and IR_LEVELS.index(level) > IR_LEVELS.index(target.level):
            raise InputError(
                f"{given.path} is at the level {level}, {target.name} takes the level {target.level}"
            )
        changes = machine.changes(given.target)
        if given.level != "program":
            change_machine(given, changes)
            check_experts(self.options.mapping, given.module, given.path)
        elif changes:
            raise InputError(_too_late(given.path))
        return given

    @property
    def said(self) -> dict[str, Any]:
        """What the command line says of a choice, without its level, by the field's name."""
        return said(self.options.mapping)

    def unmet(self, given: ModuleInput, level: IrLevel, choice: Choice) -> tuple[Edit, ...]:
        """The edits of the command line whose pass is not in the default pipeline of a choice."""
        passes = default_passes(given.target, given.level, level, choice)
        return tuple(unmet(passes, self.options.mapping.edits))

    def lower(
        self,
        given: ModuleInput,
        level: IrLevel | None,
        choice: Choice,
        demanded: Iterable[str] | None = None,
        *,
        quiet: bool = False,
        strict: bool = True,
        observer: Observer = LOOKS_AWAY,
    ) -> Lowered:
        """Lower the module of an input in place and print what the passes remark, unless it is `quiet`.

        A pipeline of the command line goes as far as it goes where no level is wanted. Of the choice, the
        fields that are `demanded` are not taken back; those that the command line says if that is None.

        Raises: InputError for edits that say nothing if it is `strict`, TargetError for a choice that the
            target has no use for, DiagnosticException.
        """
        mapping = self.options.mapping
        with allowing(mapping.max_rewrites):
            if mapping.pipeline is not None:
                passes = split_passes(mapping.pipeline)
                check_edits(mapping.edits, passes)
                passes = edited(passes, mapping.edits)
                lowered = run_noted(self.ctx, given.module, passes, given.target, level, observer=observer)
            else:
                assert level is not None, "default pipelines lead to a level"
                if (error := given.target.objection(choice)) is not None:
                    raise error
                kept = frozenset(self.said if demanded is None else demanded)
                feedback = Feedback(self.ctx, given.target, kept, mapping.edits, observer)
                if strict:
                    self._check_said(given, level, choice)
                lowered = feedback.lower(given.module, given.level, level, choice)
        if not quiet:
            self.show(lowered.remarks)
        return lowered

    def _check_said(self, given: ModuleInput, level: IrLevel, choice: Choice) -> None:
        """Raises: InputError for edits and options that say nothing."""
        mapping, start = self.options.mapping, given.level
        check_edits(mapping.edits, default_passes(given.target, start, level, choice))
        check_effects(mapping, partial(default_passes, given.target, start, level), choice)

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
    with naming(given.path):
        return given.target.compile(given.module, given.name)


def saved_text(given: Input) -> str:
    """The program of an input that is lowered, as a text to save.

    Raises: as `emit` does.
    """
    program = emit(given)
    if given.level == "program":
        return given.target.dump(program)
    return program_text(given.target, program, given.module)


def time_program(given: Input, program: Any, options: TimeOptions) -> Timing:
    """Time one call of the program of an input.

    Raises: TargetError where the program cannot run to its end.
    """
    with progress(f"timing {program.name}") as advance:
        return given.target.time(program, options, advance)
