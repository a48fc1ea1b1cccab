"""The units of networks that make loops: carried values, and the counter of decode steps."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerAttr, IntegerType, TensorType, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    ParsePropInAttrDict,
    operand_def,
    opt_operand_def,
    prop_def,
    var_operand_def,
)

from .network_kernel import NetworkOp, UnitOp
from .nn import expect, shape_of
from .tensors import listed
from .tiles import ChannelType, TokenType, tile_of


class LoopCarryOp(UnitOp):
    """A loop-carried value; the base of `dataflow.carry` and `rdu.carry`.

    It begins anew in every decode step; one `per_step` is carried from step to step. Without `final` nobody
    takes the last tiles.
    """

    init = operand_def(ChannelType)
    next = operand_def(ChannelType)
    final = opt_operand_def(ChannelType)
    current = var_operand_def(ChannelType)
    """Every tile goes to each of them."""
    tiles = prop_def(IntegerAttr.constr(i64))

    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "$tiles `init` $init `next` $next (`final` $final^)? `current` $current attr-dict `:` type($init)"
        "`,` type($next) `,` type($current) (`final` type($final)^)?"
    )

    def __init__(
        self,
        tiles: int,
        init: SSAValue,
        next: SSAValue,
        final: SSAValue | None,
        current: Sequence[SSAValue],
    ):
        super().__init__(operands=[init, next, final, current], properties={"tiles": IntegerAttr(tiles, i64)})

    @property
    def rounds(self) -> int:
        """How often it begins with `init` in a call."""
        kernel = self.parent_op()
        return kernel.steps if self.per_step is None and isinstance(kernel, NetworkOp) else 1

    def inputs(self) -> Sequence[SSAValue]:
        return (self.init, self.next)

    def outputs(self) -> Sequence[SSAValue]:
        return (*self.current,) if self.final is None else (self.final, *self.current)

    def consumed_tiles(self, channel: SSAValue) -> int:
        return self.tiles.value.data * (self.rounds if channel is self.init else self.passes)

    def produced_tiles(self, channel: SSAValue) -> int:
        return self.tiles.value.data * (self.rounds if channel is self.final else self.passes)

    def verify_(self) -> None:
        types = dict.fromkeys(map(tile_of, self.operands))
        expect(len(types) == 1, f"the channels of a carry have one type of tiles, not {listed(types)}")
        expect(TokenType() not in types, "a carry of tokens; it takes tiles")
        expect(self.tiles.value.data > 0, f"a carry of {self.tiles.value.data} tiles")


class StepCounterOp(UnitOp):
    """The position of each decode step; the base of `dataflow.counter` and `rdu.counter`.

    In step s of a call it puts `first` plus s into its channels. It is no access of the memory: the argument
    load has set the first value.
    """

    first = operand_def(TensorType[IntegerType])
    channels = var_operand_def(ChannelType)
    """Every number goes to each of them."""

    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$first `to` $channels attr-dict `:` type($first) `->` type($channels)"

    def __init__(self, first: SSAValue, channels: Sequence[SSAValue]):
        super().__init__(operands=[first, channels])

    @property
    def passes(self) -> int:
        kernel = self.parent_op()
        return kernel.steps if isinstance(kernel, NetworkOp) else 1

    def outputs(self) -> Sequence[SSAValue]:
        return self.channels

    def produced_tiles(self, channel: SSAValue) -> int:
        return self.passes

    def verify_(self) -> None:
        expect(shape_of(self.first) == (), f"a counter of a {self.first.type}; it counts from a scalar on")
        expect(len(self.channels) > 0, "a counter feeds at least one channel")
        for channel in self.channels:
            tile = tile_of(channel)
            expect(tile == self.first.type, f"it counts in {self.first.type}, the channel takes {tile}")
