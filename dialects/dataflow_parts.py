"""What loads and stores have in common: the part of a memory that a pass works on, and positions in it.

Loads, stores and gathers alone touch memory.

**Last tiles.** Tiles cut a tensor along one axis, into as many as cover it. Where the last one hangs over, a
load brings what is left of the tensor and zeros behind it; a store writes what is left, and no more.
"""

from __future__ import annotations

from abc import ABC
from itertools import product
from operator import mul

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, UnitAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import opt_prop_def

from .dataflow_kernel import KernelOp
from .dataflow_loops import Slices, outer_strides, outer_strides_attribute
from .dataflow_units import UnitOp
from .tensors import data_tile_of, expect, shape_of, slice_type
from .tiles import tiled_axis


def stream_tiles(whole: Attribute, channel: SSAValue) -> int:
    """Tiles of a channel that make up a tensor.

    Raises: VerifyException where they do not cut it along one axis.
    """
    return tiled_axis(shape_of(whole), shape_of(data_tile_of(channel, whole, "the stream")))[1]


class StreamOp(UnitOp, ABC):
    """A unit that walks through a memory, or slices of it; the base of loads and stores."""

    start = opt_prop_def(IntegerAttr.constr(i64))
    stride = opt_prop_def(IntegerAttr.constr(i64))
    outer_strides = opt_prop_def(DenseArrayBase.constr(i64))
    ring = opt_prop_def(UnitAttr)
    """Its position is taken modulo the positions that there are."""

    def part_of(self, memory: Attribute) -> Attribute:
        """The type of what one pass works on: all of a memory, or one slice of it."""
        return memory if self.start is None else slice_type(memory)

    def verify_position(self, position: SSAValue | None) -> None:
        """Raises: VerifyException for a position that is no scalar, and a ring without one."""
        if position is None:
            expect(self.ring is None, "`ring` says what a position means; it needs one")
        else:
            expect(shape_of(position) == (), f"a position is a scalar, not a {position.type}")

    def verify_slices(self, memory: Attribute | None, *, whole: bool = False) -> None:
        """Raises: VerifyException for slices that a memory has not, or, if it must be `whole`, leaves out."""
        expect((self.start is None) == (self.stride is None), "give `start` and `stride` together")
        inner = self.outer_strides is None or self.stride is not None
        expect(inner, "`outer_strides` need `start` and `stride`")
        if self.start is None or memory is None or not isinstance(self.parent_op(), KernelOp):
            return
        expect(len(shape_of(memory)) > 0, f"`start` and `stride` need a stack, not a {memory}")
        counts, given = self.loops.counts(self.runs), outer_strides(self.outer_strides)
        around = max(0, len(counts) - 1)
        expect(len(given) in (0, around), f"{len(given)} outer strides in {around} loops around")
        strides, first, length = self.slice_strides(), self.start.value.data, shape_of(memory)[0]
        moves = [(n - 1) * stride for n, stride in zip(counts, strides, strict=True)]
        low, high = (first + sum(end(0, move) for move in moves) for end in (min, max))
        expect(low >= 0 and high < length, f"it uses slices {low} to {high} of a stack of {length}")
        if whole:
            touched = {first + sum(map(mul, numbers, strides)) for numbers in product(*map(range, counts))}
            expect(len(touched) == length, f"it stores {len(touched)} slices of a result of {length}")


def stream_properties(slices: Slices | None, *, ring: bool) -> dict[str, Attribute | None]:
    """The properties that say which part a stream works on."""
    properties: dict[str, Attribute | None] = {"ring": UnitAttr() if ring else None}
    if slices is not None:
        properties["start"] = IntegerAttr(slices.start, i64)
        properties["stride"] = IntegerAttr(slices.stride, i64)
        properties["outer_strides"] = outer_strides_attribute(slices.outer)
    return properties
