"""`kl run`: decode steps in numbers, compared with the reference if wanted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...backends.runs import Run, RunOptions, Step
from ...backends.targets import Choice, TimeOptions
from ...dialects.vocabulary import Orchestration
from ..command_line import Natural, Positive, option
from ..executed import Executed, ended_rows, print_made, print_run, steps_document
from ..options import JSON_VERSION, CompilerOptions, orchestration_option
from ..prompt_options import PromptOptions
from ..terminal import print_json, progress
from ..values import HELP_MARK, InputError

if TYPE_CHECKING:
    from ..checking import Standard
    from ..compilation import Compiler
    from ..inputs import Input, ModuleInput
    from ..prompts import Generation, Prompt


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a command line of `kl run` says."""

    compiler: CompilerOptions
    orchestration: Orchestration = orchestration_option()
    weights: str | None = option(
        "a .safetensors file, an index or a folder (default: those of a published model, else random)",
        metavar="PATH",
        reads="the weights",
    )
    seed: Natural = option("seed of random weights, the first token and drawn tokens (default: 0)", default=0)
    steps: Positive = option(
        "decode steps, from position 0 on; behind a prompt, tokens that are made (default: 1)", default=1
    )
    prompts: PromptOptions
    check: bool = option(
        "compare outputs and states with the reference; exit with 1 where they differ", default=False
    )
    model: str | None = option(
        "with --check, compare with this model and not with the input as it is given: with its weights,"
        " inputs and facts; --param is for both, as far as both have parameters",
        metavar="MODEL",
        reads="the other model",
    )

    @property
    def changes_model(self) -> bool:
        """Whether the steps of the model end in another way than it says."""
        return self.prompts.samples or self.prompts.logits is not None


@dataclass(frozen=True)
class Wanted:
    """What steps go on from, and what they are held against."""

    prompt: Prompt | None = None
    model: ModuleInput | None = None
    """Of `--model`: the weights are by default its own."""
    standard: Standard | None = None


def run(command: Command) -> int:
    """Run the steps; 1 if the reference is asked for and differs."""
    from ..choosing import choose
    from ..compilation import Compiler

    compiler = Compiler.of(command.compiler)
    elsewhere, lenient = command.weights is not None, command.model is not None
    given = compiler.read(elsewhere=elsewhere or lenient, lenient=lenient)
    change(command, compiler, given)
    choice = choose(compiler, given, TimeOptions(orchestration=command.orchestration))
    wanted = wanted_of(command, compiler, given, choice)
    program = compiler.program(given, choice)
    streams = wanted.prompt is not None and len(wanted.prompt.rows) == 1 and not command.compiler.json
    done = execute(command, given, program, wanted, _say if streams else None)
    if command.compiler.json:
        print_json(document(command, done))
    elif wanted.prompt is not None:
        print_made(done, is_said=streams)
    else:
        print_run(done)
    return 0 if done.verdict is None or done.verdict.equal else 1


def _say(piece: str) -> None:
    print(piece, end="", flush=True)


def change(command: Command, compiler: Compiler, given: Input) -> None:
    """Change in place how the steps of an input end, which is not lowered yet.

    Raises: InputError, PassFailedException where they cannot be changed.
    """
    if not command.changes_model:
        return
    from ..decoding import change_decoding

    steps = command.compiler.mapping.steps_per_call
    change_decoding(compiler.ctx, command.prompts, given, command.seed, steps)


def wanted_of(command: Command, compiler: Compiler, given: Input, choice: Choice) -> Wanted:
    """What a command line wants of an input, which is not lowered yet.

    Raises: InputError for what is no prompt of it, and nothing to compare with; ParseError, OSError.
    """
    prompt, model = wanted_prompt(command, given), wanted_model(command, compiler)
    return Wanted(prompt, model, standard_of(command, compiler, given, choice, model))


def wanted_prompt(command: Command, given: Input) -> Prompt | None:
    """What the rows of a batch begin with, if that is said; files beside weights come before the model's.

    Raises: InputError for what is no prompt of the input, which is not lowered yet; OSError.
    """
    if not command.prompts.prompt and not command.prompts.tokens:
        return None
    from ..prompts import check_vocabulary, prompt_of

    model = command.compiler.model.input if command.model is None else command.model
    paths = [Path(one) for one in (command.weights, model) if one is not None]
    folders = [one if one.is_dir() else one.parent for one in paths if one.exists()]
    prompt = prompt_of(command.prompts, folders)
    check_vocabulary(given, prompt)
    return prompt


def wanted_model(command: Command, compiler: Compiler) -> ModuleInput | None:
    """The model of `--model`.

    Raises: InputError for a model that nothing is compared with, and for what is none; ParseError, OSError.
    """
    if command.model is None:
        return None
    if not command.check:
        raise InputError(f"--model says what --check compares with{HELP_MARK}give --check, too")
    from ..checking import read_model

    model = read_model(compiler, command.model, elsewhere=command.weights is not None)
    change(command, compiler, model)
    return model


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
    command: Command, given: Input, program: Any, wanted: Wanted, say: Callable[[str], None] | None = None
) -> Executed:
    """Run a program of an input, beside a standard if one is wanted; `say` takes what is made as it comes.

    Raises: InputError, TargetError for what cannot be run.
    """
    from ..inputs import naming

    calls = _calls(command, given, program, wanted.prompt)
    options = _options(command, given if wanted.model is None else wanted.model, calls * program.steps)
    with naming(given.path):
        started = _start(given, program, options)
    _note_random_weights(given, started, options)
    made = _generation(wanted.prompt, started, say)
    judge = None if wanted.standard is None else wanted.standard.judge(started, program.steps, options)
    first = () if judge is None else judge.first_inputs(command.seed)
    done: list[Step] = []
    display = progress(f"running {program.name}") if say is None else nullcontext(lambda done, of: None)
    with display as advance, naming(given.path):
        for step in started.steps(calls, advance, first if made is None else made.given):
            done.append(step)
            if judge is not None:
                judge.look(step)
            if made is not None and made.look(step):
                break
    if (logits := command.prompts.logits) is not None:
        from ..decoding import write_logits

        write_logits(logits, done)
    names = [name for name in started.inputs if name not in started.position_inputs(0)]
    verdict = None if judge is None else judge.verdict
    edited, rows = given.provenance.edited, () if made is None else made.end()
    return Executed(program, done, names, started.ignored, verdict, options.weights, edited, rows, logits)


def _generation(prompt: Prompt | None, started: Run, say: Callable[[str], None] | None) -> Generation | None:
    """Raises: InputError for a prompt that does not fit what the run takes."""
    if prompt is None:
        return None
    from ..prompts import Generation

    return Generation(prompt, started, say or (lambda piece: None))


def _calls(command: Command, given: Input, program: Any, prompt: Prompt | None) -> int:
    """How many calls are asked for.

    Raises: InputError where that is no whole number, and for a prompt that leaves no room.
    """
    count = command.steps if prompt is None else prompt.steps(command.steps, program.steps)
    calls, rest = divmod(count, program.steps)
    if rest:
        raise InputError(
            f"{count} steps are asked for, a call makes {program.steps}{HELP_MARK}"
            "--steps is a multiple of --steps-per-call"
        )
    if prompt is not None and (room := given.target.context(program)) is not None and count > room:
        raise InputError(
            f"the prompt has {prompt.length} tokens, and {command.steps} are to be made: {count} steps, and"
            f" {program.name} has room for {room} positions{HELP_MARK}give fewer --steps or a shorter prompt;"
            " a model's parameters can be changed: --param context=8192"
        )
    return calls


def _start(given: Input, program: Any, options: RunOptions) -> Run:
    """The program in memory.

    Raises: InputError where the target runs none; TargetError for weights or steps that do not fit.
    """
    if given.target.run is None:
        raise InputError(f"the target {given.target.name} runs no programs{HELP_MARK}`kl time` times them")
    return given.target.run(program, options)


def _options(command: Command, given: Input, steps: int) -> RunOptions:
    """What so many steps begin with; a published model has weights of its own.

    Raises: InputError where there is nothing to ignore.
    """
    weights, ignore = _weights(command, given)
    if weights is None and given.level != "program" and given.published is not None:
        from ..sources import report_notes

        report_notes(["no .safetensors: the weights are random"])
    return RunOptions(steps, weights, command.seed, command.orchestration, ignore)


def _note_random_weights(given: Input, started: Run, options: RunOptions) -> None:
    """Say so where a program that came from a checkpoint runs without it."""
    from ..sources import report_notes

    named = any(one.checkpoint is not None for one in started.signature.weights.values())
    if named and options.weights is None and given.level != "nn":
        report_notes(["the weights are random: --weights reads those of a checkpoint"])


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
        "steps": steps_document(done.steps),
        "logits": done.logits,
        "prompts": [asdict(row) for row in done.rows] or None,
        "stop_token": done.steps[0].stop_token,
        "ended": ended_rows(done.steps),
        "edited": [*done.edited],
        "check": None if done.verdict is None else done.verdict.document(),
    }
