"""The stages of a network as a problem for `solver.py`: axes, sizes, and who reads whose tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import lcm, prod

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import SSAValue

from ...dialects import dataflow
from ...dialects.dataflow_kernel import consumer_of, producer_of
from ...dialects.dataflow_units import HandedOn
from ...dialects.tensors import shape_of, size_bytes_of
from ...dialects.tile_sources import source_of
from .axes import Cut, StageAxes, stage_axes, whole_axes
from .solver import Bursts, Source, TiledStage
from .streams import port_number, shared_with, streams_tiles


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


MOST_BRIEF_TILES = 256
"""Tiles around a loop are not made smaller than that many; more take long to plan, and gain little."""


@dataclass(frozen=True)
class Limits:
    """How large tiles may be, in bytes."""

    tile_bytes: int
    """At most, of what is streamed."""
    least_run_bytes: int
    """Neighbours that are read at once at least."""
    cache_tile_bytes: int | None = None
    """At most, of a KV cache; the same as of all others if absent."""
    brief_bytes: int | None = None
    """At most, of what is loaded ahead while loops inside run, where what they need at once would wait for
    it; the same as of all others if absent."""

    def around(self, size_bytes: int) -> int | None:
        """The largest tile of so many bytes that are read around loops; None where that is as anywhere."""
        if self.brief_bytes is None:
            return None
        return min(self.tile_bytes, max(self.brief_bytes, size_bytes // MOST_BRIEF_TILES))


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
                yield Link(maker, False, self.axes[maker].arguments[port_number(first)], read, streamed=True)

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

    def tiled_stage(self, number: int, limits: Limits) -> TiledStage:
        """A stage for the solver; what it streams is cut at whole requests of the memory."""
        stage, axes = self.stages[number], self.axes[number]
        cut = [link for link in self.links(number) if link.made is not None and link.read is not None]
        inputs = zip(stage.ins, stage.body.block.args, axes.arguments, strict=False)
        ports = [Port(*port, number in axes.ratios) for number, port in enumerate(inputs)]
        slots = [port.slots for port in ports if port.slots is not None]
        bursts = [
            Bursts(axes.extent // (port.slots or 1), port.index_bytes, limits.least_run_bytes)
            for port in ports
            if port.cuts_neighbours
        ]
        steps = [burst.step for burst in bursts]
        adds_cut = axes.adds_up and any(not link.streamed for link in cut)
        may_hang_over = axes.may_hang_over and not adds_cut and None not in steps and not slots
        streamed = max((port.size_bytes // axes.extent for port in ports if port.is_cut), default=0)
        return TiledStage(
            axes.extent,
            streamed,
            lcm(axes.multiple, *(burst.run for burst in bursts)),
            tuple(Source(link.source, *link.units) for link in cut if not link.carried),
            tuple(link.source for link in cut if link.carried),
            self._limit(stage, streamed * axes.extent, limits),
            lcm(axes.multiple, *(step or 1 for step in steps)) if may_hang_over else None,
            lcm(*slots),
        )

    def _limit(self, stage: dataflow.StageOp, size_bytes: int, limits: Limits) -> int | None:
        """The largest tile of a stage, in bytes, where that is not the same for all."""
        if any(map(_streams_cache, stage.ins)):
            return limits.cache_tile_bytes
        return None if stage.runs in stage.loops.leaves else limits.around(size_bytes)


@dataclass(frozen=True)
class Port:
    """An input of a stage that may be cut: what is streamed into it."""

    channel: SSAValue
    argument: SSAValue
    cut: Cut | None
    has_ratio: bool
    """It has another number of indices than the stage, as scales of blocks have."""

    @property
    def is_cut(self) -> bool:
        """Whether a stream of its own is cut as the stage is."""
        return self.cut is not None and streams_tiles(self.channel)

    @property
    def size_bytes(self) -> int:
        """Of the whole of it."""
        return size_bytes_of(self.argument)

    @property
    def index_bytes(self) -> int:
        """Of one index of the cut of it, which may be several elements."""
        unit = 1 if self.cut is None else self.cut.unit
        return unit * self.size_bytes // prod(shape_of(self.argument))

    @property
    def cuts_neighbours(self) -> bool:
        """Whether it is a stream cut along its last axis, whose elements are neighbours in memory."""
        last = len(shape_of(self.argument)) - 1
        return self.is_cut and not self.has_ratio and self.cut is not None and self.cut.axis == last

    @property
    def slots(self) -> int | None:
        """The slots that a load by index puts side by side along the axis; None of any other stream."""
        load = producer_of(self.channel)
        if not self.is_cut or not isinstance(load, dataflow.LoadOp) or load.by is None:
            return None
        return load.slots if self.cut is not None and load.axis == self.cut.axis else None


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
