"""Run a program: step by step with data, or one step in time only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..tensors import Array
from .check import check_structure
from .errors import ExecutionError
from .launch import Progress, StepRun
from .memory import Data, MemoryMap
from .program import Program, Region
from .report import Report


@dataclass(frozen=True)
class StepResult:
    """What a step gives: outputs by region name, what the host has read by label and in order, the times."""

    outputs: Mapping[str, Array]
    observed: tuple[tuple[str, Array], ...]
    report: Report


class Executor:
    """A program in memory with its weights; states stay from step to step."""

    def __init__(self, program: Program, weights: Mapping[str, Array], orchestration: str = "hardware"):
        """Load the weights, by region name; states are zeros.

        Raises: ProgramError if the program is inconsistent. ExecutionError if a weight is missing or does not
            fit its region.
        """
        check_structure(program)
        self.program = program
        self._orchestration = orchestration
        self._memory = MemoryMap(program)
        self._data = Data(program)
        wanted = [region.name for region in program.regions if region.kind == "weight"]
        _fill(self._memory, self._data, "weight", wanted, weights)

    def step(self, inputs: Mapping[str, Array], progress: Progress | None = None) -> StepResult:
        """Run one step on the inputs, by region name.

        Raises: ExecutionError (HazardError, DeadlockError, RoofError among them), also for an input that is
            missing or does not fit.
        """
        program, memory = self.program, self._memory
        _fill(memory, self._data, "input", program.inputs, inputs)
        regions = [memory.regions[name] for name in program.inputs]
        memory.begin_step({r.name: int(inputs[r.name]) for r in regions if _is_integer(r)})
        run = StepRun(program, memory, self._data, self._orchestration)
        report = run.run(progress)
        outputs = {name: run.read(name) for name in program.outputs}
        arrays = {name: value for name, value in outputs.items() if value is not None}
        return StepResult(arrays, tuple(run.observed), report)

    def read(self, name: str) -> Array:
        """A copy of the tensor that a region holds now: a state, a weight.

        Raises: ExecutionError for an unknown name.
        """
        if name not in self._memory.regions:
            raise ExecutionError(f"the program has no region '{name}'")
        return self._data.read_region(self._memory.regions[name])


def time_step(
    program: Program,
    scalars: Mapping[str, int],
    orchestration: str = "hardware",
    progress: Progress | None = None,
) -> Report:
    """Time one step without data; `scalars` are the scalar inputs that decide times: the position.

    Raises: ProgramError if the program is inconsistent, ExecutionError as `Executor.step` does.
    """
    check_structure(program)
    memory = MemoryMap(program)
    for name in scalars:
        if name not in program.inputs or not _is_integer(memory.regions[name]):
            raise ExecutionError(f"the program has no scalar input '{name}'")
    memory.begin_step(scalars)
    run = StepRun(program, memory, None, orchestration)
    report = run.run(progress)
    for name in program.outputs:
        run.read(name)
    return report


def _is_integer(region: Region) -> bool:
    tensor = region.tensor
    return tensor.shape == () and np.issubdtype(tensor.numpy_dtype, np.integer)


def _fill(
    memory: MemoryMap, data: Data, kind: str, names: Iterable[str], values: Mapping[str, Array]
) -> None:
    for name in names:
        region = memory.regions[name]
        if name not in values:
            raise ExecutionError(f"no value for {kind} '{name}', a {region.tensor}")
        value = np.asarray(values[name])
        if not region.tensor.fits(value):
            raise ExecutionError(
                f"{kind} '{name}' is a {region.tensor}, the value given is {value.dtype}{list(value.shape)}"
            )
        data.write_region(region, value)
