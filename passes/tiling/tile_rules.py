"""Along which axis an nn operation may be cut into tiles."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.ir import Operation

from ...dialects import nn


@dataclass(frozen=True)
class TileRule:
    """The tiled axis of each operand and of the result; None stands for the whole tensor.

    Every tile's extent is a multiple of `multiple`. Where the result is whole although operands are cut,
    the operation accumulates over the tiles.
    """

    operands: tuple[int | None, ...]
    result: int | None
    multiple: int = 1

    @property
    def accumulates(self) -> bool:
        """Whether the operation adds up its tiles, in order."""
        return self.result is None and any(axis is not None for axis in self.operands)


def tile_rule(op: Operation) -> TileRule | None:
    """The rule of an operation, or None where it needs its operands whole."""
    match op:
        case nn.MatmulOp():
            return TileRule((None, 1), 1)
        case nn.BinaryOp() | nn.UnaryOp() if nn.shape_of(op.results[0]):
            last = len(nn.shape_of(op.results[0])) - 1
            return TileRule((last,) * len(op.operands), last)
        case nn.RopeOp():
            return TileRule((1, None), 1, op.head_dim.value.data)
        case nn.AttentionScoresOp():
            return TileRule((None, 2), 2)
        case nn.AttentionValuesOp():
            return TileRule((2, 2, None), None)
        case _:
            return None
