"""Along which axes a stage may be cut: the tile rules of its operations, put together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import lcm

from xdsl.ir import Attribute, Operation, SSAValue

from ...dialects import dataflow, nn
from ...dialects.network import UnitOp, channel_of
from ...dialects.operation import TileRule


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
    shape = list(nn.shape_of(type_))
    shape[axis] //= count
    assert isinstance(type_, nn.TensorType), "tiles are tensors"
    return nn.TensorType(nn.element_type_of(type_), shape)


def body_ops(stage: dataflow.StageOp) -> Iterator[Operation]:
    """The operations of a stage's body without its yield."""
    for op in stage.body.block.ops:
        if op is not stage.body.block.last_op:
            yield op


def tile_rule(op: Operation) -> TileRule | None:
    """The rule of an operation, or None where it needs its operands whole."""
    rule = op.tile_rule() if isinstance(op, nn.ComputeOp) else None
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


def yielded_values(stage: dataflow.StageOp) -> tuple[SSAValue, ...]:
    """What a stage's body yields: its outputs, then the states of the next firing."""
    last = stage.body.block.last_op
    assert last is not None, "the verifier wants a yield"
    return tuple(last.operands)


def whole_axes(stage: dataflow.StageOp) -> StageAxes:
    """The axes of a stage that is not cut."""
    return StageAxes((None,) * len(stage.body.block.args), (None,) * len(yielded_values(stage)))


def stage_axes(stage: dataflow.StageOp) -> StageAxes:
    """The axes of a stage; all None where its operations do not agree on a cut."""
    block, whole = stage.body.block, whole_axes(stage)
    states = block.args[len(stage.ins) :]
    axes: dict[SSAValue, int | None] = dict.fromkeys(states)
    multiple = 1
    for op in body_ops(stage):
        found = _propagate(op, axes, states)
        if found is None:
            return whole
        multiple = lcm(multiple, found)
    arguments = tuple(axes.get(argument) for argument in block.args)
    extents = {
        nn.shape_of(argument)[axis]
        for argument, axis in zip(block.args, arguments, strict=True)
        if axis is not None
    }
    if len(extents) != 1:
        return whole
    yielded = tuple(axes.get(value) for value in yielded_values(stage))
    if any(axis is not None for axis in yielded[len(stage.outs) :]):
        return whole
    return StageAxes(arguments, yielded, extents.pop(), lcm(multiple, _store_multiple(stage)))


def _store_multiple(stage: dataflow.StageOp) -> int:
    """Tiles that go to a position of a cache must hold whole heads."""
    multiple = 1
    for channel in stage.outs:
        for reader in _readers_of(channel):
            if isinstance(reader, dataflow.StoreOp) and reader.position is not None:
                assert reader.destination is not None, "checked by the store's verifier"
                multiple = lcm(multiple, nn.shape_of(reader.destination)[-1])
    return multiple


def _readers_of(channel: SSAValue) -> Iterator[UnitOp]:
    """The units that take a channel's tiles, directly or through carries."""
    waiting, seen = [channel], {channel}
    while waiting:
        reader = consumer_of(waiting.pop())
        yield reader
        if isinstance(reader, dataflow.CarryOp):
            waiting += [following for following in reader.current if following not in seen]
            seen |= {*reader.current}


@dataclass(frozen=True)
class TileSource:
    """The result of a stage that a channel's tiles come from."""

    stage: dataflow.StageOp
    port: int
    """Number of the output."""
    carried: bool
    """It is that of the iteration before, or of an earlier one."""


def source_of(channel: SSAValue) -> TileSource | None:
    """Where a channel's tiles come from, through carries; None where no stage makes them."""
    seen: set[SSAValue] = set()
    while isinstance(producer := producer_of(channel), dataflow.CarryOp):
        channel = producer.next
        if channel in seen:
            return None
        seen.add(channel)
    if not isinstance(producer, dataflow.StageOp):
        return None
    port = next(number for number, out in enumerate(producer.outs) if out is channel)
    return TileSource(producer, port, bool(seen))


def producer_of(channel: SSAValue) -> UnitOp:
    """The unit that puts tiles into a channel."""
    return channel_of(channel).producers()[0]


def consumer_of(channel: SSAValue) -> UnitOp:
    """The unit that takes tiles from a channel."""
    return channel_of(channel).consumers()[0]


def streams_tiles(channel: SSAValue, iterations: int) -> bool:
    """Whether a channel is fed by a load of its own that runs every iteration, and so may be cut freely."""
    producer = producer_of(channel)
    if not isinstance(producer, dataflow.LoadOp) or len(producer.channels) > 1:
        return False
    return producer.once is None or iterations == 1
