"""What a command line stands for, and how long that takes: with experts shared out so that it is fastest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..backends.tables import time_text
from ..backends.targets import Choice, TimeOptions, Timing
from ..dialects.vocabulary import EXPERT_SHARDINGS, ExpertSharding
from .compilation import Compiler, time_program
from .diagnostics import Diagnostic
from .expert_sharding import shares_out_experts
from .inputs import Input, naming
from .trust import marked
from .variants import Refused, Timed, Trial, chosen, fastest, outcome

AUTO = "auto"


def choose(compiler: Compiler, given: Input, options: TimeOptions, *, may_step: bool = False) -> Choice:
    """The choice that a command line stands for, with experts as they are fastest where it says so.

    Raises: DiagnosticException, TargetError where nothing can be built.
    """
    compiler = settled(compiler, given, options, may_step=may_step)
    return chosen(compiler, given, options, may_step=may_step)


def time_chosen(compiler: Compiler, given: Input, options: TimeOptions) -> Timing:
    """Time what a command line stands for, lowering the input on the way.

    Raises: DiagnosticException, InputError, TargetError where it cannot be built or timed.
    """
    briefly = TimeOptions(options.position, options.orchestration, routing=options.routing)
    choice = choose(compiler, given, briefly, may_step=True)
    without = _without_residents(compiler, given, choice, briefly)
    program = compiler.program(given, choice)
    with naming(given.path):
        timing = time_program(given, program, options)
    if isinstance(without, Timed):
        compiler.show(_loss(timing.seconds / timing.steps, without))
    return marked(timing, given)


def _without_residents(
    compiler: Compiler, given: Input, choice: Choice, options: TimeOptions
) -> Timed | Refused | None:
    """What a step takes without resident weights, where the command line asks for them."""
    if given.level == "program" or "resident" not in compiler.said or not choice.resident:
        return None
    trial = Trial(compiler, given, lambda program: options, quiet=True)
    return trial.attempt("without --resident", replace(choice, resident=False, retained=None))


def _loss(seconds: float, without: Timed) -> Iterator[Diagnostic]:
    """The remark that a step of so many seconds is shorter without resident weights."""
    if seconds > without.step_seconds:
        times = f"{seconds / without.step_seconds:.3f} times as long: {time_text(seconds)} against"
        message = f"--resident makes a step {times} {time_text(without.step_seconds)} without it"
        yield Diagnostic(message, severity="remark")


def settled(compiler: Compiler, given: Input, options: TimeOptions, *, may_step: bool = False) -> Compiler:
    """The compiler with a way to share out experts where the command line asks for the faster one.

    A remark says what a step takes with each. Where both are refused it is the usual one.

    Raises: DiagnosticException, TargetError as `chosen` does.
    """
    if compiler.options.mapping.expert_sharding != AUTO:
        return compiler
    if given.level == "program" or not shares_out_experts(given.module):
        return _with(compiler, EXPERT_SHARDINGS[0])
    results = list[Timed | Refused]()
    for sharding in EXPERT_SHARDINGS:
        one = _with(compiler, sharding)
        choice = chosen(one, given, options, may_step=may_step)
        trial = Trial(one, given, lambda program: options, quiet=True, demanded=None)
        results.append(trial.attempt(sharding, choice))
    best = fastest(results)
    if best is None:
        return _with(compiler, EXPERT_SHARDINGS[0])
    others = (f"{one.name} {_explained(one)}" for one in results if one is not best)
    message = f"--expert-sharding auto is {best.name}, {outcome(best)} a step; {', '.join(others)}"
    compiler.show([Diagnostic(message, severity="remark")])
    return _with(compiler, best.choice.expert_sharding)


def _explained(result: Timed | Refused) -> str:
    """What a step takes, or why there is none."""
    return outcome(result) if isinstance(result, Timed) else f"is refused: {result.reason}"


def _with(compiler: Compiler, sharding: ExpertSharding) -> Compiler:
    """The compiler that shares out experts in one way."""
    mapping = replace(compiler.options.mapping, expert_sharding=sharding)
    return replace(compiler, options=replace(compiler.options, mapping=mapping))
