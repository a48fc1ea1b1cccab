"""The units of networks that make loops: carried values, and the counter of decode steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, IntegerType, TensorType, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    prop_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import HasParent

from .dataflow_kernel import KernelOp
from .dataflow_units import HandedOn, UnitOp
from .machine import Machine
from .nn import expect, shape_of, size_bytes_of
from .tensors import listed
from .tiles import ChannelType, TokenType, tile_of, tiled_axis
from .vocabulary import Rate


@irdl_op_definition
class CarryOp(UnitOp):
    """The carried value of a looped kernel.

    Iteration 0 of a decode step gets the tiles of `init` as `current`, iteration i > 0 those that iteration
    i - 1 put into `next`; those of the last iteration become `final`. `tiles` is the number of tiles per
    iteration. At rate "step" it is the steps of a call that follow one another so. Without `final` nobody
    takes the last tiles.
    """

    name = "dataflow.carry"
    FREES_LATE: ClassVar[bool] = True

    init = operand_def(ChannelType)
    next = operand_def(ChannelType)
    final = opt_operand_def(ChannelType)
    current = var_operand_def(ChannelType)
    """Every tile goes to each of them."""
    tiles = prop_def(IntegerAttr.constr(i64))

    traits = traits_def(HasParent(KernelOp))
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
        return kernel.steps if self.runs == "iteration" and isinstance(kernel, KernelOp) else 1

    def inputs(self) -> Sequence[SSAValue]:
        return (self.init, self.next)

    def outputs(self) -> Sequence[SSAValue]:
        return (*self.current,) if self.final is None else (self.final, *self.current)

    def consumed_tiles(self, channel: SSAValue) -> int:
        return self.work * (self.rounds if channel is self.init else self.passes)

    def produced_tiles(self, channel: SSAValue) -> int:
        return self.work * (self.rounds if channel is self.final else self.passes)

    def pass_tiles(self, channel: SSAValue) -> int:
        return self.work

    def handed_on(self) -> HandedOn:
        return HandedOn(self.init, self.next, self.current)

    def cut(self, tile: Attribute) -> None:
        whole = max(map(tile_of, self.operands), key=size_bytes_of)
        self.tiles = IntegerAttr(tiled_axis(shape_of(whole), shape_of(tile))[1], i64)

    def distance(self, channel: SSAValue) -> int | None:
        if channel is self.next:
            return 1
        return None if channel is self.init or channel is self.final else 0

    @property
    def work(self) -> int:
        return self.tiles.value.data

    def pace(self, machine: Machine) -> tuple[int, int]:
        return 1, 1

    @property
    def title(self) -> str:
        return "carry"

    @property
    def beside(self) -> SSAValue:
        return [*self.current, *self.outputs()][0]

    def verify_(self) -> None:
        super().verify_()
        types = dict.fromkeys(map(tile_of, self.operands))
        expect(len(types) == 1, f"the channels of a carry have one type of tiles, not {listed(types)}")
        expect(TokenType() not in types, "a carry of tokens; it takes tiles")
        expect(self.tiles.value.data > 0, f"a carry of {self.tiles.value.data} tiles")


@irdl_op_definition
class CounterOp(UnitOp):
    """The position of each decode step: `dataflow.counter %position to %p : tensor<i32> -> …`.

    In step s of a call it puts `first` plus s into its channels. It is no access of the memory: the argument
    load has set the first value. So it takes no time.
    """

    name = "dataflow.counter"
    LEGAL_RATES: ClassVar[tuple[Rate, ...]] = ("step",)

    first = operand_def(TensorType[IntegerType])
    channels = var_operand_def(ChannelType)
    """Every number goes to each of them."""

    traits = traits_def(HasParent(KernelOp))
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$first `to` $channels attr-dict `:` type($first) `->` type($channels)"

    def __init__(self, first: SSAValue, channels: Sequence[SSAValue]):
        super().__init__(operands=[first, channels])

    def outputs(self) -> Sequence[SSAValue]:
        return self.channels

    def verify_(self) -> None:
        super().verify_()
        expect(shape_of(self.first) == (), f"a counter of a {self.first.type}; it counts from a scalar on")
        expect(len(self.channels) > 0, "a counter feeds at least one channel")
        for channel in self.channels:
            tile = tile_of(channel)
            expect(tile == self.first.type, f"it counts in {self.first.type}, the channel takes {tile}")
