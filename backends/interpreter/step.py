"""Steps of a model: the module's entry, its memory between steps, and what a step gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from ...dialects.kernel import FunctionLikeOp, ScheduleOp
from ...dialects.nn import StateOp, WeightOp
from .. import numerics
from ..tensors import Array, TensorSpec
from .errors import fail
from .evaluator import Evaluator
from .specs import tensor_spec


@dataclass(frozen=True)
class StepResult:
    """What a step returns, and what the host has observed in it: values by label, in order."""

    outputs: tuple[Array, ...]
    observed: Mapping[str, Sequence[Array]]


class Interpreter:
    """Runs steps of a module; its states are zeros at first and live from one step to the next.

    `operations` gives a meaning to further operations: `OPERATIONS | {"mine.op": function}`.

    Raises: InterpretationError if a weight is missing or is not what the module declares, or if the
        module has no step.
    """

    def __init__(
        self,
        module: ModuleOp,
        weights: Mapping[str, Array],
        operations: Mapping[str, numerics.Operation] = numerics.OPERATIONS,
    ):
        self.weights = {
            op.sym_name.data: _checked_weight(op, weights) for op in module.ops if isinstance(op, WeightOp)
        }
        self.states = {
            op.sym_name.data: _declared_spec(op).zeros() for op in module.ops if isinstance(op, StateOp)
        }
        self._entry = _entry(module)
        self._symbols = _symbols(module)
        self._operations = operations

    @property
    def inputs(self) -> list[TensorSpec]:
        """What a step takes, in order."""
        return [tensor_spec(type_) for type_ in self._entry.function_type.inputs]

    def step(self, inputs: Sequence[ArrayLike]) -> StepResult:
        """Run the step once; plain numbers and lists do for inputs.

        Raises: InterpretationError if the inputs do not fit, an operation has no meaning or a position
            or index is outside its range.
        """
        memory = {**self.weights, **self.states}
        evaluator = Evaluator(self._symbols, memory, self._operations, {})
        outputs = evaluator.run_function(self._entry, self._checked_inputs(inputs))
        arrays = tuple(value for value in outputs if not isinstance(value, tuple))
        assert len(arrays) == len(outputs), "a step returns tensors"
        return StepResult(arrays, evaluator.observed)

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


def _declared_spec(op: WeightOp | StateOp) -> TensorSpec:
    try:
        return tensor_spec(op.type)
    except ValueError as error:
        fail(op, str(error))


def _checked_weight(op: WeightOp, weights: Mapping[str, Array]) -> Array:
    name, spec = op.sym_name.data, _declared_spec(op)
    if name not in weights:
        fail(op, f"no value is given for weight @{name}")
    array = weights[name]
    if not spec.fits(array):
        fail(op, f"weight @{name} is {array.dtype} of shape {array.shape}, not a {spec}")
    return array


def _symbols(module: ModuleOp) -> dict[str, Operation]:
    named = ((op, op.properties.get("sym_name")) for op in module.ops)
    return {name.data: op for op, name in named if isinstance(name, StringAttr)}


def _entry(module: ModuleOp) -> FuncOp | FunctionLikeOp:
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
