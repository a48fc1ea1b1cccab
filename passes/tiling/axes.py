"""Along which axes a stage may be cut: the tile rules of its operations, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

from xdsl.ir import Attribute, Operation, SSAValue

from ...dialects import dataflow, nn
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
        nn.shape_of(argument)[axis]
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
        for reader in dataflow.readers_of(channel):
            if isinstance(reader, dataflow.StoreOp) and reader.position is not None:
                assert reader.destination is not None, "checked by the store's verifier"
                multiple = lcm(multiple, nn.shape_of(reader.destination)[-1])
    return multiple


def streams_tiles(channel: SSAValue, iterations: int) -> bool:
    """Whether a channel is fed by a load of its own that runs every iteration, and so may be cut freely."""
    producer = dataflow.producer_of(channel)
    if not isinstance(producer, dataflow.LoadOp) or not producer.is_alone:
        return False
    return producer.runs != "call" or iterations == 1
