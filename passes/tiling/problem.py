"""The stages of a network as a problem for `solver.py`: axes, sizes, and who reads whose tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import lcm, prod

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import SSAValue

from ...dialects import dataflow
from ...dialects.dataflow_kernel import consumer_of, producer_of
from ...dialects.dataflow_stages import source_of
from ...dialects.dataflow_units import HandedOn
from ...dialects.tensors import shape_of, size_bytes_of
from .axes import Cut, StageAxes, stage_axes, whole_axes
from .solver import Bursts, Source, TiledStage


@dataclass(frozen=True)
class Link:
    """An input of a stage that brings tiles of another stage's result, cut along `made` where that is cut."""

    source: int
    carried: bool
    """They come from the iteration before."""
    made: Cut | None
    read: Cut | None
    """How the reader may be cut."""
    streamed: bool = False
    """Both stages read the tiles of one load, of which the other one decides."""

    @property
    def agrees(self) -> bool:
        """Whether both ends may be cut: along one axis, or the maker's result is whole anyway.

        What comes round is cut in units of one size.
        """
        if self.made is None or self.read is None or self.made == self.read:
            return True
        return self.made.axis == self.read.axis and not self.carried

    @property
    def units(self) -> tuple[int, int]:
        """Elements of a unit of the maker, and of the reader."""
        assert self.made is not None, "asked of what both ends cut"
        assert self.read is not None, "asked of what both ends cut"
        return self.made.unit, self.read.unit


@dataclass
class TilingProblem:
    """The stages of a network in program order and their axes."""

    stages: list[dataflow.StageOp]
    axes: list[StageAxes]
    handed: list[HandedOn]
    """What other units hand on from iteration to iteration."""

    def links(self, number: int) -> Iterator[Link]:
        """The inputs of a stage that other stages feed."""
        numbers = {stage: n for n, stage in enumerate(self.stages)}
        for channel, read in zip(self.stages[number].ins, self.axes[number].arguments, strict=False):
            source = source_of(channel)
            if source is not None:
                maker = numbers[source.stage]
                yield Link(maker, source.carried, self.axes[maker].yielded[source.port], read)
            elif (first := shared_with(channel)) is not None and first is not channel:
                reader = consumer_of(first)
                assert isinstance(reader, dataflow.StageOp), "shared_with has looked"
                maker = numbers[reader]
                yield Link(maker, False, self.axes[maker].arguments[_port(first)], read, streamed=True)

    def beginnings(self) -> Iterator[tuple[int, int | None]]:
        """The stages that make the first of carried values, each with the stage that makes the next ones.

        They have to agree on the tiles, and the next ones come first: nothing else reads the others. Where no
        stage makes the next ones, they go round as they are, whole.
        """
        numbers = {stage: n for n, stage in enumerate(self.stages)}
        for handed in self.handed:
            begin, maker = producer_of(handed.first), source_of(handed.next)
            if isinstance(begin, dataflow.StageOp):
                yield numbers[begin], None if maker is None else numbers[maker.stage]

    def leave_disagreeing_whole(self) -> None:
        """A stage that reads along another axis than its producer is cut along gathers whole tensors."""
        changed = True
        while changed:
            changed = False
            for number, stage in enumerate(self.stages):
                if not all(link.agrees for link in self.links(number)):
                    self.axes[number] = whole_axes(stage)
                    changed = True

    def tiled_stage(self, number: int, request_bytes: int, cache_limit: int | None = None) -> TiledStage:
        """A stage for the solver; what it streams is cut at whole requests of the memory.

        `cache_limit` is the largest tile of a cache in bytes, where that is not the same as of weights.
        """
        stage, axes = self.stages[number], self.axes[number]
        cut = [link for link in self.links(number) if link.made is not None and link.read is not None]
        bursts = [Bursts(axes.extent, size, request_bytes) for size in self._neighbours(stage, axes)]
        steps = [burst.step for burst in bursts]
        adds_cut = axes.adds_up and any(not link.streamed for link in cut)
        may_hang_over = axes.may_hang_over and not adds_cut and None not in steps
        return TiledStage(
            axes.extent,
            self._streamed_bytes(stage, axes),
            lcm(axes.multiple, *(burst.run for burst in bursts)),
            tuple(Source(link.source, *link.units) for link in cut if not link.carried),
            tuple(link.source for link in cut if link.carried),
            cache_limit if any(map(_streams_cache, stage.ins)) else None,
            lcm(axes.multiple, *(step or 1 for step in steps)) if may_hang_over else None,
        )

    def _neighbours(self, stage: dataflow.StageOp, axes: StageAxes) -> Iterator[int]:
        """Bytes of a unit of each stream cut along its last axis, whose elements are neighbours."""
        ports = zip(stage.ins, stage.body.block.args, axes.arguments, strict=False)
        for channel, argument, axis in ports:
            shape = shape_of(argument)
            if axis is not None and axis.axis == len(shape) - 1 and streams_tiles(channel):
                yield axis.unit * size_bytes_of(argument) // prod(shape)

    def _streamed_bytes(self, stage: dataflow.StageOp, axes: StageAxes) -> int:
        """The size per index of the largest tensor that a stage streams from memory."""
        ports = zip(stage.ins, stage.body.block.args, axes.arguments, strict=False)
        sizes = [
            size_bytes_of(argument) // axes.extent
            for channel, argument, axis in ports
            if axis is not None and streams_tiles(channel)
        ]
        return max(sizes, default=0)


def _streams_cache(channel: SSAValue) -> bool:
    producer = producer_of(channel)
    return isinstance(producer, dataflow.LoadOp) and isinstance(producer.source.type, MemRefType)


def tiling_problem(network: dataflow.KernelOp) -> TilingProblem:
    """The problem of a network whose stages are whole."""
    stages = [op for op in network.units() if isinstance(op, dataflow.StageOp)]
    handed = [one for unit in network.units() if (one := unit.handed_on()) is not None]
    problem = TilingProblem(stages, [stage_axes(stage) for stage in stages], handed)
    problem.leave_disagreeing_whole()
    return problem


def _port(channel: SSAValue) -> int:
    """The number of the input of its reader that a channel is."""
    return next(number for number, value in enumerate(consumer_of(channel).operands) if value is channel)


def shared_with(channel: SSAValue) -> SSAValue | None:
    """The first channel of a load of a cache that several stages read, as keys and as values; else None."""
    producer = producer_of(channel)
    if not isinstance(producer, dataflow.LoadOp) or producer.is_alone:
        return None
    readers = [consumer_of(one) for one in producer.channels]
    alike = all(isinstance(one, dataflow.StageOp) and one.runs == producer.runs for one in readers)
    return producer.channels[0] if alike and isinstance(producer.source.type, MemRefType) else None


def streams_tiles(channel: SSAValue) -> bool:
    """Whether a stage may cut the tiles of a channel freely: it alone or as the first reads its load."""
    if shared_with(channel) is channel:
        return True
    return _streams_alone(channel)


def _streams_alone(channel: SSAValue) -> bool:
    """Whether a channel is fed by a load of its own as often as it is read."""
    producer = producer_of(channel)
    if not isinstance(producer, dataflow.LoadOp) or not producer.is_alone:
        return False
    return producer.runs == consumer_of(channel).runs
