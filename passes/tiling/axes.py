"""Along which axes a stage may be cut: what the tile rules of its operations say, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import lcm

from xdsl.ir import Attribute, BlockArgument, Operation, OpResult, SSAValue

from ...dialects import dataflow, nn
from ...dialects.dataflow_kernel import readers_of
from ...dialects.operation import ComputeOp, TileRule
from ...dialects.tensors import element_type_of, shape_of
from .streams import streams_tiles


@dataclass(frozen=True)
class Cut:
    """The axis along which a tensor is cut, and how many of its elements belong together, as a unit."""

    axis: int
    unit: int = 1


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
