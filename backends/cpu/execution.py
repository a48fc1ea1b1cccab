"""Decode steps of a program on this computer: its memory, and each call of a kernel as one of a C function."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from xdsl.ir import Operation, SSAValue

from ...dialects.kernel import CallOp, FuncOp, ReturnOp, StackOp
from ...dialects.nn import CacheAppendOp, GetGlobalOp, ObserveOp, StateOp
from ...dialects.nn_compute import TableLookupOp
from ..numerics import rope_factors
from ..runs import Called, CallLoop, RunOptions, Step
from ..safetensors import CheckpointError
from ..signatures import Signature
from ..specs import tensor_spec, weight_specs
from ..targets import TargetError
from ..tensors import Array
from ..weights import Weights, load_weights, seeded_weights
from .build import library
from .memory import Memory, Value
from .program import Program
from .source import RopeTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..runs import Progress


@dataclass(frozen=True)
class _Table:
    """The cosines and sines of a rotation, which numpy makes for each call."""

    source: RopeTable
    position: Array
    """That of the first step of the call."""

    @cached_property
    def memory(self) -> Array:
        """`[steps, 2, pairs]` of f64."""
        return np.zeros((self.source.steps, 2, len(self.source.attributes["frequencies"])))

    def fill(self) -> None:
        """Make the numbers for the position as it is now."""
        for step, (cosines, sines) in enumerate(self.memory):
            cosines[...], sines[...] = rope_factors(self.source.attributes, int(self.position) + step)


@dataclass(frozen=True)
class _Call:
    """A call of the schedule, with the memory of all its arguments."""

    function: Callable[[ctypes.Array[ctypes.c_void_p]], None]
    arguments: ctypes.Array[ctypes.c_void_p]
    tables: Sequence[_Table]


class Executor:
    """A program in memory; states stay from step to step."""

    def __init__(self, program: Program, weights: Weights):
        """Compile and load the program.

        Raises: TargetError without a compiler, or for weights that do not fit.
        """
        self._program = program
        self._library = library(program.source, fast=not program.is_exact)
        specs = {
            op.sym_name.data: tensor_spec(op.type) for op in program.module.ops if isinstance(op, StateOp)
        }
        self.states = {name: spec.zeros() for name, spec in specs.items()}
        self._inputs = {arg: tensor_spec(arg.type).zeros() for arg in program.schedule.args}
        self._values: dict[SSAValue, Value] = {arg: Value((one,)) for arg, one in self._inputs.items()}
        self._memory = Memory()
        self._weights = weights
        self._specs = {one.name: one for one in weight_specs(program.module)}
        self._kernels = {op.sym_name.data: op for op in program.module.ops if isinstance(op, FuncOp)}
        self._calls: list[_Call | ObserveOp] = []
        for op in program.schedule.body.block.ops:
            self._prepare(op)

    def step(self, inputs: Sequence[Array]) -> tuple[list[Array], list[tuple[str, Array]]]:
        """Run the calls of one step; what it gives, and what the host reads.

        Raises: TargetError for a position or an index that is outside its range.
        """
        self.open()
        for memory, value in zip(self._inputs.values(), inputs, strict=True):
            memory[...] = value
        observed: list[tuple[str, Array]] = []
        for call in self._calls:
            if isinstance(call, ObserveOp):
                observed.append((call.label.data, self._values[call.value].whole.copy()))
                continue
            for table in call.tables:
                table.fill()
            call.function(call.arguments)
        self._check()
        last = self._program.schedule.body.block.last_op
        assert isinstance(last, ReturnOp), "verified"
        return [self._values[value].whole.copy() for value in last.arguments], observed

    def open(self) -> None:
        """Have the threads of the program; another one may share the library with other ones.

        Raises: TargetError where the system gives none.
        """
        if error := self._library.kl_open(self._program.threads):
            raise TargetError(f"{self._program.threads} threads cannot be started: {os.strerror(error)}")

    def run_calls(self) -> None:
        """The calls of a step alone, on the inputs as they are: what is timed."""
        for call in self._calls:
            if isinstance(call, _Call):
                call.function(call.arguments)

    def _check(self) -> None:
        """Raises: TargetError for the first thing that went wrong in the step."""
        value = ctypes.c_long()
        if code := self._library.kl_error(ctypes.byref(value)):
            raise TargetError(self._program.source.messages[code - 1].format(value.value))

    def _prepare(self, op: Operation) -> None:
        match op:
            case GetGlobalOp():
                self._values[op.results[0]] = self._global(op.global_name.string_value())
            case StackOp():
                parts = [self._values[part] for part in op.parts]
                self._values[op.result] = Value(tuple(part.whole for part in parts), is_stack=True)
            case CallOp():
                self._calls.append(self._call(op))
            case ObserveOp():
                self._calls.append(op)
            case _:
                assert isinstance(op, ReturnOp), "a verified schedule has no other operations"

    def _global(self, name: str) -> Value:
        if name in self.states:
            return Value((self.states[name],))
        return Value(tuple(self._weights.slices[name]), is_stack=self._specs[name].stacked)

    def _call(self, op: CallOp) -> _Call:
        kernel = self._kernels[op.callee.string_value()]
        source = self._program.source.functions[kernel.sym_name.data]
        given: list[Value] = []
        for operand, type_ in zip(op.arguments, kernel.function_type.inputs.data, strict=True):
            value = self._values[operand]
            if operand.type != type_:
                assert op.index is not None, "verified"
                value = value.slice(op.index.value.data)
            given.append(value)
        results = [spec.zeros() for spec in source.results]
        self._values.update((value, Value((one,))) for value, one in zip(op.results, results, strict=True))
        tables = [_Table(one, given[one.position].whole) for one in source.tables]
        addresses = [self._memory.address(*pair) for pair in zip(given, source.layouts, strict=True)]
        addresses += [one.ctypes.data for one in (*results, *(table.memory for table in tables))]
        function = getattr(self._library, source.name)
        function.argtypes, function.restype = [ctypes.c_void_p], None
        return _Call(function, (ctypes.c_void_p * max(len(addresses), 1))(*addresses), tables)


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
            return Called(dict(zip(names, outputs, strict=True)), tuple(observed), 0, made)

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


def check_position(program: Program, last: int) -> None:
    """Raises: TargetError for a position that the caches have no room for."""
    appends = (op for op in program.module.walk() if isinstance(op, CacheAppendOp) and op.ring is None)
    length = min((tensor_spec(op.cache.type).shape[2] for op in appends), default=None)
    if length is not None and last >= length:
        raise TargetError(
            f"position {last} is asked for; the caches of {program.name} have room for positions 0 to {length - 1}",
            way_out="a model's parameters can be changed: --param context=8192",
        )
