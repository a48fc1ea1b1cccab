"""The `nn` operation that widens weights of fewer bits: what their codes and scales stand for.

Codes and scales are weights of their own. `nn.dequantize` is a view of them: it lies on the sockets as its
reader needs it, and is computed as they come in, so that memory holds and moves codes and scales alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import gcd
from typing import ClassVar

from xdsl.dialects.builtin import (
    DenseArrayBase,
    IntegerAttr,
    IntegerType,
    StringAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from .operation import ComputeOp, Fusion, TileRule, Without
from .sharding import (
    REPLICATED,
    CannotSplit,
    Placement,
    Replicated,
    Sharded,
    ShardView,
    Split,
    whole_blocks,
)
from .stored_formats import (
    FORMATS,
    blocks_of,
    packed_axis,
)
from .tensors import FLOAT_TENSOR, NUMBER_TENSOR, element_type_of, shape_of


@irdl_op_definition
class DequantizeOp(ComputeOp):
    """The numbers that codes stand for, `code * scale`, of which blocks share a scale; rounded once.

    `%w = nn.dequantize %codes, %scales {format = "f8e4m3", block = array<i64: 128, 128>} :
    (tensor<256x576xi8>, tensor<2x5xf32>) -> tensor<256x576xbf16>`. Two codes of 4 bits stand in a byte, along
    the last axis but one. A third operand of whole numbers has zero points, `(code - zero) * scale`; one of
    floats has the scale of all scales. Where a weight says how it is `stored`, it is read so, or in finer
    blocks along an axis that is split over sockets.
    """

    name = "nn.dequantize"

    NUMPY: ClassVar = ".backends.numerics_stored:dequantize"
    SPELLING: ClassVar = Without("weights that are declared with a scale are read through it")
    FUSION: ClassVar = Fusion("slices", "")
    WEIGHTS: ClassVar = (0, 1)

    codes = operand_def(TensorType[IntegerType])
    scales = operand_def(FLOAT_TENSOR)
    extra = opt_operand_def(NUMBER_TENSOR)
    """Zero points, as many as scales, or the scale of scales."""
    format = prop_def(StringAttr)
    block = prop_def(DenseArrayBase.constr(i64))
    """How many numbers along each axis share a scale; the last of an axis may be fewer."""
    pieces = opt_prop_def(DenseArrayBase.constr(i64))
    """Extents of the pieces, such as experts, that an axis is made of, each with blocks of its own; 0 where
    it is in one piece, as all are if absent."""
    along = opt_prop_def(IntegerAttr.constr(i64))
    """The axis along which it is cut into tiles; the last one if absent."""
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$codes `,` $scales (`,` $extra^)? attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        codes: SSAValue,
        scales: SSAValue,
        extra: SSAValue | None,
        format: str,
        block: Sequence[int],
        result_type: Attribute,
        pieces: Sequence[int] = (),
    ):
        super().__init__(
            operands=[codes, scales, extra],
            result_types=[result_type],
            properties={"format": StringAttr(format), **_block_properties(block, pieces)},
        )

    @property
    def blocks(self) -> tuple[int, ...]:
        """How many numbers along each axis share a scale."""
        return tuple(self.block.get_values())

    @property
    def piece_extents(self) -> tuple[int, ...]:
        """The extents of the pieces of each axis; 0 where it is in one."""
        return tuple(self.pieces.get_values()) if self.pieces is not None else (0,) * len(self.blocks)

    @property
    def has_zeros(self) -> bool:
        """Whether there are zero points."""
        return self.extra is not None and isinstance(element_type_of(self.extra), IntegerType)

    # Tiles.

    def read_along(self, axis: int) -> None:
        self.along = IntegerAttr(axis, i64)

    def tile_rule(self) -> TileRule:
        """Cut at whole blocks, or at whole pieces where blocks do not divide them."""
        rank = len(self.blocks)
        axis = rank - 1 if self.along is None else self.along.value.data
        per_byte = FORMATS[self.format.data].codes_per_byte if axis == packed_axis(rank) else 1
        kinds = [(1, per_byte), self._ratio(axis)]
        if self.extra is not None:
            kinds.append(kinds[1] if self.has_zeros else (1, self.piece_extents[axis]))
        operands = tuple(axis if indices else None for _, indices in kinds)
        return TileRule(operands, axis, ratios=tuple((own, max(indices, 1)) for own, indices in kinds))

    def _ratio(self, axis: int) -> tuple[int, int]:
        """So many scales for so many indices of the result along an axis; (1, 0) where all share one."""
        extent, block, piece = shape_of(self.result)[axis], self.blocks[axis], self.piece_extents[axis]
        if piece and piece < extent and piece % block:
            return blocks_of(piece, block), piece
        return (1, block) if shape_of(self.scales)[axis] > 1 else (1, 0)

    # Sockets.

    def shard(self, view: ShardView) -> Sharded:
        """Of codes that are no weights; see `of_weights` for those that are."""
        return view.whole()

    def preferred(self, view: ShardView) -> Placement | None:
        """As its codes had best be."""
        return view.preferred.get(0)

    def of_weights(self, result: Placement) -> Sequence[Placement]:
        """Codes are split as numbers are; scales as well, in finer blocks where parts end within blocks."""
        if isinstance(result, Replicated):
            return (REPLICATED,) * len(self.operands)
        if result.places:  # whole slots, each with its scales
            return (result,) * len(self.operands)
        codes, scales = self._codes(result), self._scales(result)
        if self.extra is None:
            return codes, scales
        return codes, scales, scales if self.has_zeros else self._tensor_scale(result)

    def become_part(self, result: Placement) -> None:
        if isinstance(result, Replicated) or result.places:
            return
        block, pieces = [*self.blocks], [*self.piece_extents]
        axis, unit = result.axis, self._unit(result)
        if unit:
            block[axis] = unit
        elif shape_of(self.scales)[axis] > 1 or block[axis] > self._part(result):
            block[axis] = self._part(result)
        if result.blocks > 1 and pieces[axis]:
            pieces[axis] //= result.parts
        self.block = DenseArrayBase.from_list(i64, block)
        self.pieces = DenseArrayBase.from_list(i64, pieces) if any(pieces) else None

    def wholes(
        self, operands: Sequence[Placement]
    ) -> Sequence[tuple[Placement, Mapping[str, Attribute | None]]]:
        """As its codes lie, of blocks and pieces that its own may be parts of."""
        codes, scales = operands[:2]
        if isinstance(codes, Replicated) or codes.places:
            return [(codes, {})]
        packed = FORMATS[self.format.data].codes_per_byte
        packed = packed if codes.axis == packed_axis(len(self.blocks)) else 1
        result = replace(codes, runs=tuple(run * packed for run in codes.runs))
        extent = result.whole(shape_of(self.result)[codes.axis])
        blocks = whole_blocks(self.blocks, self.piece_extents, codes, scales, extent)
        return [(result, _block_properties(*one)) for one in blocks]

    def _part(self, result: Split) -> int:
        """The elements of one part in a row: those of each block where the axis is split block by block."""
        return result.extent(shape_of(self.result)[result.axis]) // result.blocks

    def _codes(self, result: Split) -> Split:
        """Raises: CannotSplit where a part would begin within a byte."""
        per_byte = FORMATS[self.format.data].codes_per_byte
        if per_byte == 1 or result.axis != packed_axis(len(self.blocks)):
            return result
        for extent in (self._part(result), *result.runs):
            if extent % per_byte:
                message = f"{extent} codes of {self.format.data} are no whole bytes"
                raise CannotSplit(message, "take a number of sockets of which each gets an even number")
        return _divided(result, per_byte)

    def _unit(self, result: Split) -> int:
        """The blocks of a part; 0 where all numbers of a piece have one scale."""
        axis, part = result.axis, self._part(result)
        block, piece = self.blocks[axis], self.piece_extents[axis]
        if piece and part % piece == 0 and result.blocks == 1:
            return block
        whole = shape_of(self.result)[axis] // result.blocks
        if blocks_of(whole, block, piece) == 1 and not (self.has_zeros and result.runs):
            return 0
        return gcd(block, part, *result.runs)

    def _scales(self, result: Split) -> Placement:
        axis, unit = result.axis, self._unit(result)
        if not unit:
            return REPLICATED
        block, piece = self.blocks[axis], self.piece_extents[axis]
        if unit == block:
            return _divided(result, unit) if result.runs else result
        whole = shape_of(self.result)[axis] // result.blocks
        runs = _divided(result, unit).runs
        times = block // unit
        if not runs and whole % block:
            runs = (whole // unit, 0)
        assert piece in (0, whole), "a part that ends within pieces is split piece by piece"
        return Split(axis, result.parts, runs, result.zeros, result.blocks, times)

    def _tensor_scale(self, result: Split) -> Placement:
        """One of each piece: whole, unless pieces themselves go to different sockets."""
        piece = self.piece_extents[result.axis]
        apart = piece and result.blocks == 1 and shape_of(self.result)[result.axis] > piece
        return Split(result.axis, result.parts) if apart else REPLICATED


def _block_properties(block: Sequence[int], pieces: Sequence[int]) -> dict[str, Attribute | None]:
    """Of blocks and pieces; those of an axis in one are left out where all are."""
    return {
        "block": DenseArrayBase.from_list(i64, block),
        "pieces": DenseArrayBase.from_list(i64, pieces) if any(pieces) else None,
    }


def _divided(placement: Split, by: int) -> Split:
    """The same of an axis with so many times fewer elements."""
    runs = tuple(run // by for run in placement.runs)
    return Split(placement.axis, placement.parts, runs, placement.zeros, placement.blocks)


STORED_OPERATIONS = (DequantizeOp,)
"""Those of `nn` in this file."""
