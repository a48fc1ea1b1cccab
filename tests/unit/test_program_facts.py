"""What a program says of streams, parameters and its schedule follows from its tensors and commands.

Each number that is changed alone is refused before the program runs, or changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.errors import ExecutionError, ProgramError
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.program import LoadArguments, Observe, Program
from kl.backends.tensors import TensorSpec

Mutant = tuple[str, Program]

BYTES = (-256, -32, -4, -1, 1, 4, 32, 256)
"""Changes of addresses and strides: by an element, a row, a slice, and by no whole element."""


def with_unit(program: Program, number: int, unit: Any) -> Program:
    (kernel,) = program.kernels
    units = (*kernel.units[:number], unit, *kernel.units[number + 1 :])
    return replace(program, kernels=(replace(kernel, units=units),))


def changed(value: Any, *, is_count: bool = False) -> Iterator[Any]:
    """A number, or each of a tuple of them, changed."""
    if isinstance(value, int) and not isinstance(value, bool):
        yield from (value + by for by in ((-1, 1) if is_count else BYTES))
    if isinstance(value, tuple):
        for place, one in enumerate(value):
            yield from (
                (*value[:place], other, *value[place + 1 :]) for other in changed(one, is_count=is_count)
            )
        if len(value) > 1:
            yield value[::-1]
    if isinstance(value, TensorSpec):
        yield replace(value, dtype="i32" if value.dtype == "f32" else "f32")
        yield from (replace(value, shape=shape) for shape in changed(value.shape, is_count=True))


COUNTS = (
    "parameter",
    "tiles",
    "position_parameter",
    "channel",
    "positions_per_tile",
    "ring",
    "tokens_per_step",
)


def of_parts(part: Any) -> Iterator[tuple[str, Any]]:
    """A frozen dataclass of numbers with one of them changed."""
    for field in fields(part):
        for value in changed(getattr(part, field.name), is_count=field.name in COUNTS):
            yield f"{field.name} = {value}", replace(part, **{field.name: value})


def mutants_of_streams(program: Program) -> Iterator[Mutant]:
    for number, unit in enumerate(program.kernels[0].units):
        for name in ("pattern", "gate"):
            if (part := getattr(unit, name, None)) is not None:
                for what, other in of_parts(part):
                    yield f"{unit}: {what}", with_unit(program, number, replace(unit, **{name: other}))


def mutants_of_regions(program: Program) -> Iterator[Mutant]:
    for number, region in enumerate(program.regions):
        kinds = [{"kind": kind} for kind in ("weight", "state", "input", "value") if kind != region.kind]
        tiers = [{"tier": tier} for tier in ("ddr", "sram")]
        numbers = [vars(other) for _, other in of_parts(region)]
        more = [
            {"stacked": True, "kind": region.kind},
            {"layers": (0, 1)},
            {"shard_parts": 2},
            {"live": (0, 1)},
        ]
        for change in (*kinds, *tiers, *numbers, *more):
            other = replace(region, **change)
            regions = (*program.regions[:number], other, *program.regions[number + 1 :])
            yield f"{region.name}: {other}", replace(program, regions=regions)


def mutants_of_the_schedule(program: Program) -> Iterator[Mutant]:
    load, arguments, execute = program.commands
    assert isinstance(arguments, LoadArguments)
    for addresses in changed(arguments.addresses):
        commands = (load, replace(arguments, addresses=addresses), execute)
        yield f"arguments {addresses}", replace(program, commands=commands)
    for number, region in enumerate(program.regions):
        for other in program.regions:
            if other is not region:
                addresses = (*arguments.addresses[:number], other.address, *arguments.addresses[number + 1 :])
                commands = (load, replace(arguments, addresses=addresses), execute)
                yield f"{region.name} at {other.name}", replace(program, commands=commands)
    yield "an input twice", replace(program, inputs=(*program.inputs, program.inputs[0]))
    yield "an input less", replace(program, inputs=program.inputs[1:])
    yield "more tokens", replace(program, tokens_per_step=2)
    for what, commands in (
        ("a program loaded twice", (load, *program.commands)),
        ("arguments loaded twice", (load, arguments, arguments, execute)),
        ("a call twice", (*program.commands, execute)),
        ("no call", ()),
        ("read before it is written", (Observe("y", "y"), *program.commands)),
    ):
        yield what, replace(program, commands=commands)


@pytest.fixture
def wrong_numbers(decoder_data: Any, decoder_result: Any) -> Callable[[Program], bool]:
    """Whether two steps of a program end in other numbers than those of the decoder, or do not end."""

    def run(program: Program) -> bool:
        weights, inputs = decoder_data
        cache = np.zeros((3, 1, 1, 8, 8), np.float32)
        try:
            executor = Executor(program, weights)
            for position in (3, 4):
                given = inputs | {"position": np.array(position, np.int32)}
                wanted = decoder_result(weights, given, cache, position)
                if not np.array_equal(executor.step(given).outputs["y"], wanted):
                    return True
        except ExecutionError:
            return True
        return not np.array_equal(executor.read("cache"), cache)

    return run


def accepted(mutants: Iterator[Mutant], original: Program) -> Mapping[str, Program]:
    """Those that no check refuses."""
    found: dict[str, Program] = {}
    count = 0
    for what, program in mutants:
        count += program != original
        try:
            check_program(program)
        except ProgramError:
            continue
        if program != original:
            found[what] = program
    assert count > 20, "there are mutants"
    return found


OF_THE_MODEL = {"load 'load w': pass_stride = 0"}
"""Which layer's weights a layer has is the model's to say: they may all have the same."""


@pytest.mark.parametrize("mutants", [mutants_of_streams, mutants_of_regions, mutants_of_the_schedule])
def test_a_changed_number_is_refused_or_changes_nothing(
    decoder: Any, wrong_numbers: Callable[[Program], bool], mutants: Callable[[Program], Iterator[Mutant]]
) -> None:
    program = decoder()
    check_program(program)
    assert not wrong_numbers(program)
    wrong = [what for what, one in accepted(mutants(program), program).items() if wrong_numbers(one)]
    assert not {*wrong} - OF_THE_MODEL
