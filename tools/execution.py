"""Steps of a program in numbers: what goes in, and how one step follows another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..backends.sn40l.executor import Executor
from ..backends.sn40l.launch import Progress
from ..backends.sn40l.program import Program, Region
from ..backends.sn40l.report import Report
from ..backends.sn40l.units import AddressPattern, Gather, Store
from ..backends.tensors import Array, TensorSpec
from ..backends.weights import WeightSpec, load_safetensors, random_weights
from .diagnostics import HELP_MARK, InputError
from .engine_errors import engine_errors


def context_length(program: Program) -> int | None:
    """How many positions all KV caches of the program have room for; None without a cache."""
    return min(
        (
            _positions(kernel.parameters[unit.pattern.parameter].tensor, unit.pattern)
            for kernel in program.kernels
            for unit in kernel.units
            if isinstance(unit, Store) and unit.pattern.position_parameter is not None
        ),
        default=None,
    )


def check_position(program: Program, position: int) -> None:
    """Check that the decode steps of a call from a position on stay inside the context.

    Raises: InputError for a position that the caches have no room for.
    """
    length, last = context_length(program), position + program.steps - 1
    if length is not None and last >= length:
        many = (
            f" (the last of {program.steps} steps from position {position} on)" if program.steps > 1 else ""
        )
        fewer = "--steps-per-call can be smaller; " if program.steps > 1 else ""
        raise InputError(
            f"position {last} is asked for{many}; the caches of {program.name} have room for positions "
            f"0 to {length - 1}{HELP_MARK}{fewer}a model's parameters can be changed: --param context=8192"
        )


def timed_position(program: Program, wanted: int | None) -> int:
    """The position to time: the one that is asked for, else the last one of the context.

    Where a call makes several decode steps, it is that of the first of them.

    Raises: InputError for a position outside the context.
    """
    position = max(0, (context_length(program) or 1) - program.steps) if wanted is None else wanted
    check_position(program, position)
    return position


def _positions(cache: TensorSpec, pattern: AddressPattern) -> int:
    """How many positions a packed cache has: the extent of the axis that the pattern's position
    walks."""
    stride, found = cache.numpy_dtype.itemsize, 1
    for extent in reversed(cache.shape):
        found = max(found, extent) if stride == pattern.position_stride else found
        stride *= extent
    return found


def input_regions(program: Program) -> list[Region]:
    """What a step takes, in order."""
    by_name = {region.name: region for region in program.regions}
    return [by_name[name] for name in program.inputs]


def is_position(region: Region) -> bool:
    """Whether an input says where in its sequence a token stands: an integer scalar does."""
    return region.tensor.shape == () and region.tensor.numpy_dtype.kind == "i"


def position_inputs(program: Program, position: int) -> dict[str, int]:
    """The inputs of a step that are its position."""
    return {r.name: position for r in input_regions(program) if is_position(r)}


def read_weights(program: Program, checkpoint: str | None, seed: int) -> dict[str, Array]:
    """The program's weights, with the parts of all sockets: from safetensors, or seeded random
    numbers.

    Raises: InputError where the checkpoint does not fit, OSError.
    """
    specs = [
        WeightSpec(r.name, r.whole, r.checkpoint, r.transposed, r.stacked)
        for r in program.regions
        if r.kind == "weight"
    ]
    with engine_errors():
        return load_safetensors(checkpoint, specs) if checkpoint else random_weights(specs, seed)


@dataclass(frozen=True)
class Step:
    """What one call took in, what it gave, and what the host has read, by label and in order.

    It is one decode step, or several from `position` on; outputs then have those of all, stacked.
    """

    position: int
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    observed: tuple[tuple[str, Array], ...]
    report: Report


@dataclass(frozen=True)
class Run:
    """Calls of a program, from position 0 on, each fed with what the one before gave."""

    program: Program
    weights: Mapping[str, Array]
    seed: int
    """Of the first step's inputs."""
    orchestration: str

    @cached_property
    def executor(self) -> Executor:
        """The program in memory."""
        with engine_errors():
            return Executor(self.program, self.weights, self.orchestration)

    def steps(self, count: int, progress: Progress) -> Iterator[Step]:
        """Run `count` calls.

        Raises: InputError where the program cannot run to its end.
        """
        inputs, commands = self._first_inputs(), len(self.program.commands)
        for call in range(count):
            position = call * self.program.steps
            for region in input_regions(self.program):
                if is_position(region):
                    inputs[region.name] = np.asarray(position, region.tensor.numpy_dtype)
            done = call * commands

            def advance(command: int, _: int, done: int = done) -> None:
                progress(done + command, count * commands)

            with engine_errors():
                result = self.executor.step(inputs, advance)
            yield Step(position, dict(inputs), result.outputs, result.observed, result.report)
            inputs |= fed_back(self.program, last_outputs(self.program, result.outputs))

    def _first_inputs(self) -> dict[str, Array]:
        """Seeded random numbers: token ids that every table has, and activations near 1."""
        rng, inputs = np.random.default_rng(self.seed), dict[str, Array]()
        units = (unit for kernel in self.program.kernels for unit in kernel.units)
        ids = min((self._rows_of(unit) for unit in units if isinstance(unit, Gather)), default=1)
        for region in input_regions(self.program):
            spec = region.tensor
            is_ids = spec.numpy_dtype.kind == "i"
            numbers = rng.integers(ids, size=spec.shape) if is_ids else rng.normal(size=spec.shape)
            inputs[region.name] = np.asarray(numbers).astype(spec.numpy_dtype)
        return inputs

    def _rows_of(self, unit: Gather) -> int:
        """Rows of a table on all sockets together."""
        return unit.table.shape[0] * (self.program.machine.sockets if unit.sharded else 1)


def last_outputs(program: Program, outputs: Mapping[str, Array]) -> dict[str, Array]:
    """What the last decode step of a call gave."""
    return {name: value[-1] if program.steps > 1 else value for name, value in outputs.items()}


def fed_back(program: Program, outputs: Mapping[str, Array]) -> dict[str, Array]:
    """Each output becomes the first input like it that is no position: tokens go round."""
    free = [region for region in input_regions(program) if not is_position(region)]
    fed: dict[str, Array] = {}
    for value in outputs.values():
        like = (r.name for r in free if r.tensor.fits(value) and r.name not in fed)
        if (name := next(like, None)) is not None:
            fed[name] = value
    return fed
