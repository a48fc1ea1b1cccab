"""`kl run`: decode steps in numbers, compared with the reference if wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...backends.runs import Run, RunOptions, Step
from ...backends.targets import Choice, TimeOptions
from ...dialects.vocabulary import Orchestration
from ..command_line import Natural, Positive, option
from ..executed import Executed, array_document, arrays_document, ended_rows, print_run
from ..options import JSON_VERSION, CompilerOptions, orchestration_option
from ..terminal import print_json, progress
from ..values import HELP_MARK, InputError

if TYPE_CHECKING:
    from ..checking import Standard
    from ..compilation import Compiler
    from ..inputs import Input, ModuleInput


@dataclass(frozen=True)
class Command:
    """What a command line of `kl run` says."""

    compiler: CompilerOptions
    orchestration: Orchestration = orchestration_option()
    weights: str | None = option(
        "a .safetensors file, an index or a folder (default: those of a published model, else random)",
        metavar="PATH",
    )
    seed: Natural = option("seed of the random weights and of the first token (default: 0)", default=0)
    steps: Positive = option("decode steps, from position 0 on (default: 1)", default=1)
    check: bool = option(
        "compare outputs and states with the reference; exit with 1 where they differ", default=False
    )
    model: str | None = option(
        "with --check, compare with this model and not with the input as it is given: with its weights,"
        " inputs and facts; --param is for both, as far as both have parameters",
        metavar="MODEL",
    )


def run(command: Command) -> int:
    """Run the steps; 1 if the reference is asked for and differs."""
    from ..choosing import choose
    from ..compilation import Compiler

    compiler = Compiler.of(command.compiler)
    elsewhere, lenient = command.weights is not None, command.model is not None
    given = compiler.read(elsewhere=elsewhere or lenient, lenient=lenient)
    model = wanted_model(command, compiler)
    choice = choose(compiler, given, TimeOptions(orchestration=command.orchestration))
    standard = standard_of(command, compiler, given, choice, model)
    program = compiler.program(given, choice)
    done = execute(command, given, program, standard, model)
    if command.compiler.json:
        print_json(document(command, done))
    else:
        print_run(done)
    return 0 if done.verdict is None or done.verdict.equal else 1


def wanted_model(command: Command, compiler: Compiler) -> ModuleInput | None:
    """The model of `--model`.

    Raises: InputError for a model that nothing is compared with, and for what is none; ParseError, OSError.
    """
    if command.model is None:
        return None
    if not command.check:
        raise InputError(f"--model says what --check compares with{HELP_MARK}give --check, too")
    from ..checking import read_model

    return read_model(compiler, command.model, elsewhere=command.weights is not None)


def standard_of(
    command: Command, compiler: Compiler, given: Input, choice: Choice, model: ModuleInput | None
) -> Standard | None:
    """What the steps are compared with, if anything: the model, or the input, which is not lowered yet.

    Raises: InputError where there is nothing.
    """
    if not command.check:
        return None
    from ..checking import AgainstModel, as_given

    if model is None:
        return as_given(compiler, given, choice)
    from ..against import ModelReference

    return AgainstModel(model.path, ModelReference(model.module))


def execute(
    command: Command,
    given: Input,
    program: Any,
    standard: Standard | None,
    model: ModuleInput | None = None,
) -> Executed:
    """Run a program of an input beside a standard, if one is wanted; weights are by default the model's.

    Raises: InputError, TargetError for what cannot be run.
    """
    from ..inputs import naming

    calls = _calls(command, program.steps)
    options = _options(command, given if model is None else model)
    with naming(given.path):
        started = _start(given, program, options)
    judge = None if standard is None else standard.judge(started, program.steps, options)
    first = () if judge is None else judge.first_inputs(command.seed)
    done: list[Step] = []
    with progress(f"running {program.name}") as advance, naming(given.path):
        for step in started.steps(calls, advance, first):
            done.append(step)
            if judge is not None:
                judge.look(step)
    names = [name for name in started.inputs if name not in started.position_inputs(0)]
    verdict = None if judge is None else judge.verdict
    edited = given.provenance.edited
    return Executed(program, done, names, started.ignored, verdict, options.weights, edited)


def _calls(command: Command, steps: int) -> int:
    """How many calls of so many steps are asked for.

    Raises: InputError where that is no whole number.
    """
    calls, rest = divmod(command.steps, steps)
    if rest:
        raise InputError(
            f"{command.steps} steps are asked for, a call makes {steps}{HELP_MARK}"
            "--steps is a multiple of --steps-per-call"
        )
    return calls


def _start(given: Input, program: Any, options: RunOptions) -> Run:
    """The program in memory.

    Raises: InputError where the target runs none; TargetError for weights or steps that do not fit.
    """
    if given.target.run is None:
        raise InputError(f"the target {given.target.name} runs no programs{HELP_MARK}`kl time` times them")
    return given.target.run(program, options)


def _options(command: Command, given: Input) -> RunOptions:
    """What steps begin with; a published model has weights of its own.

    Raises: InputError where there is nothing to ignore.
    """
    weights, ignore = _weights(command, given)
    if weights is None and given.level != "program" and given.published is not None:
        from ..sources import report_notes

        report_notes(["no .safetensors: the weights are random"])
    return RunOptions(command.steps, weights, command.seed, command.orchestration, ignore)


def _weights(command: Command, given: Input) -> tuple[str | None, tuple[str, ...]]:
    """The checkpoint to read, if any, and what of it is left out: a published model has one of its own.

    Raises: InputError where there is nothing to ignore.
    """
    if command.weights is None and given.level != "program" and given.published is not None:
        return given.published.checkpoint, given.published.unread
    ignore = command.compiler.model.published.ignore
    if given.level != "program" and given.published is not None:
        return command.weights, given.published.patterns
    if ignore and command.weights is None:
        raise InputError(f"--ignore is for tensors of a checkpoint{HELP_MARK}--weights reads one")
    return command.weights, ignore


def document(command: Command, done: Executed) -> dict[str, Any]:
    """The run as the JSON document of `kl run`."""
    return {
        "version": JSON_VERSION,
        "input": command.compiler.model.input,
        "program": done.program.name,
        "seed": command.seed,
        "weights": done.weights,
        "ignored": [*done.ignored],
        "orchestration": command.orchestration,
        "steps": [
            {
                "position": step.position,
                "cycles": step.cycles,
                "inputs": arrays_document(step.inputs),
                "outputs": arrays_document(step.outputs),
                "observed": [{"label": label} | array_document(value) for label, value in step.observed],
                "made": step.made,
            }
            for step in done.steps
        ],
        "stop_token": done.steps[0].stop_token,
        "ended": ended_rows(done.steps),
        "edited": [*done.edited],
        "check": None if done.verdict is None else done.verdict.document(),
    }
