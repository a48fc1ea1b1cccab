"""Stages: pipelines of PCUs that compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ...meanings import OF_A_SOCKET, meaning_of
from ...tensors import Array, TensorSpec
from ...tiles import joined, sliced
from ..errors import ExecutionError, ProgramError, require
from ..firing import Place
from ..kernel import Channel, Kernel, Unit
from ..ports import Port
from .body import Instruction, Work, checked_values, work_of
from .common import PipelineRun

if TYPE_CHECKING:
    from ....dialects.dataflow import StageOp
    from ..numbering import Numbering


@dataclass(frozen=True)
class InputPort:
    """An input of a stage: `gathered` tiles along `axis` make an argument, held for `period` firings.

    They are trimmed to it. With `slices` > 1, one tile is cut along `axis`; firing f sees slice
    `f mod slices`, and zeros where the tile ends.
    """

    channel: int
    argument: TensorSpec
    period: int = 1
    gathered: int = 1
    slices: int = 1
    axis: int | None = None

    def check(self, number: int, channel: Channel) -> None:
        """That the channel's tiles make the argument of input `number`.

        Raises: ProgramError if they do not.
        """
        tile = channel.tile
        if tile is None:
            raise ProgramError(f"input {number}: channel '{channel.name}' holds bare tokens")
        shape = list(tile.shape)
        if self.gathered == self.slices == 1:
            require(
                self.axis is None, f"input {number}: axis {self.axis}, and tiles are neither joined nor cut"
            )
        else:
            axis = self.axis if self.axis is not None else -1
            inside = 0 <= axis < min(len(shape), len(self.argument.shape))
            require(inside, f"input {number}: axis {self.axis} of a {tile}")
            shape[axis] = self._extent(number, tile, axis)
        fits = TensorSpec(tuple(shape), tile.dtype) == self.argument
        made = f"{tuple(shape)} of {tile.dtype}"
        require(fits, f"input {number} makes {made}, its argument is a {self.argument}")

    def _extent(self, number: int, tile: TensorSpec, axis: int) -> int:
        """The extent along an axis of what it makes; of the last tile or slice something must be needed.

        Raises: ProgramError where slices do not cover the tile.
        """
        given, wanted = tile.shape[axis], self.argument.shape[axis]
        if self.slices == 1:
            made = given * self.gathered
            return wanted if made - given < wanted <= made else made
        what = f"input {number}: {self.slices} slices"
        covers = self.gathered == 1 and (self.slices - 1) * wanted < given <= self.slices * wanted
        require(covers, f"{what} of a {tile} for a {self.argument}")
        require(self.period % self.slices == 0, f"{what} in {self.period} firings")
        return wanted


@dataclass(frozen=True)
class OutputPort:
    """An output of a stage: the value is put out in the last of every `period` firings."""

    channel: int
    value: int
    period: int = 1


@dataclass(frozen=True)
class Stage(Unit):
    """A pipeline of PCUs: `firings` an iteration, one every `ii_cycles`, results after `latency_cycles`."""

    firings: int
    inputs: tuple[InputPort, ...]
    outputs: tuple[OutputPort, ...]
    states: tuple[TensorSpec, ...]
    next_states: tuple[int, ...]
    """The values of these numbers become the states of the next firing of the iteration."""
    body: tuple[Instruction, ...]
    ii_cycles: int
    latency_cycles: int
    flops: int
    """One firing does so many."""
    pcus: tuple[int, int] = (0, 0)
    """The first PCU and the number of PCUs."""
    wide_flops: int = 0
    """Of the FLOPs, those of products of numbers of 32 bits or more."""

    op_name: ClassVar[str] = "dataflow.stage"
    named_by_inputs: ClassVar[bool] = True
    leads: ClassVar[int] = 1

    @property
    def firings_per_pass(self) -> int:
        return self.firings

    @property
    def pcus_taken(self) -> tuple[int, int]:
        return self.pcus

    def takes(self, kernel: Kernel, gates: Sequence[int] = (0,)) -> tuple[Port, ...]:
        total = self.firings_per_call(kernel)
        return tuple(
            Port(p.channel, -(-total // p.period), p.period, p.gathered, p.period) for p in self.inputs
        )

    def puts(self, kernel: Kernel) -> tuple[Port, ...]:
        total = self.firings_per_call(kernel)
        return tuple(
            Port(p.channel, total // p.period, p.period, starts=(p.period - 1,)) for p in self.outputs
        )

    @property
    def work(self) -> tuple[int, int, int]:
        return self.flops, self.wide_flops, self.ii_cycles

    @property
    def across_sockets(self) -> str | None:
        own = (one.operation for one in self.body if one.operation in OF_A_SOCKET)
        return next((f"what {operation} gives" for operation in own), None)

    @property
    def periods(self) -> tuple[int, ...]:
        return tuple(port.period for port in (*self.inputs, *self.outputs))

    def check_counts(self) -> None:
        super().check_counts()
        require(self.ii_cycles > 0, f"an II of {self.ii_cycles} cycles; it takes one at least")
        require(self.latency_cycles >= 0, f"a latency of {self.latency_cycles} cycles")
        require(self.flops >= 0, f"{self.flops} FLOPs")
        require(0 <= self.wide_flops <= self.flops, f"{self.wide_flops} of {self.flops} FLOPs are wide")
        for period in self.periods:
            require(period > 0, f"a period of {period}; it takes one at least")
        for port in self.inputs:
            require(port.gathered > 0 and port.slices > 0, "an input takes one tile and one slice at least")

    def check(self, kernel: Kernel, sockets: int) -> None:
        for number, port in enumerate(self.inputs):
            port.check(number, kernel.channels[port.channel])
        specs = checked_values(self._given, self.body)
        given, wanted = len(self.next_states), len(self.states)
        require(given == wanted, f"{given} next states for {wanted} states")
        results = [*((p.value, kernel.channels[p.channel].tile) for p in self.outputs)]
        for value, spec in (*results, *zip(self.next_states, self.states, strict=True)):
            require(0 <= value < len(specs), f"it puts out value {value} of {len(specs)}")
            require(spec is None or specs[value] == spec, f"value {value} is a {specs[value]}, not a {spec}")

    @property
    def _given(self) -> list[TensorSpec]:
        """The types of the values that its body is given: inputs, then states."""
        return [*(port.argument for port in self.inputs), *self.states]

    def derived_work(self) -> Work:
        """What its instructions do in a firing, of a stage that has been checked."""
        return work_of(self._given, self.body)

    @staticmethod
    def emit(op: StageOp, numbering: Numbering) -> Stage:
        arguments = op.body.block.args
        inputs = zip(op.ins, arguments, op.in_periods.get_values(), op.ports(), strict=False)
        body, yielded = numbering.body(op.body.block)
        outputs = zip(op.outs, yielded, op.out_periods.get_values(), strict=False)
        return Stage(
            op.label.data,
            op.firings.value.data,
            tuple(
                InputPort(
                    numbering.channel(channel),
                    numbering.spec(argument.type),
                    int(period),
                    shape.gathered,
                    shape.slices,
                    shape.axis,
                )
                for channel, argument, period, shape in inputs
            ),
            tuple(
                OutputPort(numbering.channel(channel), value, int(period))
                for channel, value, period in outputs
            ),
            tuple(numbering.spec(argument.type) for argument in arguments[len(op.ins) :]),
            tuple(yielded[len(op.outs) :]),
            tuple(Instruction(*numbers) for numbers in body),
            numbering.number(op.ii),
            numbering.number(op.latency),
            numbering.flops(op.body.block),
            (numbering.number(op.pcu_first), numbering.number(op.pcus)),
            numbering.wide_flops(op.body.block),
        )


class StageRun(PipelineRun):
    """A stage: the tiles it holds, as arguments of its body, and its accumulators."""

    unit: Stage
    is_watched = True

    def __init__(self, unit: Stage, place: Place):
        super().__init__(unit, place)
        self.ii = unit.ii_cycles
        self.latency = unit.latency_cycles
        self._held: list[Any] = [None] * len(place.inputs)
        self._states: list[Array] = []

    def compute(self, firing: int) -> list[Array]:
        stage = self.unit
        if firing % stage.firings == 0:
            self._states = [spec.zeros() for spec in stage.states]
        for number, state in enumerate(self.inputs):
            if state.fresh:
                self._held[number] = _joined(stage.inputs[number], state.tiles())
                state.fresh = False
        ports = zip(stage.inputs, self._held, strict=True)
        values = [_slice(port, held, firing) for port, held in ports] + self._states
        self._run(values, firing)
        self._states = [values[number].copy() for number in stage.next_states]
        return [values[port.value] for port in stage.outputs]

    def _run(self, values: list[Array], firing: int) -> None:
        """Append the results of the body's instructions to the values."""
        for instruction in self.unit.body:
            operands = [values[number] for number in instruction.operands]
            try:
                operation = meaning_of(instruction.operation)
                result = operation(operands, self._attributes(instruction), instruction.result)
            except ValueError as error:
                iteration, number = divmod(firing, self.unit.firings)
                raise ExecutionError(
                    f"{self}, firing {number} of iteration {iteration}: {instruction.operation}: {error}",
                    self.unit.location,
                ) from error
            values.append(result)

    def _attributes(self, instruction: Instruction) -> Mapping[str, Any]:
        """Those of an instruction, with the socket for one that asks for it."""
        if instruction.operation not in OF_A_SOCKET:
            return instruction.attributes
        place = {"socket": self.around.socket, "sockets": self.around.machine.sockets}
        return {**instruction.attributes, **place}


def _joined(port: InputPort, tiles: list[Array]) -> Array:
    """The tiles of a group as one array; a single one stays a view of its slot."""
    if port.axis is None or len(tiles) == 1:
        return tiles[0]
    return joined(tiles, port.axis, port.argument.shape[port.axis])


def _slice(port: InputPort, held: Array, firing: int) -> Array:
    """What a firing sees of what the port holds."""
    if port.slices == 1 or port.axis is None:
        return held
    return sliced(held, port.axis, port.argument.shape[port.axis], firing % port.slices)
