"""The stages of a network as a problem for `solver.py`: axes, sizes, and who reads whose tiles.

Along which axes a stage may be cut is what the tile rules of its operations say, put together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import lcm, prod

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Attribute, Operation, SSAValue

from ...dialects import dataflow, nn
from ...dialects.dataflow_kernel import consumer_of, producer_of, readers_of
from ...dialects.dataflow_stages import source_of
from ...dialects.dataflow_units import HandedOn
from ...dialects.operation import ComputeOp, TileRule
from ...dialects.tensors import element_type_of, shape_of, size_bytes_of
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
            shape = shape_of(argument)
            if axis == len(shape) - 1 and streams_tiles(channel):
                element_bytes = size_bytes_of(argument) // prod(shape)
                multiple = lcm(multiple, burst_multiple(axes.extent, element_bytes, request_bytes))
        return multiple

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


@dataclass(frozen=True)
class StageAxes:
    """The tiled axis of each body argument and of each yielded value; None stands for whole.

    `extent` is the common extent of the tiled axes, 1 where the stage cannot be cut.
    """

    arguments: tuple[int | None, ...]
    yielded: tuple[int | None, ...]
    extent: int = 1
    multiple: int = 1


def cut_type(type_: Attribute, axis: int | None, count: int) -> Attribute:
    """The type of one of `count` tiles along `axis`; the type itself where the axis is None."""
    if axis is None or count == 1:
        return type_
    shape = list(shape_of(type_))
    shape[axis] //= count
    assert isinstance(type_, nn.TensorType), "tiles are tensors"
    return nn.TensorType(element_type_of(type_), shape)


def tile_rule(op: Operation) -> TileRule | None:
    """The rule of an operation, or None where it needs its operands whole."""
    rule = op.tile_rule() if isinstance(op, ComputeOp) else None
    return rule if isinstance(rule, TileRule) else None


def _propagate(op: Operation, axes: dict[SSAValue, int | None], states: Sequence[SSAValue]) -> int | None:
    """Enter an operation's axes; returns the multiple of its tiles, or None where it cannot be cut."""
    rule = tile_rule(op)
    if rule is None or (not rule.accumulates and any(operand in states for operand in op.operands)):
        return None
    wanted, result = rule.operands, rule.result
    known = [axes[operand] for operand in op.operands if operand in axes]
    if rule.elementwise and known and all(axis is None for axis in known):
        wanted, result = (None,) * len(wanted), None
    for operand, axis in zip(op.operands, wanted, strict=True):
        if axes.setdefault(operand, axis) != axis:
            return None
    axes[op.results[0]] = result
    return rule.multiple


def whole_axes(stage: dataflow.StageOp) -> StageAxes:
    """The axes of a stage that is not cut."""
    return StageAxes((None,) * len(stage.body.block.args), (None,) * len(stage.yielded()))


def stage_axes(stage: dataflow.StageOp) -> StageAxes:
    """The axes of a stage; all None where its operations do not agree on a cut."""
    block, whole = stage.body.block, whole_axes(stage)
    states = block.args[len(stage.ins) :]
    axes: dict[SSAValue, int | None] = dict.fromkeys(states)
    multiple = 1
    for op in stage.body_ops():
        found = _propagate(op, axes, states)
        if found is None:
            return whole
        multiple = lcm(multiple, found)
    arguments = tuple(axes.get(argument) for argument in block.args)
    extents = {
        shape_of(argument)[axis]
        for argument, axis in zip(block.args, arguments, strict=True)
        if axis is not None
    }
    if len(extents) != 1:
        return whole
    yielded = tuple(axes.get(value) for value in stage.yielded())
    if any(axis is not None for axis in yielded[len(stage.outs) :]):
        return whole
    return StageAxes(arguments, yielded, extents.pop(), lcm(multiple, _store_multiple(stage)))


def _store_multiple(stage: dataflow.StageOp) -> int:
    """Tiles that go to a position of a cache must hold whole heads."""
    multiple = 1
    for channel in stage.outs:
        for reader in readers_of(channel):
            if isinstance(reader, dataflow.StoreOp) and reader.position is not None:
                assert reader.destination is not None, "checked by the store's verifier"
                multiple = lcm(multiple, shape_of(reader.destination)[-1])
    return multiple


def streams_tiles(channel: SSAValue) -> bool:
    """Whether a channel is fed by a load of its own as often as it is read, and so may be cut freely."""
    producer = producer_of(channel)
    if not isinstance(producer, dataflow.LoadOp) or not producer.is_alone:
        return False
    return producer.runs == consumer_of(channel).runs
