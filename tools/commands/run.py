"""`kl run`: decode steps in numbers, compared with the reference if wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any

from ...backends.runs import Run, RunOptions, Step
from ...backends.tables import Table
from ...backends.targets import Choice, TimeOptions
from ...dialects.vocabulary import Orchestration
from ..command_line import Natural, Positive, option
from ..options import JSON_VERSION, CompilerOptions, orchestration_option
from ..terminal import print_json, print_table, progress
from ..values import HELP_MARK, InputError

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

    from ...backends.tensors import Array
    from ..compilation import Compiler
    from ..inputs import Input
    from ..reference import Difference

MOST_VALUES = 1024
"""Larger tensors are printed without their elements."""


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


def run(command: Command) -> int:
    """Run the steps; 1 if the reference is asked for and differs."""
    from ..choosing import choose
    from ..compilation import Compiler

    compiler = Compiler.of(command.compiler)
    given = compiler.read(elsewhere=command.weights is not None)
    choice = choose(compiler, given, TimeOptions(orchestration=command.orchestration))
    module = reference_module(compiler, given, choice) if command.check else None
    program = compiler.program(given, choice)
    done = execute(command, given, program, module)
    if command.compiler.json:
        print_json(document(command, given, done))
    else:
        print_run(done)
    return 1 if done.differences else 0


@dataclass(frozen=True)
class Executed:
    """Decode steps that were run, and what the reference says of them."""

    program: Any
    steps: Sequence[Step]
    """What each call took and gave."""
    names: Sequence[str]
    """The inputs that are no position."""
    ignored: Mapping[str, str]
    """What of tensors of the checkpoint is not read."""
    differences: Sequence[Difference] | None
    """None where there was no reference."""


def execute(command: Command, given: Input, program: Any, module: ModuleOp | None) -> Executed:
    """Run a program of an input; the module is the reference, if one is wanted.

    Raises: InputError, TargetError for what cannot be run.
    """
    from ..inputs import naming
    from ..reference import Reference

    calls = _calls(command, program.steps)
    with naming(given.path):
        started = _start(command, given, program)
    reference = Reference(module, started) if module is not None else None
    done: list[Step] = []
    differences: list[Difference] = []
    with progress(f"running {program.name}") as advance, naming(given.path):
        for step in started.steps(calls, advance):
            done.append(step)
            differences += reference.differences(step, program.steps) if reference is not None else []
    names = [name for name in started.inputs if name not in started.position_inputs(0)]
    return Executed(program, done, names, started.ignored, None if reference is None else differences)


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


def _start(command: Command, given: Input, program: Any) -> Run:
    """The program in memory.

    Raises: InputError where the target runs none, or nothing is there to ignore; TargetError for weights or
        steps that do not fit.
    """
    if given.target.run is None:
        raise InputError(f"the target {given.target.name} runs no programs{HELP_MARK}`kl time` times them")
    weights, ignore = _weights(command, given)
    if weights is None and given.level != "program" and given.published is not None:
        from ..sources import report_notes

        report_notes(["no .safetensors: the weights are random"])
    options = RunOptions(command.steps, weights, command.seed, command.orchestration, ignore)
    return given.target.run(program, options)


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


def reference_module(compiler: Compiler, given: Input, choice: Choice) -> ModuleOp:
    """The input as it was given: it says what the program must compute.

    On several sockets the order of the sums over them belongs to that, so a model is split first.

    Raises: InputError at the levels that have no meaning without a machine.
    """
    if given.level == "program" or given.level == "rdu":
        raise InputError(
            f"{given.path} is a program for the machine, which has no reference{HELP_MARK}"
            "--check works from a model, or from IR at the nn, kernel or dataflow level"
        )
    module = given.module.clone()
    if given.level == "nn":
        for one in _splitting(compiler, given, choice):
            one.apply(compiler.ctx, module)
    return module


def _splitting(compiler: Compiler, given: Input, choice: Choice) -> Iterator[ModulePass]:
    """The passes that split a model over sockets, as the pipeline has them."""
    from ..driver import parse_passes
    from ..lowering import SHARD, default_passes
    from ..pipelines import name_of, split_passes
    from ..universe import available_passes

    text = compiler.options.mapping.pipeline
    passes = split_passes(text) if text is not None else default_passes(given.target, "nn", "kernel", choice)
    for one in passes:
        if name_of(one) == SHARD:
            yield from parse_passes(available_passes(), one)


def document(command: Command, given: Input, done: Executed) -> dict[str, Any]:
    """The run as the JSON document of `kl run`."""
    return {
        "version": JSON_VERSION,
        "input": command.compiler.model.input,
        "program": done.program.name,
        "seed": command.seed,
        "weights": _weights(command, given)[0],
        "ignored": [*done.ignored],
        "orchestration": command.orchestration,
        "steps": [
            {
                "position": step.position,
                "cycles": step.cycles,
                "inputs": _arrays(step.inputs),
                "outputs": _arrays(step.outputs),
                "observed": [{"label": label} | _array(value) for label, value in step.observed],
                "made": step.made,
            }
            for step in done.steps
        ],
        "stop_token": done.steps[0].stop_token,
        "ended": ended_rows(done.steps),
        "check": None
        if done.differences is None
        else {"equal": not done.differences, "differences": [asdict(one) for one in done.differences]},
    }


def ended_rows(steps: Sequence[Step]) -> list[int | None] | None:
    """Per row of the batch the position of the step that makes its stop token; None where none does.

    A row that begins with the stop token has ended before the first step, at position -1. It is None
    altogether where there is no stop token.
    """
    stop = steps[0].stop_token
    if stop is None:
        return None
    (first,) = (value for value in steps[0].inputs.values() if value.shape)
    ended: list[int | None] = [steps[0].position - 1 if token == stop else None for token in first.tolist()]
    for step in steps:
        (made,) = step.outputs.values()
        for number, tokens in enumerate(made.tolist()):
            for row, token in enumerate(tokens):
                if ended[row] is None and token == stop:
                    ended[row] = step.position + number
    return ended


def _arrays(arrays: Mapping[str, Array]) -> dict[str, dict[str, Any]]:
    return {name: _array(value) for name, value in arrays.items()}


def _array(array: Array) -> dict[str, Any]:
    from ...backends.tensors import spec_of

    spec = spec_of(array)
    data: dict[str, Any] = {"shape": list(spec.shape), "type": spec.dtype}
    if spec.elements <= MOST_VALUES:
        exact = array if spec.numpy_dtype.kind in "ib" else array.astype("float64")
        data["values"] = exact.tolist()
    return data


def print_run(done: Executed, file: IO[str] | None = None) -> None:
    """Print what each call took and gave; on stdout if nothing else is said."""
    table = run_table(done)
    print_table(table.columns, table.rows, table.texts, file)
    for line in run_notes(done):
        print(line, file=file)


def run_table(done: Executed) -> Table:
    """A row for each call."""
    columns = ["position", *(f"in: {name}" for name in done.names)]
    columns += [*(f"out: {name}" for name in done.steps[0].outputs), "cycles"]
    return Table(columns, [_row(step, done.names) for step in done.steps])


def run_notes(done: Executed) -> Iterator[str]:
    """What the table does not say: what was left out and read, where rows end, what the reference says."""
    steps = done.steps
    if done.ignored:
        yield f"ignored of the checkpoint: {_left(done.ignored)}"
    for step in steps:
        for label, value in step.observed:
            yield f"position {step.position}: {label} = {_short(value)}"
    for row, position in enumerate(ended_rows(steps) or ()):
        where = "does not end" if position is None else f"ends at position {position}"
        yield f"row {row} {where}, stop token {steps[0].stop_token}"
    yield from map(str, done.differences or ())
    if done.differences is not None and not done.differences:
        stops = steps[0].stop_token is not None
        made = sum(step.made for step in steps) if stops else len(steps) * done.program.steps
        yield f"equal to the reference, bit for bit: {made} steps, outputs and states"


def _left(ignored: Mapping[str, str]) -> str:
    """Tensors that are left out, and rows or columns of those that are read in part."""
    from ...backends.checkpoints import few
    from ...backends.unread import WHOLE

    whole = [name for name, rest in ignored.items() if rest == WHOLE]
    parts = [f"{rest} of '{name}'" for name, rest in ignored.items() if rest != WHOLE]
    return ", ".join([*([few(whole)] if whole else []), *parts])


def _row(step: Step, names: Sequence[str]) -> list[str]:
    values = [step.inputs[name] for name in names] + list(step.outputs.values())
    return [str(step.position), *map(_short, values), str(step.cycles)]


def _short(array: Array) -> str:
    """The first elements of an array."""
    flat = array.reshape(-1)
    shown = ", ".join(f"{value:g}" if array.dtype.kind != "i" else str(value) for value in flat[:4])
    return f"[{shown}, …]" if flat.size > 4 else f"[{shown}]"
