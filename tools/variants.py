"""The variants that `kl compare` shows, the levels of optimisation, and the choice of the fastest.

A variant that cannot be built is no failure: it is refused, with the reason, and the others stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from xdsl.utils.exceptions import DiagnosticException

from ..backends.measured import Ratio
from ..backends.tables import time_text
from ..backends.targets import Choice, TargetError, TimeOptions, Timing
from .compilation import Compiler, emit, time_program
from .diagnostics import Diagnostic, describe, first_clause
from .inputs import Input, ModuleInput
from .observer import LOOKS_AWAY as UNSEEN
from .observer import Observer
from .pipelines import Edit, Passes, join_passes
from .terminal import progress
from .values import HELP_MARK, InputError


@dataclass(frozen=True)
class Variant:
    """A choice that one would try by hand."""

    choice: Choice
    built_on: tuple[str, ...] = ()
    """The variants that it adds something to: it is offered as faster than each. One with resident weights
    names that without them first."""
    level: int | None = None
    """The level of optimisation that stands for it."""


VARIANTS: Mapping[str, Variant] = {
    # One kernel per operator, as on a GPU.
    "unfused": Variant(Choice("op", loop=False), level=0),
    # One per layer.
    "fused": Variant(Choice("layer", loop=False), ("unfused",), 1),
    # One for all layers.
    "looped": Variant(Choice("layer", loop=True), ("fused",), 2),
    # One for all of a step.
    "single": Variant(Choice("layer", loop=True, single_call=True), ("looped",)),
    # One for several whole steps.
    "stepped": Variant(Choice("layer", loop=True, steps_per_call=8), ("single",)),
    # One for all layers, with weights in the SRAM that is left.
    "resident": Variant(Choice("layer", loop=True, resident=True), ("looped",)),
    # One for all of a step, with resident weights.
    "single+resident": Variant(
        Choice("layer", loop=True, single_call=True, resident=True), ("single", "resident")
    ),
    # One for several whole steps, with resident weights.
    "stepped+resident": Variant(
        Choice("layer", loop=True, resident=True, steps_per_call=8), ("stepped", "single+resident")
    ),
}
"""By name, each behind the one that it is built on."""
SEARCHED = 3
"""The level of optimisation that takes the fastest variant."""
DEMANDED = frozenset({"fusion", "loop", "resident", "single_call", "steps_per_call"})
"""What makes a variant what it is, and is not taken back."""
NOT_STEPPED, NOT_SINGLE = "steps are not looped: ", "calls are not joined: "
"""How the remarks of passes begin that leave single steps, and several calls of a step."""


@dataclass(frozen=True)
class Timed:
    """A variant and what one call of it takes."""

    name: str
    choice: Choice
    timing: Timing
    level: int | None = None
    taken_back: tuple[Diagnostic, ...] = ()
    """What is less than the variant wanted, and why."""
    pipeline: Passes = ()
    """The passes that made it."""
    unmet: tuple[Edit, ...] = ()
    """The edits of the command line whose pass is not in the variant's pipeline."""
    default_level: int = 2
    """The level that its target takes where nothing is said."""
    program: Any = None
    """What was timed, where the target measures programs together."""

    @property
    def step_seconds(self) -> float:
        """Of one decode step."""
        return self.timing.seconds / self.timing.steps

    def ratio(self, base: Timed) -> Ratio | None:
        """How many times as fast as another variant it was measured side by side; None if it was not."""
        mine, other = self.timing.measured, base.timing.measured
        if self is base or mine is None or other is None or len(mine.samples) != len(other.samples):
            return None
        return mine.ratio(other, self.timing.steps / base.timing.steps)


@dataclass(frozen=True)
class Refused:
    """A variant that cannot be built or timed, and why."""

    name: str
    choice: Choice
    diagnostic: Diagnostic
    shown: bool = False
    """Whether the user has seen the diagnostic, as a remark."""
    level: int | None = None

    @property
    def reason(self) -> str:
        """Why, in short."""
        return first_clause(self.diagnostic.message)


class Watcher:
    """Is told of each variant that is built; this one looks away."""

    def passes(self, name: str) -> Observer:
        """What is told of the passes of a variant."""
        return UNSEEN

    def options(self, name: str, given: ModuleInput, usual: TimeOptions) -> TimeOptions:
        """What is timed of a variant, and noted of it."""
        return usual

    def built(self, name: str, given: ModuleInput, program: Any, timing: Timing) -> None:
        """Told of the module of a variant, which is lowered, of its program, and of what it takes."""


LOOKS_AWAY = Watcher()


@dataclass(frozen=True)
class Trial:
    """Builds and times variants of an input, each from a copy of it."""

    compiler: Compiler
    given: ModuleInput
    options: Callable[[Any], TimeOptions]
    """What is timed of a program."""
    quiet: bool = field(default=False, kw_only=True)
    """Whether remarks are not printed."""
    watcher: Watcher = field(default=LOOKS_AWAY, kw_only=True)
    """Is told of each variant that can be built."""
    demanded: frozenset[str] | None = field(default=DEMANDED, kw_only=True)
    """What of a choice is not taken back; what the command line says if None."""

    def attempt(self, name: str, choice: Choice, level: int | None = None) -> Timed | Refused:
        """Build and time a variant."""
        given = replace(self.given, module=self.given.module.clone())
        try:
            end, unmet = given.target.level, self.compiler.unmet(given, given.target.level, choice)
            seen, quiet = self.watcher.passes(name), self.quiet
            lowered = self.compiler.lower(
                given, end, choice, self.demanded, quiet=quiet, strict=False, observer=seen
            )
            program = emit(given)
            if program.steps < choice.steps_per_call:
                return Refused(name, choice, _left(NOT_STEPPED, lowered.remarks), not self.quiet, level)
            options = self.watcher.options(name, given, self.options(program))
            timing = time_program(given, program, options)
            if choice.single_call and timing.kernel_calls > 1:
                return Refused(name, choice, _left(NOT_SINGLE, lowered.remarks), not self.quiet, level)
            self.watcher.built(name, given, program, timing)
            back, passes = lowered.taken_back, lowered.pipeline
            usual, kept = given.target.default_level, program if given.target.time_together else None
            return Timed(name, lowered.choice, timing, level, back, passes, unmet, usual, kept)
        except (DiagnosticException, TargetError) as error:
            diagnostic = describe(error)
            assert diagnostic is not None, "both are about the input"
            return Refused(name, choice, diagnostic, level=level)


def no_slower(result: Timed | Refused, results: list[Timed | Refused]) -> Timed | Refused:
    """A variant as it is, or without resident weights where these make it slower than the same without them.

    `results` are those of the variants before it.
    """
    twin = VARIANTS[result.name].built_on[:1] if result.choice.resident else ()
    base = next((one for one in results if one.name in twin), None)
    if (
        not (isinstance(base, Timed) and isinstance(result, Timed))
        or result.step_seconds <= base.step_seconds
    ):
        return result
    times = result.step_seconds / base.step_seconds
    message = f"no weight stays in SRAM, as a step takes {times:.3f} times that of {base.name} with some"
    choice = replace(result.choice, retained=0)
    back = (*base.taken_back, Diagnostic(message, severity="remark"))
    return replace(base, name=result.name, choice=choice, level=result.level, taken_back=back)


def attempt_all(attempts: Iterable[Callable[[], Timed | Refused]]) -> list[Timed | Refused]:
    """The variants, each behind the one that it is built on, none slower for its resident weights."""
    results: list[Timed | Refused] = []
    for attempt in attempts:
        results.append(no_slower(attempt(), results))
    return results


def timed_together(
    given: ModuleInput, results: list[Timed | Refused], options: Callable[[Any], TimeOptions]
) -> list[Timed | Refused]:
    """The variants, measured once more in turn where their target measures: nothing favours one of them.

    Raises: TargetError where a program cannot run.
    """
    together, timed = given.target.time_together, [one for one in results if isinstance(one, Timed)]
    if together is None or len(timed) < 2:
        return results
    programs = [one.program for one in timed]
    with progress(f"measuring {len(timed)} variants in turn") as advance:
        timings = iter(together(programs, [*map(options, programs)], advance))
    return [replace(one, timing=next(timings)) if isinstance(one, Timed) else one for one in results]


def check_variants(compiler: Compiler, given: ModuleInput, choices: Iterable[Choice]) -> None:
    """Raises: InputError for an edit of the command line whose pass no variant has."""
    level = given.target.level
    missing = [frozenset(compiler.unmet(given, level, choice)) for choice in choices]
    for edit in frozenset[Edit].intersection(*missing):
        raise InputError(
            f"{edit}: no variant has such a pass{HELP_MARK}`kl compile --print-pipeline` shows its passes"
        )


def _left(what: str, remarks: tuple[Diagnostic, ...]) -> Diagnostic:
    """The remark that begins so; a pipeline without such a pass has none."""
    found = (remark for remark in remarks if remark.message.startswith(what))
    return next(found, Diagnostic(f"{what}no pass does it"))


def fastest(results: list[Timed | Refused]) -> Timed | None:
    """The variant with the shortest step, the first of equal ones; None if all are refused."""
    timed = (one for one in results if isinstance(one, Timed))
    return min(timed, key=lambda one: one.step_seconds, default=None)


def base_of(name: str, results: list[Timed | Refused]) -> Timed | None:
    """The fastest of what a variant is built on, or of what these are built on where all are refused.

    None for the first variant, and where there is none of these.
    """
    names = VARIANTS[name].built_on
    while names:
        found = fastest([one for one in results if one.name in names])
        if found is not None:
            return found
        names = tuple(base for one in names for base in VARIANTS[one].built_on)
    return None


def chosen(compiler: Compiler, given: Input, options: TimeOptions, *, may_step: bool = False) -> Choice:
    """The choice that a command line stands for.

    The level that takes the fastest variant times all of them, with what the command line says in each; those
    of several steps a call, which return several tokens, only where they may or are asked for.

    Raises: DiagnosticException, TargetError where all are refused.
    """
    level, said = compiler.options.mapping.optimize, compiler.said
    if level != SEARCHED or given.level == "program":
        wanted = given.target.default_level if level is None else level
        return next(replace(one.choice, **said) for one in VARIANTS.values() if one.level == wanted)
    candidates: dict[Choice, str] = {}
    for name, variant in VARIANTS.items():
        if may_step or "steps_per_call" in said or variant.choice.steps_per_call == 1:
            candidates.setdefault(replace(variant.choice, **said), name)
    trial = Trial(compiler, given, lambda program: options, quiet=True)
    results = attempt_all(partial(_candidate, trial, name, choice) for choice, name in candidates.items())
    best = fastest(results)
    if best is None:  # the error of the usual choice is what there is to say
        return replace(VARIANTS["looped"].choice, **said)
    passes = Diagnostic(f"the pipeline of {best.name} is {join_passes(best.pipeline)}", severity="remark")
    compiler.show([_verdict(best, results), passes])
    return next(choice for choice, name in candidates.items() if name == best.name)


def _candidate(trial: Trial, name: str, choice: Choice) -> Timed | Refused:
    """A variant, if its pipeline has the passes that edits of the command line name."""
    given = trial.given
    for edit in trial.compiler.unmet(given, given.target.level, choice):
        return Refused(name, choice, Diagnostic(f"{edit}: its pipeline has no such pass"))
    return trial.attempt(name, choice)


def _verdict(best: Timed, results: list[Timed | Refused]) -> Diagnostic:
    others = [f"{one.name} {outcome(one)}" for one in results if one is not best]
    rest = f"; {', '.join(others)}" if others else ""
    return Diagnostic(f"-O{SEARCHED} is {best.name}, {outcome(best)} a step{rest}", severity="remark")


def outcome(result: Timed | Refused) -> str:
    """What a step takes, in short."""
    return time_text(result.step_seconds) if isinstance(result, Timed) else "refused"
