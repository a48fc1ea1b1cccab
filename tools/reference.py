"""The interpreter beside a run of the engine: the same inputs must give the same bits.

All NaNs of a type are one value, as IEEE 754 leaves their sign and payload to the machine; zeros of both
signs are two.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from ..backends.interpreter import Interpreter, StepResult, after_step
from ..backends.runs import Run, Step
from ..backends.tensors import Array


@dataclass(frozen=True)
class Difference:
    """A value in which engine and reference differ after a step."""

    position: int
    value: str
    elements: int
    """How many elements differ."""
    largest: float | None
    """The largest absolute difference; None if it is no number, or the values have not one
    shape."""

    def __str__(self) -> str:
        largest = "" if self.largest is None else f", at most by {self.largest:g}"
        return f"position {self.position}: {self.value} differs in {self.elements} elements{largest}"


TOLERANCE = 0.02
"""What values of a program whose sums are not exact may be off, of the largest of them. Assumed: an f32 sum
of 10,000 terms is off by less than 0.1 %, and layers of bf16, rounded to 0.4 %, by a few times that."""


@dataclass
class Nearness:
    """How far the values of a program are off whose sums are not exact, while all are within `TOLERANCE`."""

    largest: float = 0.0
    """Of the largest element of a value."""
    others: int = 0
    """Whole numbers, such as tokens, that are others."""
    whole: int = 0
    """Of so many of what a step gives."""

    def covers(self, mine: Array, wanted: Array) -> bool:
        """Whether a value is near enough; what it is off is noted then."""
        if mine.shape != wanted.shape or mine.dtype != wanted.dtype:
            return False
        if wanted.dtype.kind in "iub":
            self.others += int(np.count_nonzero(mine != wanted))
            self.whole += wanted.size
            return True
        there = differing(mine, wanted)
        with np.errstate(all="ignore"):
            off = _largest(np.subtract(mine[there], wanted[there], dtype=np.float64))
        finite = wanted.astype(np.float64)
        largest = _largest(finite[np.isfinite(finite)])
        if not off <= TOLERANCE * largest:  # a NaN is not near
            return False
        self.largest = max(self.largest, off / largest if largest else 0.0)
        return True

    def __str__(self) -> str:
        tokens = f", {self.others} of {self.whole} tokens are others" if self.whole else ""
        return f"sums are not exact: values are off by {self.largest:.2g} of the largest at most{tokens}"


def _largest(values: Array) -> float:
    """The largest size of an element; NaN if there is one, and 0 of none."""
    return float(np.max(np.abs(values), initial=0.0))


class Reference:
    """An interpreter beside a run, by default with its weights; states grow with each step compared."""

    def __init__(self, module: ModuleOp | Interpreter, run: Run, states: Container[str] | None = None):
        """Of states, only these are compared, if any are said."""
        made = isinstance(module, Interpreter)
        self._interpreter = module if made else Interpreter(module, run.weights)
        self._run, self._compared = run, states
        self.near = None if run.is_exact else Nearness()
        """How far values are off, where they need not be the same."""

    def differences(self, step: Step, count: int) -> list[Difference]:
        """Run the `count` steps of a call and compare outputs, what the host has read, and all states.

        Raises: InterpretationError.
        """
        return [
            _difference(step.position, name, mine, wanted)
            for name, mine, wanted in self._values(step, count)
            if not self._is_right(mine, wanted)
        ]

    def _is_right(self, mine: Array, wanted: Array) -> bool:
        """Whether a value has the bits of the reference; or is near it, where that is enough."""
        if self.near is not None:
            return self.near.covers(mine, wanted)
        if mine.shape != wanted.shape:
            return False
        return mine.tobytes() == wanted.tobytes() or not differing(mine, wanted).any()

    def _values(self, step: Step, count: int) -> Iterator[tuple[str, Array, Array]]:
        """Name, value of the engine and value of the reference."""
        outputs, observed = self._steps(step, count)
        for (name, mine), wanted in zip(step.outputs.items(), outputs, strict=True):
            yield f"output {name}", mine, wanted
        labels = dict.fromkeys([*observed, *(label for label, _ in step.observed)])
        for label in labels:
            mine = [value for read, value in step.observed if read == label]
            yield f"observed {label}", np.array(mine), np.array(observed.get(label, []))
        for socket, states in enumerate(self._interpreter.socket_states):
            where = f" of socket {socket}" if self._interpreter.sockets > 1 else ""
            for name, wanted in states.items():
                if self._compared is not None and name not in self._compared:
                    continue
                yield f"state {name}{where}", self._run.read(name, socket), wanted

    def _steps(self, step: Step, count: int) -> tuple[list[Array], dict[str, list[Array]]]:
        """Outputs of the decode steps of a call, and what the host has read of them.

        Rows that have ended at the stop token do nothing in single steps, and no step is made without others.
        """
        run, inputs = self._run, dict(step.inputs)
        outputs: list[tuple[Array, ...]] = []
        observed: dict[str, list[Array]] = {}
        for number in range(0, count, self._interpreter.steps):
            at = run.position_inputs(step.position + number)
            inputs |= {name: np.asarray(value, step.inputs[name].dtype) for name, value in at.items()}
            result = self._step_of_rows(inputs, step.stop_token)
            outputs.append(result.outputs)
            for label, values in result.observed.items():
                observed.setdefault(label, []).extend(values)
            inputs |= run.fed_back(dict(zip(step.outputs, result.outputs, strict=True)))
        if len(outputs) == 1:
            return [*outputs[0]], observed
        return [np.stack(values) for values in zip(*outputs, strict=True)], observed

    def _step_of_rows(self, inputs: Mapping[str, Array], stop: int | None) -> StepResult:
        """A step in which rows with the stop token do nothing, and go on with it; none if all have it."""
        values = [inputs[name] for name in self._run.inputs]
        if stop is None or self._interpreter.steps > 1:
            return self._interpreter.step(values)
        (tokens,) = (value for value in values if value.shape)
        if np.all(tokens == stop):
            return StepResult((tokens,), {})
        result = self._interpreter.step(values, tokens == stop)
        return StepResult(tuple(after_step(tokens, one, stop) for one in result.outputs), result.observed)


def differing(mine: Array, wanted: Array) -> NDArray[np.bool_]:
    """Which elements of two arrays of one shape differ in bits, and are not NaN in both."""
    pairs = [np.ascontiguousarray(one).reshape(*one.shape, 1).view(np.uint8) for one in (mine, wanted)]
    if pairs[0].shape != pairs[1].shape:  # of two types
        return np.ones(mine.shape, np.bool_)
    are_nan = [np.isnan(one.astype(np.float64)) for one in (mine, wanted)]
    return np.any(pairs[0] != pairs[1], axis=-1) & ~(are_nan[0] & are_nan[1])


def _difference(position: int, name: str, mine: Array, wanted: Array) -> Difference:
    if mine.shape != wanted.shape:
        return Difference(position, name, wanted.size, None)
    there = differing(mine, wanted)
    distance = np.abs(mine[there].astype(np.float64) - wanted[there].astype(np.float64))
    largest = float(np.max(distance))
    return Difference(position, name, len(distance), largest if np.isfinite(largest) else None)
