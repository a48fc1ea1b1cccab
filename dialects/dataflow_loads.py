"""The loads of networks: what streams from memory into channels, as it lies there or slices by index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, IntegerType, MemRefType, TensorType, i32, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import HasParent
from xdsl.utils.exceptions import VerifyException

from .alike import integers
from .dataflow_kernel import KernelOp, channel_of
from .dataflow_loops import Slices
from .dataflow_parts import StreamOp, stream_properties, stream_tiles
from .rules.shapes import gathered_shape
from .tensors import ChannelType, element_type_of, expect, expect_tokens, shape_of, tile_of
from .tiles import SlotTiles, last_tile, slot_tiles, tiled_axis


@irdl_op_definition
class LoadOp(StreamOp):
    """Stream a tensor from memory, tile by tile: `dataflow.load %w to %c {start = 0, stride = 1} : …`.

    With `start` and `stride`, iteration i of its loop reads slice `start + i * stride` of a stack; with
    `outer_strides` the slice moves with the loops around it, too, the outermost first. With `after` and
    `position`, the tile that holds the position (along the tiled axis) and those behind it wait for a token
    of `after`, one an iteration. A kernel of several decode steps counts its positions: step s is at
    `position` plus s. With `ring` a position is where it is in a ring, modulo the extent of the axis.

    With `by` it reads slices by index: `dataflow.load %stack by %ids along 1 to %c : tensor<8x4x6xbf16>,
    !dataflow.channel<tensor<2xi32>> -> …`. Its source, or the slice of it, is a stack; a pass takes a tile of
    ids `[S]` and streams the slices that they name, put together along one of their axes into S *slots*. A
    slot of id -1 is zeros, and nothing is read for it. A tile is part of a slot, or has whole slots.
    """

    name = "dataflow.load"
    RESOURCE: ClassVar[str | None] = "hbm"

    source = operand_def(TensorType[Attribute] | MemRefType[Attribute])
    by = opt_operand_def(ChannelType)
    """It brings the ids of the slices that a pass reads, in one tile."""
    after = opt_operand_def(ChannelType)
    position = opt_operand_def(TensorType[IntegerType])
    channels = var_operand_def(ChannelType)
    """Every tile goes to each of them."""
    along = opt_prop_def(IntegerAttr.constr(i64))
    """The axis of a slice along which slots lie side by side."""

    traits = traits_def(HasParent(KernelOp))
    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "$source (`by` $by^ `along` $along)? `to` $channels (`after` $after^ `:` type($after))? "
        "(`position` $position^ `:` type($position))? attr-dict "
        "`:` type($source) (`,` type($by)^)? `->` type($channels)"
    )

    def __init__(
        self,
        source: SSAValue,
        channels: Sequence[SSAValue],
        *,
        slices: Slices | None = None,
        after: SSAValue | None = None,
        position: SSAValue | None = None,
        ring: bool = False,
        by: SSAValue | None = None,
        along: int | None = None,
    ):
        properties = stream_properties(slices, ring=ring)
        properties["along"] = None if along is None else IntegerAttr(along, i64)
        super().__init__(operands=[source, by, after, position, channels], properties=properties)

    def inputs(self) -> Sequence[SSAValue]:
        return tuple(channel for channel in (self.by, self.after) if channel is not None)

    def outputs(self) -> Sequence[SSAValue]:
        return self.channels

    @property
    def is_alone(self) -> bool:
        """Whether it has one reader, which decides alone how its tiles are cut and loaded ahead."""
        return len(self.channels) == 1

    @property
    def stream_type(self) -> Attribute:
        """Type of what one pass reads: the source, or one slice of it; by index, the slots."""
        part = self.part_of(self.source.type)
        if self.by is None:
            return part
        return TensorType(element_type_of(part), gathered_shape(self.slice_shape, self.axis, self.slots))

    @property
    def slice_shape(self) -> tuple[int, ...]:
        """The shape of what it reads by an id: a slice, as `[1, N]` where slices `[N]` are rows of tiles."""
        slice_, tile = shape_of(self.part_of(self.source.type))[1:], tile_of(self.channels[0])
        is_row = len(slice_) == 1 and isinstance(tile, TensorType) and len(tile.get_shape()) == 2
        return (1, *slice_) if is_row else slice_

    @property
    def axis(self) -> int:
        """The axis of a slice, and of the stream, along which slots lie."""
        assert self.along is not None, "asked only of loads by index"
        return self.along.value.data

    @property
    def slots(self) -> int:
        """How many slices a pass reads, each by an id of its own."""
        assert self.by is not None, "asked only of loads by index"
        return shape_of(tile_of(self.by))[0]

    @property
    def slot_tiles(self) -> SlotTiles | None:
        """How its tiles cut slots; None where it reads what lies in memory as it is.

        Raises: VerifyException for tiles that cross the end of a slot.
        """
        if self.by is None:
            return None
        return slot_tiles(
            shape_of(self.stream_type), shape_of(tile_of(self.channels[0])), self.axis, self.slots
        )

    def consumed_tiles(self, channel: SSAValue) -> int:
        return self.passes

    @property
    def work(self) -> int:
        return stream_tiles(self.stream_type, self.channels[0])

    def take_work(self, channel: SSAValue) -> tuple[Sequence[int], Sequence[int]]:
        first = 0 if channel is self.by else self.work - 1
        return (first,), (self.work - 1,)

    @property
    def last_tile(self) -> tuple[int, ...]:
        """The shape of what the last tile of a pass has in memory, where that is less; else ()."""
        return last_tile(shape_of(self.stream_type), shape_of(tile_of(self.channels[0])))

    def cut_extents(self, known: Mapping[SSAValue, int]) -> Iterable[tuple[SSAValue, int]]:
        whole = shape_of(self.stream_type)
        axis, _ = tiled_axis(whole, shape_of(tile_of(self.channels[0])))
        return () if axis is None else [(channel, whole[axis]) for channel in self.channels]

    @property
    def memory(self) -> SSAValue:
        return self.source

    @property
    def memory_port(self) -> SSAValue:
        return self.channels[0]

    def verify_(self) -> None:
        super().verify_()
        expect_tokens(() if self.after is None else (self.after,), "`after`")
        types = {channel.type for channel in self.channels}
        expect(len(types) == 1, "a load feeds one or more channels of one tile type")
        self.verify_slices(self.source.type)
        self._verify_index()
        self._verify_residence()
        expect((self.after is None) == (self.position is None), "give `after` and `position` together")
        self.verify_position(self.position)
        stream_tiles(self.stream_type, self.channels[0])
        _ = self.slot_tiles

    def _verify_residence(self) -> None:
        """Raises: VerifyException where it says other PMUs of a resident weight than its channel has."""
        given = self.attributes.get("resident")
        if given is None:
            return
        right = isinstance(given, DenseArrayBase) and given.elt_type == i64 and len(given) == 2
        expect(right, f"`resident` is the first PMU and their number, an array<i64: …> of two, not {given}")
        channel = channel_of(self.channels[0])
        for number, place in zip(integers(given), (channel.pmu_first, channel.pmus), strict=True):
            if place is not None and place.value.data != number:
                raise VerifyException(f"`resident` says {number} where its channel has {place.value.data}")

    def _verify_index(self) -> None:
        """Raises: VerifyException where ids name no slices of what it reads."""
        expect((self.by is None) == (self.along is None), "give `by` and `along` together")
        if self.by is None or self.along is None:
            return
        ids, stack = tile_of(self.by), self.part_of(self.source.type)
        named = isinstance(ids, TensorType) and ids.get_element_type() == i32 and len(ids.get_shape()) == 1
        expect(named, f"slices are named by a row of i32, not by {ids}")
        expect(isinstance(stack, TensorType), f"slices of a {stack}; what is read by index is never written")
        expect(self.after is None, "a load by index waits for no position")
        rank = len(self.slice_shape)
        expect(0 <= self.axis < rank, f"along axis {self.axis} of slices of rank {rank}")
