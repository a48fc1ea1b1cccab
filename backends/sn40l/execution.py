"""Steps of a program in numbers: what goes in, how one step follows another, and what can go wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..runs import Called, CallLoop, RunOptions, Step
from ..signatures import Signature
from ..tensors import Array
from ..weights import Weights, in_slices, load_weights, seeded_weights
from .check import check_structure
from .errors import ExecutionError, target_errors
from .launch import Progress, StepRun
from .memory import Data, MemoryMap
from .positions import check_position, input_regions
from .program import Program, Region
from .report import Report
from .signature import signature_of, smallest_table, weight_specs
from .weight_slices import check_value, value_of, weight_slices


def read_weights(program: Program, options: RunOptions) -> Weights:
    """The program's weights, with the parts of all sockets: from a checkpoint, or seeded random numbers.

    Raises: ProgramError for a weight that contradicts itself, CheckpointError where the checkpoint does not
        fit, OSError.
    """
    specs = weight_specs(program)
    if options.weights is None:
        return seeded_weights(specs, options.seed)
    return load_weights(options.weights, specs, options.ignore)


@dataclass(frozen=True)
class StepResult:
    """What a step gives: outputs by region name, what the host has read by label and in order, the times."""

    outputs: Mapping[str, Array]
    observed: tuple[tuple[str, Array], ...]
    report: Report


class Executor:
    """A program in the memories of its sockets with its weights; states stay from step to step."""

    def __init__(self, program: Program, weights: Mapping[str, Array], orchestration: str = "hardware"):
        """Place the weights, by region name: whole ones, of which each socket gets its part. They are not
        copied, so they have to stay as they are. States are zeros.

        Raises: ProgramError if the program is inconsistent. ExecutionError if a weight is missing or does not
            fit its region.
        """
        import numpy as np

        check_structure(program)
        self.program = program
        self._orchestration = orchestration
        self._memory = MemoryMap(program)
        sockets = program.machine.sockets
        held = [region for region in program.regions if region.kind == "weight"]
        given = in_slices(weights)
        parts = {region.name: weight_slices(region, given, sockets) for region in held}
        in_place = [region for region in held if _is_alone(region, program)]
        self._sockets = [Data(program, {r.name: parts[r.name][n] for r in in_place}) for n in range(sockets)]
        for region in held:
            for data, slices in zip(self._sockets, parts[region.name], strict=True):
                if region not in in_place:
                    data.write_region(region, np.stack(slices).reshape(region.tensor.shape))

    def step(self, inputs: Mapping[str, Array], progress: Progress | None = None) -> StepResult:
        """Run one step on the inputs, by region name; every socket gets all of them.

        Raises: ExecutionError (HazardError, DeadlockError, RoofError among them), also for an input that is
            missing or does not fit, and for an output that is not the same on all sockets.
        """
        program, memory = self.program, self._memory
        regions = [memory.regions[name] for name in program.inputs]
        self._fill(regions, inputs)
        memory.begin_step({r.name: int(inputs[r.name]) for r in regions if r.is_scalar})
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
        import numpy as np

        for region in regions:
            value = np.asarray(value_of(region, values))
            check_value(region, region.tensor, value)
            for data in self._sockets:
                data.write_region(region, value)


def _is_alone(region: Region, program: Program) -> bool:
    """Whether a region shares no address with another."""
    others = (one for one in program.regions if one is not region)
    return all(one.end <= region.address or region.end <= one.address for one in others)


@dataclass(frozen=True)
class ProgramRun:
    """Calls of a program, from position 0 on, each fed with what the one before gave."""

    program: Program
    weights: Mapping[str, Array]
    seed: int
    """Of the first step's inputs."""
    orchestration: str
    ignored: Mapping[str, str] = field(default_factory=dict[str, str])
    """The tensors of the checkpoint that are not read, or not wholly, as was asked for."""

    @cached_property
    def executor(self) -> Executor:
        """The program in memory."""
        return Executor(self.program, self.weights, self.orchestration)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of what a call takes, in order."""
        return self.program.inputs

    @property
    def is_exact(self) -> bool:
        """It gives the bits of the reference."""
        return True

    @cached_property
    def signature(self) -> Signature:
        """What it takes, gives, keeps and reads.

        Raises: TargetError for a program that contradicts itself.
        """
        with target_errors():
            return signature_of(self.program)

    @cached_property
    def _loop(self) -> CallLoop:
        program = self.program
        inputs = {region.name: region.tensor for region in input_regions(program)}
        return CallLoop(inputs, smallest_table(program), program.steps, program.stop_token)

    def steps(
        self, count: int, progress: Progress, given: Sequence[Mapping[str, Array]] = ()
    ) -> Iterator[Step]:
        """Run `count` calls, or fewer where all rows of the batch end at the stop token before.

        The first calls take the `given` inputs, by name; the first one takes seeded random ones if there are
        none.

        Raises: TargetError where the program cannot run to its end.
        """
        commands = len(self.program.commands)

        def call(number: int, inputs: Mapping[str, Array]) -> Called:
            def advance(command: int, _: int) -> None:
                progress(number * commands + command, count * commands)

            with target_errors():
                result = self.executor.step(inputs, advance)
            report = result.report
            return Called(result.outputs, result.observed, report.cycles, report.steps)

        return self._loop.run(call, count, given, self.seed)

    def position_inputs(self, position: int) -> dict[str, int]:
        """The inputs that are the position of a token."""
        return self._loop.position_inputs(position)

    def fed_back(self, outputs: Mapping[str, Array]) -> dict[str, Array]:
        """Each output becomes the first input like it that is no position: tokens go round."""
        return self._loop.fed_back(outputs)

    def read(self, state: str, socket: int) -> Array:
        """A state as it is now, on a socket."""
        return self.executor.read(state, socket)


def start_run(program: Program, options: RunOptions) -> ProgramRun:
    """A program with its weights, before its first call.

    Raises: TargetError for more steps than there is room for, or a checkpoint that does not fit; OSError.
    """
    check_position(program, options.steps - program.steps)
    with target_errors():
        weights = read_weights(program, options)
        return ProgramRun(program, weights.arrays, options.seed, options.orchestration, weights.ignored)
