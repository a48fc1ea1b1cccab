"""Steps of a program: which numbers go in, and what the engine and the reference make of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from ..backends.interpreter import Interpreter
from ..backends.sn40l.executor import Executor
from ..backends.sn40l.launch import Progress
from ..backends.sn40l.program import Load, Program, Region
from ..backends.sn40l.report import Report
from ..backends.tensors import Array, spec_of
from ..backends.weights import WeightSpec, load_safetensors, random_weights
from .diagnostics import InputError
from .engine_errors import engine_errors


def last_position(program: Program) -> int:
    """The last position that the program's KV caches have room for; 0 without a cache."""
    gates = [
        load.gate.positions_per_tile * load.pattern.tiles - 1
        for kernel in program.kernels
        for load in kernel.units
        if isinstance(load, Load) and load.gate is not None
    ]
    return min(gates, default=0)


def positions(program: Program, position: int) -> dict[str, int]:
    """The scalar inputs of a step, all set to its position."""
    return {region.name: position for region in input_regions(program) if is_position(region)}


def input_regions(program: Program) -> list[Region]:
    """What a step takes, in order."""
    by_name = {region.name: region for region in program.regions}
    return [by_name[name] for name in program.inputs]


def is_position(region: Region) -> bool:
    """Whether an input says where in its sequence a token stands: an integer scalar does."""
    return region.tensor.shape == () and region.tensor.numpy_dtype.kind == "i"


def read_weights(program: Program, checkpoint: str | None, seed: int) -> dict[str, Array]:
    """The program's weights: from safetensors, or seeded random numbers.

    Raises: InputError where the checkpoint does not fit, OSError.
    """
    specs = [
        WeightSpec(r.name, r.tensor, r.checkpoint, r.transposed, r.stacked)
        for r in program.regions
        if r.kind == "weight"
    ]
    with engine_errors():
        return load_safetensors(checkpoint, specs) if checkpoint else random_weights(specs, seed)


@dataclass(frozen=True)
class Step:
    """What one step took in and gave."""

    position: int
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    observed: tuple[tuple[str, Array], ...]
    report: Report


@dataclass(frozen=True)
class Difference:
    """A value of a step in which engine and reference differ."""

    position: int
    value: str
    elements: int
    largest: float
    """The largest absolute difference."""


@dataclass(frozen=True)
class Run:
    """Decode steps of a program with given weights, each fed with what the one before gave."""

    program: Program
    weights: Mapping[str, Array]
    seed: int
    orchestration: str

    @cached_property
    def executor(self) -> Executor:
        """The program in memory."""
        with engine_errors():
            return Executor(self.program, self.weights, self.orchestration)

    def steps(self, count: int, progress: Progress) -> Iterator[Step]:
        """Run `count` steps from position 0 on.

        Raises: InputError where the program cannot run to its end.
        """
        inputs = self._first_inputs()
        commands = len(self.program.commands)
        for position in range(count):
            inputs |= {
                name: np.asarray(value, inputs[name].dtype)
                for name, value in positions(self.program, position).items()
            }
            done = position * commands

            def advance(command: int, total: int, done: int = done) -> None:
                progress(done + command, count * total)

            with engine_errors():
                result = self.executor.step(inputs, advance)
            yield Step(position, dict(inputs), result.outputs, result.observed, result.report)
            inputs |= self._fed_back(result.outputs)

    def _first_inputs(self) -> dict[str, Array]:
        """Seeded random numbers: token ids that every vocabulary has, and activations near 1."""
        rng = np.random.default_rng(self.seed)
        inputs: dict[str, Array] = {}
        for region in input_regions(self.program):
            spec = region.tensor
            is_ids = spec.numpy_dtype.kind in "iu"
            numbers = rng.integers(0, self._ids, spec.shape) if is_ids else rng.standard_normal(spec.shape)
            inputs[region.name] = np.asarray(numbers).astype(spec.numpy_dtype)
        return inputs

    @cached_property
    def _ids(self) -> int:
        """How many token ids there are: rows of the smallest table that ids choose from."""
        from ..backends.sn40l.program import Gather

        tables = [
            unit.table.shape[0]
            for kernel in self.program.kernels
            for unit in kernel.units
            if isinstance(unit, Gather)
        ]
        return min(tables, default=1)

    def _fed_back(self, outputs: Mapping[str, Array]) -> dict[str, Array]:
        """Each output becomes the first input that is like it and not a position; tokens go round."""
        free = [region for region in input_regions(self.program) if not is_position(region)]
        fed: dict[str, Array] = {}
        for value in outputs.values():
            match = next((r for r in free if r.tensor.fits(value) and r.name not in fed), None)
            if match is not None:
                fed[match.name] = value
        return fed


class Reference:
    """The interpreter beside a run: it takes the same inputs and must give the same bits."""

    def __init__(self, module: ModuleOp, run: Run):
        self._interpreter = Interpreter(module, run.weights)
        self._run = run

    def differences(self, step: Step) -> list[Difference]:
        """Run the step and compare its outputs, what the host has read, and all states.

        Raises: InterpretationError.
        """
        expected = self._interpreter.step([step.inputs[name] for name in self._run.program.inputs])
        pairs = list(zip(step.outputs.items(), expected.outputs, strict=True))
        wanted = [(f"output {name}", value, other) for (name, value), other in pairs]
        observed: dict[str, list[Array]] = {}
        for label, value in step.observed:
            observed.setdefault(label, []).append(value)
        for label, values in expected.observed.items():
            mine = observed.get(label, [])
            if len(mine) != len(values):
                raise InputError(f"'{label}' is observed {len(mine)} times, not {len(values)}")
            wanted += [(f"observed {label}", a, b) for a, b in zip(mine, values, strict=True)]
        states = self._interpreter.states
        wanted += [(f"state {name}", self._run.executor.read(name), value) for name, value in states.items()]
        return [
            _difference(step.position, name, value, other)
            for name, value, other in wanted
            if value.tobytes() != other.tobytes()
        ]


def _difference(position: int, name: str, value: Array, other: Array) -> Difference:
    wide, other_wide = value.astype(np.float64), other.astype(np.float64)
    differing = int(np.count_nonzero(wide != other_wide))
    return Difference(position, name, differing, float(np.max(np.abs(wide - other_wide))))


def shown(array: Array) -> dict[str, object]:
    """An array as plain data; a large one without its elements."""
    spec = spec_of(array)
    values = array.astype(np.float64) if spec.numpy_dtype.kind not in "iub" else array
    data: dict[str, object] = {"shape": list(spec.shape), "dtype": spec.dtype}
    if spec.elements <= 1024:
        data["values"] = values.tolist()
    return data


def tokens_of(values: Sequence[Array]) -> list[list[int]]:
    """The token ids among outputs: vectors of integers."""
    return [[int(i) for i in value] for value in values if value.ndim == 1 and value.dtype.kind == "i"]
