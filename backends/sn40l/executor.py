"""Run a program: step by step with data on all its sockets, or one step in time only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..collectives import shards
from ..tensors import Array
from .check import check_structure
from .errors import ExecutionError
from .launch import Progress, StepRun, Timer
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
    """A program in the memories of its sockets with its weights; states stay from step to step."""

    def __init__(self, program: Program, weights: Mapping[str, Array], orchestration: str = "hardware"):
        """Load the weights, by region name: whole ones, of which each socket gets its part; states are zeros.

        Raises: ProgramError if the program is inconsistent. ExecutionError if a weight is missing or does not
            fit its region.
        """
        check_structure(program)
        self.program = program
        self._orchestration = orchestration
        self._memory = MemoryMap(program)
        self._sockets = [Data(program) for _ in range(program.machine.sockets)]
        self._fill([region for region in program.regions if region.kind == "weight"], weights)

    def step(self, inputs: Mapping[str, Array], progress: Progress | None = None) -> StepResult:
        """Run one step on the inputs, by region name; every socket gets all of them.

        Raises: ExecutionError (HazardError, DeadlockError, RoofError among them), also for an input that is
            missing or does not fit, and for an output that is not the same on all sockets.
        """
        program, memory = self.program, self._memory
        regions = [memory.regions[name] for name in program.inputs]
        self._fill(regions, inputs)
        memory.begin_step({r.name: int(inputs[r.name]) for r in regions if _is_integer(r)})
        run = StepRun(program, memory, self._sockets, self._orchestration)
        report = run.run(progress)
        outputs = {name: run.read(name) for name in program.outputs}
        arrays = {name: value for name, value in outputs.items() if value is not None}
        return StepResult(arrays, tuple(run.observed), report)

    def read(self, name: str, socket: int = 0) -> Array:
        """A copy of the tensor that a region of a socket holds now: a state, a weight.

        Raises: ExecutionError for an unknown name or socket.
        """
        if name not in self._memory.regions:
            raise ExecutionError(f"the program has no region '{name}'")
        count = len(self._sockets)
        if not 0 <= socket < count:
            raise ExecutionError(f"socket {socket} of a program for {count}, which are 0 to {count - 1}")
        return self._sockets[socket].read_region(self._memory.regions[name])

    def _fill(self, regions: Iterable[Region], values: Mapping[str, Array]) -> None:
        for region in regions:
            for data, part in zip(self._sockets, self._parts(region, values), strict=True):
                data.write_region(region, part)

    def _parts(self, region: Region, values: Mapping[str, Array]) -> list[Array]:
        """What each socket gets of the value that is given for a region.

        Raises: ExecutionError if none is given or it does not fit.
        """
        whole = region.whole
        if region.name not in values:
            raise ExecutionError(f"no value for {region.kind} '{region.name}', a {whole}")
        value = np.asarray(values[region.name])
        if not whole.fits(value):
            given = f"{value.dtype}{list(value.shape)}"
            raise ExecutionError(f"{region.kind} '{region.name}' is a {whole}, the value given is {given}")
        if region.shard_axis is None:
            return [value] * len(self._sockets)
        return shards(value, region.shard_axis, region.shard_parts, len(self._sockets), region.shard_runs)


def time_step(
    program: Program,
    scalars: Mapping[str, int],
    orchestration: str = "hardware",
    progress: Progress | None = None,
    *,
    every_socket: bool = False,
    jump: bool = True,
    details: bool = False,
    trace_iterations: int = 0,
) -> Report:
    """Time one step without data; `scalars` are the scalar inputs that decide times: the position.

    All sockets do the same at the same time, so one is timed, and the others send their tiles when it does.
    With `every_socket` each is timed for itself, which gives the same report. Iterations of a loop that must
    be like those before are not replayed; without `jump` they are, which gives the same report, too. The
    other options are those of a `Timer`, which times one socket.

    Raises: ProgramError if the program is inconsistent, ExecutionError as `Executor.step` does.
    """
    check_structure(program)
    memory = MemoryMap(program)
    for name in scalars:
        if name not in program.inputs or not _is_integer(memory.regions[name]):
            raise ExecutionError(f"the program has no scalar input '{name}'")
    memory.begin_step(scalars)
    sockets = program.machine.sockets if every_socket else 1
    timer = Timer(jump, details, trace_iterations)
    run = StepRun(program, memory, [None] * sockets, orchestration, timer)
    report = run.run(progress)
    for name in program.outputs:
        run.read(name)
    return report


def _is_integer(region: Region) -> bool:
    tensor = region.tensor
    return tensor.shape == () and np.issubdtype(tensor.numpy_dtype, np.integer)
