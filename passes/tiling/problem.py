"""The stages of a network as a problem for `solver.py`: axes, sizes, and who reads whose tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import lcm, prod

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import SSAValue

from ...dialects import dataflow, nn
from .axes import StageAxes, stage_axes, streams_tiles, whole_axes
from .solver import TiledStage, burst_multiple


@dataclass(frozen=True)
class Link:
    """An input of a stage that brings tiles of another stage's result, cut along `made` where that is cut."""

    source: int
    carried: bool
    """They come from the iteration before."""
    made: int | None
    read: int | None
    """The axis along which the reader may be cut."""

    @property
    def agrees(self) -> bool:
        """Whether both ends may be cut: along one axis, or the maker's result is whole anyway."""
        return self.made is None or self.read is None or self.made == self.read


@dataclass
class TilingProblem:
    """The stages of a network in program order and their axes."""

    stages: list[dataflow.StageOp]
    axes: list[StageAxes]
    iterations: int

    def links(self, number: int) -> Iterator[Link]:
        """The inputs of a stage that other stages feed."""
        numbers = {stage: n for n, stage in enumerate(self.stages)}
        for channel, read in zip(self.stages[number].ins, self.axes[number].arguments, strict=False):
            source = dataflow.source_of(channel)
            if source is not None:
                maker = numbers[source.stage]
                yield Link(maker, source.carried, self.axes[maker].yielded[source.port], read)

    def beginnings(self) -> Iterator[tuple[int, int]]:
        """The stages that make the first of carried values, each with the stage that makes the next ones.

        They have to agree on the tiles, and the next ones come first: nothing else reads the others.
        """
        numbers = {stage: n for n, stage in enumerate(self.stages)}
        producers = {dataflow.producer_of(channel) for stage in self.stages for channel in stage.ins}
        for producer in producers:
            if (handed := producer.handed_on()) is None:
                continue
            begin, maker = dataflow.producer_of(handed.first), dataflow.source_of(handed.next)
            if isinstance(begin, dataflow.StageOp) and maker is not None:
                yield numbers[begin], numbers[maker.stage]

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
        return TiledStage(
            axes.extent,
            self._streamed_bytes(stage, axes),
            lcm(axes.multiple, self._burst_multiple(stage, axes, request_bytes)),
            tuple(link.source for link in cut if not link.carried),
            tuple(link.source for link in cut if link.carried),
            cache_limit if any(map(_streams_cache, stage.ins)) else None,
        )

    def _burst_multiple(self, stage: dataflow.StageOp, axes: StageAxes, request_bytes: int) -> int:
        """What divides the tiles of streams cut along their last axis, whose elements are neighbours."""
        multiple = 1
        ports = zip(stage.ins, stage.body.block.args, axes.arguments, strict=False)
        for channel, argument, axis in ports:
            shape = nn.shape_of(argument)
            if axis == len(shape) - 1 and streams_tiles(channel, self.iterations):
                element_bytes = nn.size_bytes_of(argument) // prod(shape)
                multiple = lcm(multiple, burst_multiple(axes.extent, element_bytes, request_bytes))
        return multiple

    def _streamed_bytes(self, stage: dataflow.StageOp, axes: StageAxes) -> int:
        """The size per index of the largest tensor that a stage streams from memory."""
        ports = zip(stage.ins, stage.body.block.args, axes.arguments, strict=False)
        sizes = [
            nn.size_bytes_of(argument) // axes.extent
            for channel, argument, axis in ports
            if axis is not None and streams_tiles(channel, self.iterations)
        ]
        return max(sizes, default=0)


def _streams_cache(channel: SSAValue) -> bool:
    producer = dataflow.producer_of(channel)
    return isinstance(producer, dataflow.LoadOp) and isinstance(producer.source.type, MemRefType)


def tiling_problem(network: dataflow.KernelOp) -> TilingProblem:
    """The problem of a network whose stages are whole."""
    stages = [op for op in network.units() if isinstance(op, dataflow.StageOp)]
    problem = TilingProblem(stages, [stage_axes(stage) for stage in stages], network.iterations)
    problem.leave_disagreeing_whole()
    return problem
