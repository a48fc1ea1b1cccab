"""Streams between memory and channels, at both levels."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerType, MemRefType, TensorType, UnitAttr
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    ParsePropInAttrDict,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    var_operand_def,
)

from .network_kernel import UnitOp
from .nn import expect
from .tiles import ChannelType, expect_tokens


class StreamUnitOp(UnitOp):
    """A stream from or to memory, which may also run just once a call."""

    once = opt_prop_def(UnitAttr)

    @property
    def passes(self) -> int:
        return super().passes if self.once is None else 1

    def verify_(self) -> None:
        both = self.once is not None and self.per_step is not None
        expect(not both, "a stream runs `once` or `per_step`, not both")


class LoadStreamOp(StreamUnitOp):
    """A stream from memory to channels; the base of `dataflow.load` and `rdu.load`."""

    source = operand_def(TensorType[Attribute] | MemRefType[Attribute])
    after = opt_operand_def(ChannelType)
    position = opt_operand_def(TensorType[IntegerType])
    channels = var_operand_def(ChannelType)
    """Every tile goes to each of them."""

    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "$source `to` $channels (`after` $after^ `:` type($after))? "
        "(`position` $position^ `:` type($position))? attr-dict `:` type($source) `->` type($channels)"
    )

    def __init__(
        self,
        source: SSAValue,
        channels: Sequence[SSAValue],
        after: SSAValue | None,
        position: SSAValue | None,
        properties: dict[str, Attribute | None],
    ):
        super().__init__(operands=[source, after, position, channels], properties=properties)

    def inputs(self) -> Sequence[SSAValue]:
        return () if self.after is None else (self.after,)

    def outputs(self) -> Sequence[SSAValue]:
        return self.channels

    def consumed_tiles(self, channel: SSAValue) -> int:
        return self.passes

    def verify_(self) -> None:
        super().verify_()
        expect_tokens(() if self.after is None else (self.after,), "`after`")
        types = {channel.type for channel in self.channels}
        expect(len(types) == 1, "a load feeds one or more channels of one tile type")
