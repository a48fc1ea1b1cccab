"""Calls of a program on this computer as tools see them: from its weights to what each call gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ...dialects.nn import CacheAppendOp, StateOp
from ...dialects.nn_compute import TableLookupOp
from ...dialects.tensors import shape_of
from ..runs import Called, CallLoop, RunOptions, Step
from ..safetensors import CheckpointError
from ..signatures import Signature
from ..specs import tensor_spec, weight_specs
from ..targets import TargetError
from ..tensors import Array
from ..weights import Weights, load_weights, seeded_weights
from .execution import Executor
from .program import Program

if TYPE_CHECKING:
    from ..runs import Progress


@dataclass(frozen=True)
class ProgramRun:
    """Calls of a program, from position 0 on, each fed with what the one before gave."""

    program: Program
    loaded: Weights
    seed: int
    """Of the first step's inputs."""

    @cached_property
    def executor(self) -> Executor:
        """The program in memory."""
        return Executor(self.program, self.loaded)

    @property
    def weights(self) -> Mapping[str, Array]:
        """By name."""
        return self.loaded.arrays

    @property
    def ignored(self) -> Mapping[str, str]:
        """What of tensors of the checkpoint is not read."""
        return self.loaded.ignored

    @property
    def inputs(self) -> Sequence[str]:
        """The names of what a call takes, in order."""
        return [*self.signature.inputs]

    @property
    def is_exact(self) -> bool:
        """Whether products are added up as the reference does."""
        return self.program.is_exact

    @cached_property
    def signature(self) -> Signature:
        """What it takes, gives, keeps and reads."""
        return signature_of(self.program)

    @cached_property
    def _loop(self) -> CallLoop:
        own = self.signature
        return CallLoop(own.inputs, own.rows, self.program.steps, self.program.stop_token)

    def steps(
        self, count: int, progress: Progress, given: Sequence[Mapping[str, Array]] = ()
    ) -> Iterator[Step]:
        """Run `count` calls, or fewer where all rows of the batch end at the stop token before.

        The first calls take the `given` inputs, by name; the first one takes seeded random ones if there are
        none.

        Raises: TargetError where the program cannot run to its end.
        """
        names = [f"output{number}" for number in range(len(self.signature.outputs))]

        def call(number: int, inputs: Mapping[str, Array]) -> Called:
            outputs, observed = self.executor.step([*inputs.values()])
            progress(number + 1, count)
            made = self._steps_made(inputs, outputs)
            return Called(dict(zip(names, outputs, strict=True)), tuple(observed), None, made)

        return self._loop.run(call, count, given, self.seed)

    def position_inputs(self, position: int) -> dict[str, int]:
        """The inputs that are the position of a token."""
        return self._loop.position_inputs(position)

    def fed_back(self, outputs: Mapping[str, Array]) -> dict[str, Array]:
        """Each output becomes the first input like it that is no position: tokens go round."""
        return self._loop.fed_back(outputs)

    def read(self, state: str, socket: int) -> Array:
        """A state as it is now.

        Raises: TargetError for an unknown name.
        """
        if state not in self.executor.states:
            raise TargetError(f"the program has no state '{state}'")
        return self.executor.states[state].copy()

    def _steps_made(self, inputs: Mapping[str, Array], outputs: Sequence[Array]) -> int:
        """Decode steps of a call: none is made once all rows have the stop token."""
        stop = self.program.stop_token
        if stop is None:
            return self.program.steps
        (tokens,) = outputs
        (first,) = (value for value in inputs.values() if value.shape)
        return sum(not np.all(before == stop) for before in (first, *tokens[:-1]))


def signature_of(program: Program) -> Signature:
    """What a program takes, gives, keeps and reads."""
    module, schedule = program.module, program.schedule
    tables = [op for op in module.walk() if isinstance(op, TableLookupOp)]
    return Signature(
        1,
        {arg.name_hint or f"input{n}": tensor_spec(arg.type) for n, arg in enumerate(schedule.args)},
        [tensor_spec(type_) for type_ in schedule.function_type.outputs],
        {op.sym_name.data: tensor_spec(op.type) for op in module.ops if isinstance(op, StateOp)},
        {one.name: one for one in weight_specs(module)},
        min((op.table_rows(1) for op in tables), default=1),
    )


def start_run(program: Program, options: RunOptions) -> ProgramRun:
    """A program with its weights, before its first call.

    Raises: TargetError for more steps than there is room for, or a checkpoint that does not fit; OSError.
    """
    if options.orchestration != "hardware":
        raise TargetError("here nobody but the host calls kernels", way_out="leave out --orchestration")
    check_position(program, options.steps - 1)
    specs = weight_specs(program.module)
    try:
        if options.weights is None:
            weights = seeded_weights(specs, options.seed)
        else:
            weights = load_weights(options.weights, specs, options.ignore)
    except CheckpointError as error:
        raise TargetError(str(error), way_out=error.way_out) from error
    return ProgramRun(program, weights, options.seed)


def context_of(program: Program) -> int | None:
    """Positions that caches, and tables of positions, have room for; None where nothing bounds them."""
    lengths: list[int] = []
    for op in program.module.walk():
        if isinstance(op, CacheAppendOp) and op.ring is None:
            lengths.append(shape_of(op.cache)[2])
        if isinstance(op, TableLookupOp) and not shape_of(op.ids):
            lengths.append(shape_of(op.table)[0])
    return min(lengths, default=None)


def check_position(program: Program, last: int) -> None:
    """Raises: TargetError for a position that the caches have no room for."""
    length = context_of(program)
    if length is not None and last >= length:
        raise TargetError(
            f"position {last} is asked for; the caches and tables of {program.name} have room for positions "
            f"0 to {length - 1}",
            way_out="a model's parameters can be changed: --param context=8192",
        )
