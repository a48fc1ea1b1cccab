"""Decode steps of a program on this computer: its memory, and calls of kernels as those of C functions."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from queue import SimpleQueue
from threading import Thread, current_thread, main_thread
from typing import Any

import numpy as np
from xdsl.ir import Operation, SSAValue

from ...dialects.kernel import CallOp, FuncOp, ReturnOp, StackOp
from ...dialects.nn import GetGlobalOp, ObserveOp, StateOp
from ..numerics import rope_factors
from ..specs import tensor_spec, weight_specs
from ..targets import TargetError
from ..tensors import Array
from ..weights import Weights
from .build import library
from .memory import Memory, Value
from .program import Program
from .source import RopeTable


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


def interruptible(work: Callable[[], Any]) -> Any:
    """Have C called by a thread of its own, so that Python hears of Ctrl-C while it runs.

    A call that is left so goes on until it ends, or the process does.

    Raises: what the work raises.
    """
    if current_thread() is not main_thread():
        return work()
    done = SimpleQueue[tuple[Any, BaseException | None]]()

    def call() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:  # it is raised where it can be handled
            done.put((None, error))

    Thread(target=call, daemon=True).start()
    result, error = done.get()
    if error is not None:
        raise error
    return result


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
        return interruptible(lambda: self._step(inputs))

    def _step(self, inputs: Sequence[Array]) -> tuple[list[Array], list[tuple[str, Array]]]:
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
