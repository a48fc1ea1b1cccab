"""A compilation and what can be done with one, as the commands do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...backends.targets import Choice
from ...dialects.vocabulary import IrLevel, Orchestration
from ...frontends.exact_printer import text_of
from .. import comparison
from ..commands import compile as compile_command
from ..commands import run as run_command
from ..commands import time as time_command
from ..compilation import Compiler, emit, saved_text, time_program
from ..diagnostics import Diagnostic
from ..driver import level_of
from ..inputs import Input, ModuleInput, copied
from ..lowering import check_reached
from ..options import ComparisonOptions, CompilerOptions
from ..pipelines import Passes, join_passes
from ..trust import edited_text, marked
from ..values import HELP_MARK, InputError
from ..variants import fastest
from .errors import error_of, listening
from .keywords import Path, filled, token_texts, window_text
from .results import Comparison, Memory, Page, RunResult, TimeResult, comparison_of

TEXT = "<text>"
"""What a model is called that is in no file."""


@dataclass(frozen=True, repr=False)
class Compilation:
    """A model, compiled: its IR at every level and its program, to be timed, run and compared."""

    compiler: Compiler
    given: Input
    """As it was read; it is never changed."""
    lowered: Input
    """The same at the level that was reached."""
    choice: Choice
    """What it was compiled with, without what was taken back."""
    passes: Passes
    remarks: tuple[Diagnostic, ...]
    """What passes say that they did not do, and why."""

    @property
    def input(self) -> str:
        """What was compiled: a path, or `<text>`."""
        return self.given.path

    @property
    def level(self) -> compile_command.Level:
        """What was reached: a level of the IR, or `program` for a saved program."""
        return "program" if self.lowered.level == "program" else level_of(self.lowered.module)

    @property
    def edited(self) -> tuple[str, ...]:
        """What of a saved program was edited since it was compiled."""
        return self.given.provenance.edited

    @property
    def pipeline(self) -> str:
        """The passes that were run, in the notation of `kl-opt -p`."""
        return join_passes(self.passes)

    @property
    def program(self) -> Any:
        """The target's program.

        Raises: Error where the passes did not lead to one.
        """
        with self._listening():
            return self._emitted()

    def _emitted(self) -> Any:
        self._check_reached()
        return emit(self.lowered)

    def _check_reached(self) -> None:
        """Raises: PassFailedException where passes did not lead to the level of a program."""
        if self.lowered.level != "program":
            check_reached(self.lowered.module, self.lowered.target, self.lowered.target.level)

    def text(self, level: compile_command.Level | None = None) -> str:
        """The IR at a level, or the program as JSON, as `kl compile --to` prints it.

        It is the level that was reached if none is said.

        Raises: Error for a level that is none, or above that of the input.
        """
        with self._listening():
            return self._text(self.level if level is None else level)

    def _text(self, level: compile_command.Level) -> str:
        known = compile_command.LEVELS
        if level not in known:
            raise InputError(f"there is no level {level!r}{HELP_MARK}the levels are {', '.join(known)}")
        if known.index(self.given.level) > known.index(level):
            raise InputError(f"{self.input} is at the level {self.given.level} already, below {level}")
        if level == "program":
            self._check_reached()
            return saved_text(self.lowered)
        assert self.lowered.level != "program", "a program is below all other levels"
        assert self.given.level != "program", "it was none before it was lowered"
        if level == level_of(self.lowered.module):
            return f"{text_of(self.lowered.module)}\n"
        return f"{text_of(self._at(self.given, level))}\n"

    def _at(self, given: ModuleInput, level: IrLevel) -> Any:
        """The module at another level than the one that was reached."""
        fresh = replace(given, module=given.module.clone())
        self.compiler.lower(fresh, level, self.choice, quiet=True, strict=False)
        return fresh.module

    def memory(self) -> Memory:
        """What lies where in the memory of a socket, as `kl compile --memory` says.

        Raises: Error for a target that has no such map, and where the passes did not lead to a program.
        """
        with self._listening():
            self._emitted()
            found = compile_command.memory_map(self.lowered)
        return Memory(found.document, (*found.tables, *found.summary), edited=self.edited)

    def time(
        self,
        *,
        position: int | None = None,
        orchestration: Orchestration = "hardware",
        experts: str | None = None,
        per_layer: bool = False,
        per_stage: bool = False,
        trace: Path | None = None,
        trace_iterations: int | None = None,
        intervals: bool = False,
        window: tuple[int, int] | None = None,
    ) -> TimeResult:
        """Time one call of the program, as `kl time` does; the keywords are its options.

        Raises: Error for a value that an option does not take, and where the program cannot run to its end.
        """
        keywords = {"position": position, "orchestration": orchestration, "experts": experts}
        keywords |= {"per_layer": per_layer, "per_stage": per_stage}
        keywords |= {"trace": trace, "trace_iterations": trace_iterations}
        with self._listening() as remarks:
            keywords |= {"intervals": intervals, "window": window_text(window)}
            whole = replace(self.compiler.options, json=True)  # the result has all that the document has
            command = filled(time_command.Command, keywords, compiler=whole)
            options = time_command.time_options(command, self.given.target)
            timing = marked(time_program(self.given, self._emitted(), options), self.given)
            time_command.finish(command, self.given.target, timing)
        return TimeResult(self.compiler.options.model.input, timing, (*self.remarks, *remarks))

    def run(
        self,
        *,
        steps: int = 1,
        prompt: str | Sequence[str] = (),
        tokens: Sequence[int] | Sequence[Sequence[int]] = (),
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        logits: Path | None = None,
        weights: Path | None = None,
        ignore: str | tuple[str, ...] = (),
        seed: int = 0,
        check: bool = False,
        model: Path | None = None,
        orchestration: Orchestration = "hardware",
    ) -> RunResult:
        """Run decode steps in numbers, from position 0 on, as `kl run` does; the keywords are its options.

        A `prompt`, or its `tokens`, is that of a batch of one row, or of each row. `ignore` is for tensors of
        `weights`. What `check` finds, of the input or of another `model`, is in the result.

        Raises: Error for a value that an option does not take, and where the program cannot run.
        """
        keywords = {"steps": steps, "weights": weights, "seed": seed, "check": check, "model": model}
        keywords |= {"prompt": prompt, "temperature": temperature, "top_k": top_k, "top_p": top_p}
        with self._listening() as remarks:
            given, options = self._reading(weights, ignore)
            whole = keywords | {"orchestration": orchestration, "logits": logits}
            whole |= {"tokens": token_texts(tokens)}
            command = filled(run_command.Command, whole, compiler=options)
            given, program = self._changed(command, given)
            wanted = run_command.wanted_of(command, self.compiler, given, self.choice)
            done = run_command.execute(command, given, program, wanted)
            document = run_command.document(command, done)
        return RunResult(done, document, (*self.remarks, *remarks))

    def _changed(self, command: run_command.Command, given: Input) -> tuple[Input, Any]:
        """The input and its program where steps end as the command says: compiled anew if need be."""
        if not command.changes_model:
            return given, self._emitted()
        given = copied(given)
        run_command.change(command, self.compiler, given)
        return given, self.compiler.program(copied(given), self.choice)

    def _reading(self, weights: Path | None, ignore: str | tuple[str, ...]) -> tuple[Input, CompilerOptions]:
        """The input and its options where weights come from elsewhere, with what is left out of these."""
        given, options = self.given, self.compiler.options
        if weights is None and ignore:
            raise InputError(f"ignore is for tensors of weights{HELP_MARK}give weights, or ignore to compile")
        if weights is None:
            return given, options
        patterns = (ignore,) if isinstance(ignore, str) else tuple(ignore)
        if given.level != "program" and given.published is not None:
            given = replace(given, published=replace(given.published, patterns=patterns))
        published = replace(options.model.published, ignore=patterns)
        return given, replace(options, model=replace(options.model, published=published))

    def compare(
        self,
        *,
        position: int | None = None,
        orchestration: Orchestration = "hardware",
        experts: str | None = None,
        steps_per_call: int | None = None,
    ) -> Comparison:
        """The same model for the same machine in all variants, as `kl compare` times them.

        What this compilation chooses of kernels and loops has no part in it, as variants differ in just that.

        Raises: Error for a value that an option does not take, an input that has its kernels already, a
            pipeline of one's own, and where all variants are refused.
        """
        keywords = {"position": position, "orchestration": orchestration}
        keywords |= {"experts": experts, "steps_per_call": steps_per_call}
        self._check_is_compared()
        return compared(self.compiler, self.given, keywords)

    def show(
        self,
        *,
        position: int | None = None,
        orchestration: Orchestration = "hardware",
        experts: str | None = None,
        steps_per_call: int | None = None,
        window: tuple[int, int] | None = None,
    ) -> Page:
        """The page of the same comparison, as `kl show` writes it: timelines, chip, network, memory, passes.

        Stages are drawn in a `window`, from a cycle of the call to before another one.

        Raises: Error as `compare` does, and for a window that no call has.
        """
        from .pages import shown

        keywords = {"position": position, "orchestration": orchestration}
        keywords |= {"experts": experts, "steps_per_call": steps_per_call}
        self._check_is_compared()
        with self._listening() as remarks:
            return shown(comparison_options(self.compiler, keywords), self.given, window, remarks)

    def _check_is_compared(self) -> None:
        """Raises: Error for a pipeline of one's own, which no variant has."""
        if self.compiler.options.mapping.pipeline is not None:
            own = Diagnostic("variants have pipelines of their own", help="compile without pipeline")
            raise error_of(own)

    def _listening(self) -> Any:
        return listening(sources_of(self.compiler))

    def __repr__(self) -> str:
        found = f"<kl.Compilation of {self.input} at the level {self.level}, {len(self.passes)} passes"
        edited = f", {edited_text(self.edited)}" if self.edited else ""
        return f"{found}, {len(self.remarks)} remarks{edited}>"


def sources_of(compiler: Compiler) -> Mapping[str, str]:
    """The text that is in no file, by its name."""
    return {} if compiler.text is None else {TEXT: compiler.text}


def compared(compiler: Compiler, given: Input, keywords: dict[str, Any]) -> Comparison:
    """All variants of an input.

    Raises: Error where all of them are refused, and as `Compilation.compare` does.
    """
    with listening(sources_of(compiler)) as remarks:
        found = comparison.compared(comparison_options(compiler, keywords), given=given)
    best = fastest(found.results)
    if best is None:
        raise error_of(found.refusals()[0], sources_of(compiler))
    return comparison_of(found, best, tuple(remarks))


def comparison_options(compiler: Compiler, keywords: dict[str, Any]) -> ComparisonOptions:
    """What keywords say of a comparison, and of what is compared what a compiler is for.

    Raises: InputError for a value that an option does not take.
    """
    options = compiler.options
    parts = {"model": options.model, "machine": options.machine}
    parts |= {name: getattr(options.mapping, name) for name in ("edits", "spill", "expert_sharding")}
    return filled(ComparisonOptions, keywords, **parts)
