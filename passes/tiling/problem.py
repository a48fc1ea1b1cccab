"""The stages of a network as a problem for `solver.py`: axes, sizes, and who reads whose tiles.

Along which axes a stage may be cut is what the tile rules of its operations say, put together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import lcm, prod

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Attribute, BlockArgument, Operation, OpResult, SSAValue

from ...dialects import dataflow, nn
from ...dialects.dataflow_kernel import consumer_of, producer_of, readers_of
from ...dialects.dataflow_stages import source_of
from ...dialects.dataflow_units import HandedOn
from ...dialects.operation import ComputeOp, TileRule
from ...dialects.tensors import element_type_of, shape_of, size_bytes_of
from .solver import Bursts, TiledStage


@dataclass(frozen=True)
class Cut:
    """The axis along which a tensor is cut, and how many of its elements belong together, as a unit."""

    axis: int
    unit: int = 1


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
        """Whether both ends may be cut: alike, or the maker's result is whole anyway."""
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
        inputs = zip(stage.ins, stage.body.block.args, axes.arguments, strict=False)
        ports = [Port(*port, number in axes.ratios) for number, port in enumerate(inputs)]
        slots = [port.slots for port in ports if port.slots is not None]
        bursts = [
            Bursts(axes.extent // (port.slots or 1), port.element_bytes, request_bytes)
            for port in ports
            if port.cuts_neighbours
        ]
        steps = [burst.step for burst in bursts]
        adds_cut = axes.adds_up and any(not link.streamed for link in cut)
        may_hang_over = axes.may_hang_over and not adds_cut and None not in steps and not slots
        return TiledStage(
            axes.extent,
            max((port.size_bytes // axes.extent for port in ports if port.is_cut), default=0),
            lcm(axes.multiple, *(burst.run for burst in bursts)),
            tuple(link.source for link in cut if not link.carried),
            tuple(link.source for link in cut if link.carried),
            cache_limit if any(map(_streams_cache, stage.ins)) else None,
            lcm(axes.multiple, *(step or 1 for step in steps)) if may_hang_over else None,
            lcm(*slots),
        )


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
    def element_bytes(self) -> int:
        """Of one element of it."""
        return self.size_bytes // prod(shape_of(self.argument))

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


Ratio = tuple[int, int]
"""So many indices of an operand for so many of the axis that is cut; see `TileRule`."""


@dataclass(frozen=True)
class StageAxes:
    """The tiled axis of each body argument and of each yielded value; None stands for whole.

    `extent` is the common extent of the tiled axes, 1 where the stage cannot be cut.
    """

    arguments: tuple[Cut | None, ...]
    yielded: tuple[Cut | None, ...]
    extent: int = 1
    multiple: int = 1
    may_hang_over: bool = True
    """The last tile may be larger than what is left of the extent."""
    adds_up: bool = False
    """It accumulates over its tiles, so there must be zeros where the last one hangs over."""
    ratios: Mapping[int, Ratio] = field(default_factory=dict[int, Ratio])
    """Of the arguments of which other numbers of indices are cut, by number."""

    def argument_extent(self, number: int, extent: int) -> int:
        """How many indices of an argument belong to so many of the stage."""
        own, indices = self.ratios.get(number, (1, 1))
        return -(-extent * own // indices)


def cut_type(type_: Attribute, cut: Cut | None, extent: int) -> Attribute:
    """The type of a tile of so many units; the type itself where the cut is None."""
    if cut is None:
        return type_
    shape = list(shape_of(type_))
    shape[cut.axis] = extent * cut.unit
    assert isinstance(type_, nn.TensorType), "tiles are tensors"
    return nn.TensorType(element_type_of(type_), shape)


def tile_rule(op: Operation) -> TileRule | None:
    """The rule of an operation, or None where it needs its operands whole."""
    rule = op.tile_rule() if isinstance(op, ComputeOp) else None
    return rule if isinstance(rule, TileRule) else None


def cuts_of(rule: TileRule) -> tuple[Cut | None, ...]:
    """How a rule cuts each operand and the result, which is the last."""
    axes = (*rule.operands, rule.result)
    units = rule.units or (1,) * len(axes)
    return tuple(None if axis is None else Cut(axis, unit) for axis, unit in zip(axes, units, strict=True))


def _propagate(
    op: Operation, axes: dict[SSAValue, Cut | None], states: Sequence[SSAValue]
) -> TileRule | None:
    """Enter an operation's axes; returns its rule, or None where it cannot be cut."""
    rule = tile_rule(op)
    if rule is None or (not rule.accumulates and any(operand in states for operand in op.operands)):
        return None
    *wanted, result = cuts_of(rule)
    known = [axes[operand] for operand in op.operands if operand in axes]
    if rule.elementwise and known and all(axis is None for axis in known):
        wanted, result = [None] * len(wanted), None
    for operand, axis in zip(op.operands, wanted, strict=True):
        if axes.setdefault(operand, axis) != axis:
            return None
    axes[op.results[0]] = result
    return rule


def whole_axes(stage: dataflow.StageOp) -> StageAxes:
    """The axes of a stage that is not cut."""
    return StageAxes((None,) * len(stage.body.block.args), (None,) * len(stage.yielded()))


def stage_axes(stage: dataflow.StageOp) -> StageAxes:
    """The axes of a stage; all None where its operations do not agree on a cut."""
    block, whole = stage.body.block, whole_axes(stage)
    states = block.args[len(stage.ins) :]
    axes: dict[SSAValue, Cut | None] = dict.fromkeys(states)
    rules: list[TileRule] = []
    for op in stage.body_ops():
        rule = _propagate(op, axes, states)
        if rule is None:
            return whole
        rules.append(rule)
    arguments = tuple(axes.get(argument) for argument in block.args)
    ratios = _ratios(stage, rules)
    extents = {
        shape_of(argument)[axis.axis] // axis.unit
        for number, (argument, axis) in enumerate(zip(block.args, arguments, strict=True))
        if axis is not None and ratios is not None and number not in ratios
    }
    if ratios:
        extents |= {
            shape_of(value)[axis.axis] // axis.unit
            for value, axis in axes.items()
            if isinstance(value, OpResult) and axis is not None
        }
    if len(extents) != 1 or ratios is None:
        return whole
    yielded = tuple(axes.get(value) for value in stage.yielded())
    if any(axis is not None for axis in yielded[len(stage.outs) :]):
        return whole
    extent, multiple = extents.pop(), lcm(_store_multiple(stage), *(rule.multiple for rule in rules))
    adds_up = any(rule.accumulates for rule in rules)
    may_hang_over = extent % multiple == 0 and (not adds_up or _adds_zeros(stage, rules))
    blocks = lcm(multiple, *(rule.block for rule in rules))
    return StageAxes(arguments, yielded, extent, blocks, may_hang_over, adds_up, ratios)


def _ratios(stage: dataflow.StageOp, rules: Sequence[TileRule]) -> dict[int, Ratio] | None:
    """The arguments of which other numbers of indices are cut; None where one is no stream of its own."""
    numbers: dict[SSAValue, int] = {argument: argument.index for argument in stage.body.block.args}
    found: dict[int, Ratio] = {}
    for op, rule in zip(stage.body_ops(), rules, strict=True):
        for operand, axis, ratio in zip(op.operands, rule.operands, rule.ratios, strict=False):
            if axis is None or ratio == (1, 1):
                continue
            number = numbers.get(operand, len(stage.ins))
            if number >= len(stage.ins) or not streams_tiles(stage.ins[number]):
                return None
            found[number] = ratio
    return found


def _adds_zeros(stage: dataflow.StageOp, rules: Sequence[TileRule]) -> bool:
    """Whether what accumulates adds up what comes into a stage, with zeros where the last tile hangs over."""
    return all(
        rule.adds_zeros
        and all(
            isinstance(operand, BlockArgument)
            for operand, axis in zip(op.operands, rule.operands, strict=True)
            if axis is not None
        )
        for op, rule in zip(stage.body_ops(), rules, strict=True)
        if rule.accumulates
    )


def _store_multiple(stage: dataflow.StageOp) -> int:
    """Tiles that go to a position of a cache must hold whole heads."""
    multiple = 1
    for channel in stage.outs:
        for reader in readers_of(channel):
            if isinstance(reader, dataflow.StoreOp) and reader.position is not None:
                assert reader.destination is not None, "checked by the store's verifier"
                multiple = lcm(multiple, shape_of(reader.destination)[-1])
    return multiple


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
