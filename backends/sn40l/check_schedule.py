"""Checks of the schedule: what it takes and makes, in which order, and that nothing is loaded in vain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .arguments import Call, calls_of
from .errors import ProgramError, require
from .program import Execute, LoadArguments, LoadProgram, Observe, Program, Region
from .step_facts import Use, lifetimes, tokens_made

_CACHE = ("batch", "heads", "context", "head_dim")
"""The axes of a cache, or of a slice of a stack of them."""


def check_schedule(program: Program) -> None:
    """That inputs are the input regions, each value is written by one call and read behind it, lives and
    tokens are what the commands make them, and whatever is loaded runs.

    Raises: ProgramError naming the command, the region or the kernel.
    """
    calls = [*calls_of(program)]
    _check_inputs(program)
    _check_loads(program)
    _check_values(program, calls)
    _check_lives(program, calls)
    shapes = {region.name: region.tensor.shape for region in program.regions}
    wanted = tokens_made(shapes[program.outputs[0]] if program.outputs else (), program.steps)
    given = program.tokens_per_step
    require(given == wanted, f"tokens_per_step is {given}; the first output has {wanted}")


def _check_inputs(program: Program) -> None:
    regions = [region.name for region in program.regions if region.kind == "input"]
    for name in regions:
        times = program.inputs.count(name)
        require(
            times == 1, f"region '{name}' is an input, and stands {times} times among the inputs, not once"
        )


def _check_loads(program: Program) -> None:
    """That each kernel runs, and each load of one or of its arguments is followed by a call that needs it."""
    waiting: list[tuple[int, str]] = []
    run, loaded = set[str](), ""
    for number, command in enumerate(program.commands):
        match command:
            case LoadProgram(kernel=kernel):
                require(kernel != loaded, f"command {number} loads '{kernel}', which is loaded already")
                _check_idle(waiting)
                waiting, loaded = [(number, f"loads '{kernel}'")], kernel
            case LoadArguments(kernel=kernel):
                _check_idle(waiting[1:])
                waiting = [*waiting[:1], (number, f"loads arguments of '{kernel}'")]
            case Execute(kernel=kernel):
                run.add(kernel)
                waiting = []
            case Observe():
                pass
    _check_idle(waiting)
    for kernel in program.kernels:
        require(kernel.name in run, f"kernel '{kernel.name}' is run by no command")


def _check_idle(waiting: Sequence[tuple[int, str]]) -> None:
    for number, what in waiting:
        raise ProgramError(f"command {number} {what}, and no call runs with it")


def _check_values(program: Program, calls: Sequence[Call]) -> None:
    """That one call writes each value, it is read behind that only, and states that are read are written."""
    kinds = {region.name: region.kind for region in program.regions}
    writers, read = dict[str, int](), set[str]()
    for call in calls:
        for name in sorted({region.name for one in call.touched(writes=True) for region in one.regions}):
            first = writers.setdefault(name, call.command)
            if kinds[name] == "value":
                both = f"commands {first} and {call.command} both write value '{name}'"
                require(first == call.command, f"{both}; one call makes it", call.location)
    for number, name, location in _reads(program, calls):
        read.add(name)
        if kinds[name] == "value":
            written = writers.get(name, len(program.commands))
            said = f"command {written} writes it" if name in writers else "none writes it"
            what = f"command {number} reads value '{name}'"
            require(written < number, f"{what}, and {said}", location)
    for region in program.regions:
        name, is_written = region.name, region.name in writers
        require(region.kind != "value" or is_written, f"value '{name}' is written by no command")
        if region.kind == "state" and name in read and not is_written:
            _check_zeros(region)


def _check_zeros(state: Region) -> None:
    """That a state which nothing writes is a cache: a layer may attend to one and append nothing."""
    rank, layers = len(state.tensor.shape), ("layers", *_CACHE) if state.stacked else _CACHE
    what = f"state '{state.name}', a {state.tensor}, is read and written by no command, so it is zeros"
    may = rank == len(layers) or (not state.stacked and rank == len(_CACHE) + 1)
    require(may, f"{what}; only a cache [{', '.join(layers)}] may be")


def _reads(program: Program, calls: Sequence[Call]) -> Iterator[tuple[int, str, str]]:
    """What is read: the command, the region, and where that comes from in the user's text."""
    for call in calls:
        for argument in call.touched(writes=False):
            yield from ((call.command, region.name, call.location) for region in argument.regions)
    for number, command in enumerate(program.commands):
        if isinstance(command, Observe):
            yield number, command.region, ""


def _check_lives(program: Program, calls: Sequence[Call]) -> None:
    """That values that say so are alive as long as commands need them."""
    needed = lifetimes(_uses(program, calls), program.outputs, len(program.commands))
    for region in program.regions:
        wanted = needed.get(region.name)
        if region.live is not None and wanted is not None:
            (first, last), (begin, end) = region.live, wanted
            what = f"region '{region.name}' is alive from command {first} to {last}"
            require((first, last) == wanted, f"{what}, and needed from {begin} to {end}")


def _uses(program: Program, calls: Sequence[Call]) -> Iterator[Use]:
    for call in calls:
        yield call.loaded, call.command, [region.name for one in call.arguments for region in one.regions]
    for number, command in enumerate(program.commands):
        if isinstance(command, Observe):
            yield number, number, [command.region]
