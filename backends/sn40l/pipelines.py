"""Stages, carries and counters at run time: units that are busy for a while, with results after a latency."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from ..meanings import meaning_of
from ..tensors import Array
from .errors import ExecutionError
from .program import Carry, Counter, InputPort, Stage
from .units import Place, UnitRun


class PipelineRun(UnitRun):
    """A unit that is busy for `ii` cycles per step; what it puts leaves after `latency` cycles."""

    ii: int
    latency: int

    def fire(self, now: int, step: int) -> None:
        calendar = self.around.calendar
        self.busy = True
        calendar.at(now + self.ii, self.finish, step)
        tiles = self.compute(step) if self.around.data is not None else None
        for number, port in enumerate(self.outputs):
            if port.begin == step:
                tile = tiles[number].copy() if tiles is not None else None
                channel, leaves = port.channel, now + self.latency
                calendar.at(leaves + channel.latency, channel.deliver, port.reserve(), tile)

    def finish(self, now: int, step: int, _: object) -> None:
        """A step is over: release the groups that it was the last to hold, take the next step."""
        for port in self.inputs:
            if port.held_until == step:
                port.channel.release(now, port.port.size)
        self.busy = False
        self.advance(now)

    @abstractmethod
    def compute(self, step: int) -> Sequence[Array]:
        """A tile per output, also for those that put none in this step; it may be a view of a slot."""


class StageRun(PipelineRun):
    """A stage: the tiles it holds, as arguments of its body, and its accumulators."""

    unit: Stage

    def __init__(self, unit: Stage, place: Place):
        super().__init__(unit, place)
        self.ii = unit.ii_cycles
        self.latency = unit.latency_cycles
        self._held: list[Array] = [np.empty(0)] * len(place.inputs)
        self._states: list[Array] = []

    def compute(self, step: int) -> list[Array]:
        stage = self.unit
        if step % stage.firings == 0:
            self._states = [spec.zeros() for spec in stage.states]
        for number, state in enumerate(self.inputs):
            if state.fresh:
                self._held[number] = _joined(stage.inputs[number], state.tiles())
                state.fresh = False
        ports = zip(stage.inputs, self._held, strict=True)
        values = [_slice(port, held, step) for port, held in ports] + self._states
        self._run(values, step)
        self._states = [values[number].copy() for number in stage.next_states]
        return [values[port.value] for port in stage.outputs]

    def _run(self, values: list[Array], step: int) -> None:
        """Append the results of the body's instructions to the values."""
        for instruction in self.unit.body:
            operands = [values[number] for number in instruction.operands]
            try:
                operation = meaning_of(instruction.operation)
                result = operation(operands, instruction.attributes, instruction.result)
            except ValueError as error:
                iteration, firing = divmod(step, self.unit.firings)
                raise ExecutionError(
                    f"{self}, firing {firing} of iteration {iteration}: {instruction.operation}: {error}",
                    self.unit.location,
                ) from error
            values.append(result)


def _joined(port: InputPort, tiles: list[Array]) -> Array:
    """The tiles of a group as one array; a single one stays a view of its slot."""
    return tiles[0] if port.axis is None or len(tiles) == 1 else np.concatenate(tiles, port.axis)


def _slice(port: InputPort, held: Array, step: int) -> Array:
    """What a firing sees of what the port holds."""
    if port.slices == 1 or port.axis is None:
        return held
    extent = held.shape[port.axis] // port.slices
    first = step % port.slices * extent
    cut = [slice(None)] * held.ndim
    cut[port.axis] = slice(first, first + extent)
    return held[tuple(cut)]


class CarryRun(PipelineRun):
    """A carry: it copies tiles of `init`, then of `next`, to `current`, and the last ones to `final`."""

    unit: Carry
    ii = 1
    latency = 1

    def __init__(self, unit: Carry, place: Place):
        super().__init__(unit, place)
        self._round = place.steps // len(place.inputs[0].port.starts)
        """Steps from one tile of `init` to the same one of the next decode step."""

    def compute(self, step: int) -> list[Array]:
        source = self.inputs[0] if step % self._round < self.unit.tiles else self.inputs[1]
        return source.tiles() * len(self.outputs)


class CounterRun(PipelineRun):
    """A counter: it puts out one number after the other."""

    unit: Counter
    ii = 1
    latency = 1

    def __init__(self, unit: Counter, place: Place, first: int):
        super().__init__(unit, place)
        self._first = first

    def compute(self, step: int) -> list[Array]:
        tiles = [port.channel.channel.tile for port in self.outputs]
        return [np.asarray(self._first + step, tile.numpy_dtype) for tile in tiles if tile is not None]
