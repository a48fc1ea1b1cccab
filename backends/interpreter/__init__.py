"""The reference interpreter: what a module means in numbers, at the nn, kernel and dataflow levels.

Whatever the level, a step gives the same bits: each operation's meaning is that of `numerics.py`. Time,
buffers and addresses are the engine's business, not this package's.

This file has the steps of a model: the module's entry, its memory between steps, and what a step gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from ...dialects.dataflow import KernelOp, UnitOp
from ...dialects.kernel import FunctionLikeOp, ScheduleOp, StepsOp
from ...dialects.module_machine import sockets_of
from ...dialects.nn import StateOp, WeightOp
from ...dialects.operation import ComputeOp
from ..collectives import shards
from ..numerics import Operation as Meaning
from ..specs import attributes_of, runs_of, spec_of_whole, tensor_spec, weight_specs
from ..tensors import Array, TensorSpec
from ..weights import in_slices
from .evaluator import Evaluator
from .values import InterpretationError, Layers, Rows, SocketValues, after_step, fail, same_on_all

__all__ = [
    "InterpretationError",
    "Interpreter",
    "StepResult",
    "after_step",
    "attributes_of",
    "entry_of",
    "tensor_spec",
    "weight_specs",
]


@dataclass(frozen=True)
class StepResult:
    """What a step returns, and what the host has observed in it: values by label, in order."""

    outputs: tuple[Array, ...]
    observed: Mapping[str, Sequence[Array]]


class Interpreter:
    """Runs steps of a module; its states are zeros at first and live from one step to the next.

    A sharded module runs on all sockets of its machine: weights are given whole and each
    socket takes its part, inputs go to all sockets, and outputs are the same on all.
    `operations` gives a meaning to operations that bring none: `{"mine.op": function}`.

    Raises: InterpretationError if a weight is missing or is not what the module declares, or if the
        module has no step.
    """

    def __init__(
        self, module: ModuleOp, weights: Mapping[str, Array], operations: Mapping[str, Meaning] | None = None
    ):
        self.sockets = sockets_of(module) if _is_sharded(module) else 1
        given = in_slices(weights)
        self._weights = {
            op.sym_name.data: _parts_of_weight(op, given, self.sockets)
            for op in module.ops
            if isinstance(op, WeightOp)
        }
        zeros = {op.sym_name.data: _spec_of_state(op).zeros for op in module.ops if isinstance(op, StateOp)}
        self.socket_states = [{name: make() for name, make in zeros.items()} for _ in range(self.sockets)]
        self._entry = entry_of(module)
        self.steps = _steps(module)
        """Decode steps that it makes at a time; its outputs then have those of each, stacked."""
        self._symbols = _symbols(module)
        self._operations = operations or {}

    @property
    def inputs(self) -> list[TensorSpec]:
        """What a step takes, in order."""
        return [tensor_spec(type_) for type_ in self._entry.function_type.inputs]

    @property
    def states(self) -> dict[str, Array]:
        """The states by name, those of the first socket where there are several."""
        return self.socket_states[0]

    def step(self, inputs: Sequence[ArrayLike], done: Array | None = None) -> StepResult:
        """Run the step once; plain numbers and lists do for inputs. Rows that are `done` append nothing.

        Raises: InterpretationError if the inputs do not fit, an operation has no meaning, a position
            or index is outside its range, or sockets give different outputs.
        """
        evaluator = Evaluator(self.sockets, self._symbols, self._memory(), self._operations, {}, Rows(done))
        arguments: list[SocketValues] = [[array] * self.sockets for array in self._checked_inputs(inputs)]
        outputs = evaluator.run_function(self._entry, arguments)
        arrays = tuple(self._output(number, values) for number, values in enumerate(outputs))
        return StepResult(arrays, evaluator.observed)

    def _memory(self) -> dict[str, SocketValues]:
        """Weights and states by name."""
        states = {name: [state[name] for state in self.socket_states] for name in self.states}
        return {**self._weights, **states}

    def _output(self, number: int, values: SocketValues) -> Array:
        arrays = [value for value in values if not isinstance(value, tuple)]
        assert len(arrays) == len(values), "a step returns tensors"
        return same_on_all(self._entry, f"output {number} of the step", arrays)

    def _checked_inputs(self, inputs: Sequence[ArrayLike]) -> list[Array]:
        if len(inputs) != len(self.inputs):
            fail(self._entry, f"the step takes {len(self.inputs)} inputs, got {len(inputs)}")
        arrays: list[Array] = []
        for number, (value, spec) in enumerate(zip(inputs, self.inputs, strict=True)):
            array = value if isinstance(value, np.ndarray) else np.asarray(value, spec.numpy_dtype)
            if not spec.fits(array):
                given = f"{array.dtype} of shape {array.shape}"
                fail(self._entry, f"input {number} of the step is {given}, not a {spec}")
            arrays.append(array)
        return arrays


def _steps(module: ModuleOp) -> int:
    networks = [op.loops.steps for op in module.ops if isinstance(op, KernelOp)]
    loops = [op.count.value.data for op in module.walk() if isinstance(op, StepsOp)]
    return max((*networks, *loops), default=1)


def _is_sharded(module: ModuleOp) -> bool:
    """Whether the sockets of the machine share the work, and do not all do the same."""
    if any(isinstance(op, WeightOp) and op.shard_parts is not None for op in module.ops):
        return True
    return any(_crosses_sockets(op) for op in module.walk())


def _crosses_sockets(op: Operation) -> bool:
    if isinstance(op, UnitOp):
        return op.RESOURCE == "links"
    return isinstance(op, ComputeOp) and op.ACROSS_SOCKETS


def _spec_of_state(op: StateOp) -> TensorSpec:
    try:
        return tensor_spec(op.type)
    except ValueError as error:
        fail(op, str(error))


def _parts_of_weight(
    op: WeightOp, weights: Mapping[str, Array | tuple[Array, ...]], sockets: int
) -> SocketValues:
    """What each socket has of a weight: its part, or all of it; of a stack of layers those of each."""
    try:
        value, axis = _checked_weight(op, spec_of_whole(op), weights), op.shard_axis
        if axis is None or op.shard_parts is None:
            return [value] * sockets
        split = op.shard_parts.value.data, sockets, runs_of(op), op.repeats
        if not isinstance(value, Layers):
            return shards(value, axis.value.data, *split)
        if axis.value.data == 0:
            return shards(np.stack(value), 0, *split)
        return [*map(Layers, zip(*(shards(one, axis.value.data - 1, *split) for one in value), strict=True))]
    except ValueError as error:
        fail(op, f"weight @{op.sym_name.data}: {error}")


def _checked_weight(
    op: WeightOp, spec: TensorSpec, weights: Mapping[str, Array | tuple[Array, ...]]
) -> Array | Layers:
    name = op.sym_name.data
    if name not in weights:
        fail(op, f"no value is given for weight @{name}")
    given = weights[name]
    slices = given if isinstance(given, tuple) else (given,)
    if len(slices) == 1 and spec.fits(slices[0]):
        return slices[0]
    layer = TensorSpec(spec.shape[1:], spec.dtype)
    if isinstance(given, tuple) and (len(given), *layer.shape) == spec.shape and all(map(layer.fits, given)):
        return Layers(given)
    shape = slices[0].shape if given is slices[0] else (len(slices), *slices[0].shape)
    fail(op, f"weight @{name} is {slices[0].dtype} of shape {shape}, not a {spec}")


def _symbols(module: ModuleOp) -> dict[str, Operation]:
    named = ((op, op.properties.get("sym_name")) for op in module.ops)
    return {name.data: op for op, name in named if isinstance(name, StringAttr)}


def entry_of(module: ModuleOp) -> FuncOp | FunctionLikeOp:
    """The step: the schedule if there is one, else the public function.

    Raises: InterpretationError if there is none, or more than one.
    """
    schedules = [op for op in module.ops if isinstance(op, ScheduleOp)]
    private = StringAttr("private")
    functions = [op for op in module.ops if isinstance(op, FuncOp) and op.sym_visibility != private]
    entries = schedules or functions
    if len(entries) != 1:
        what = "one kernel.schedule or one public func.func"
        fail(module, f"the module has {len(entries)} steps, not {what}")
    return entries[0]
