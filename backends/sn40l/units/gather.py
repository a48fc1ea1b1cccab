"""Gathers: streams that read the rows of a table that a tile of indices names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...tensors import Array, TensorSpec
from ..address import packed
from ..binding import Arguments, Bound
from ..covered import Covered
from ..errors import HazardError, ProgramError, require, require_extents
from ..firing import Place
from ..kernel import Kernel, Unit
from ..memory import Data
from ..ports import Port
from .common import StreamRun
from .patterns import AddressPattern, require_parameter, require_tiles

if TYPE_CHECKING:
    from ....dialects.dataflow import GatherOp
    from ..numbering import Numbering


@dataclass(frozen=True)
class Gather(Unit):
    """An AGCU stream that reads the rows of a table `[rows, …]` that a tile of indices names."""

    ids: int
    channels: tuple[int, ...]
    parameter: int
    table: TensorSpec
    sharded: bool = False
    """The rows are split over the sockets; a row of another socket arrives as zeros."""
    whole_rows: int | None = None
    """Rows of the whole table, where the parts have zeros behind them."""

    op_name: ClassVar[str] = "dataflow.gather"

    @property
    def firings_per_pass(self) -> int:
        return 1

    @property
    def memory(self) -> int:
        return self.parameter

    def covers(self, kernel: Kernel) -> Covered:
        table = kernel.parameters[self.parameter]
        same = table.tensor == self.table
        require(same, f"its table is a {self.table}, '{table.name}' a {table.tensor}")
        return Covered(1, 0, tuple((loop.count, 0) for loop in kernel.tree.path(self.runs(kernel))))

    @property
    def across_sockets(self) -> str | None:
        return "rows of other sockets" if self.sharded else None

    @property
    def row(self) -> TensorSpec:
        """A row of the table."""
        return TensorSpec(self.table.shape[1:], self.table.dtype)

    def rows(self, sockets: int) -> int:
        """Rows of the whole table."""
        return self.whole_rows or self.table.shape[0] * (sockets if self.sharded else 1)

    def takes(self, kernel: Kernel, gates: Sequence[int] = (0,)) -> tuple[Port, ...]:
        return (Port(self.ids, self.passes(kernel)),)

    def puts(self, kernel: Kernel) -> tuple[Port, ...]:
        return tuple(Port(channel, self.passes(kernel)) for channel in self.channels)

    def bind(self, kernel: Kernel, index: int, arguments: Arguments) -> Bound:
        """It may touch its whole table each time."""
        strides = packed(self.table.shape, self.table.element_bytes).strides
        pattern = AddressPattern(self.parameter, self.table, strides, tiles=1, tile_stride=0)
        return Bound(pattern.walk(self, kernel, index, arguments))

    def check(self, kernel: Kernel, sockets: int) -> None:
        require_parameter(kernel, self.parameter)
        ids = kernel.channels[self.ids].tile
        if ids is None:
            raise ProgramError("its indices are bare tokens")
        require(ids.dtype in ("i32", "i64"), f"its indices are {ids}; they must be i32 or i64")
        require(len(self.table.shape) > 0, f"its table is a {self.table}, it has no rows")
        require(not self.sharded or sockets > 1, "its rows are split over sockets, and there is one")
        require(self.whole_rows != 0, "its whole table has 0 rows")
        parts = self.table.shape[0] * (sockets if self.sharded else 1)
        rows = self.rows(sockets)
        require(
            self.whole_rows != 0 and 0 < rows <= parts, f"its whole table has {rows} rows, the parts {parts}"
        )
        require(self.sharded or self.whole_rows is None, f"{rows} rows of a whole table that is not split")
        require_extents(self.table, "its table")
        require_tiles(kernel, self.channels, TensorSpec((*ids.shape, *self.row.shape), self.table.dtype))

    def fault(self, whole: TensorSpec, split: int | None, sockets: int) -> str:
        given, rows = self.rows(sockets), (*whole.shape, 1)[0]
        if given != rows:
            return f"it knows {given} rows, the whole of its table, a {whole}, has {rows}"
        if self.sharded != (split == 0):
            here, there = ("" if one else "not " for one in (self.sharded, split == 0))
            return f"its rows are {here}split over the sockets, those of its table are {there}split"
        return ""

    @staticmethod
    def emit(op: GatherOp, numbering: Numbering) -> Gather:
        return Gather(
            f"gather {numbering.name(op.table)}",
            numbering.channel(op.ids),
            numbering.channels(op.channels),
            numbering.parameter(op.table),
            numbering.spec(op.table.type),
            op.sharded is not None,
            None if op.rows is None else op.rows.value.data,
        )


class GatherRun(StreamRun):
    """A gather: it waits for its indices, then reads the rows that they name in one transfer.

    Where the rows are split over the sockets, those of others are zeros, and take as long as its own.
    """

    unit: Gather

    def __init__(self, unit: Gather, place: Place):
        ids, row = place.inputs[0].channel.channel.tile, unit.row
        assert ids is not None, "checked: indices are tiles"
        super().__init__(unit, place, packed(row.shape, row.element_bytes), ids.elements)

    def serve(self, now: int, end: int, firing: int) -> None:
        around, calendar = self.around, self.around.calendar
        around.order.record(self.index, firing, now)
        tile = self._rows(around.data, now, firing) if around.data is not None else None
        calendar.at(end, self.inputs[0].channel.release, 1)
        for port in self.outputs:
            channel = port.channel
            calendar.at(end + self.latency + channel.latency, channel.deliver, firing, tile)

    def _rows(self, data: Data, now: int, firing: int) -> Array:
        """The rows that the indices name, wherever that is in memory.

        Raises: HazardError if a row lies outside every region, or is none of any socket's.
        """
        import numpy as np

        ids = self.inputs[0].channel.tiles(firing, 1)[0]
        rows = [self._row(data, now, index) for index in ids.ravel().tolist()]
        return np.stack(rows).reshape(*ids.shape, *self.unit.row.shape)

    def _row(self, data: Data, now: int, index: int) -> Array:
        row, rows = self.unit.row, self.unit.rows(self.around.machine.sockets)
        if not 0 <= index < rows:
            raise self._outside(now, f"row {index}; its table has rows 0 to {rows - 1}")
        owner, index = divmod(index, self.unit.table.shape[0])
        if self.unit.sharded and owner != self.around.socket:
            return row.zeros()
        layout = packed(row.shape, row.element_bytes)
        address = self.walk.start + index * row.size_bytes
        outside = self.around.memory.first_outside(address, layout)
        if outside is not None:
            raise self._outside(now, f"row {index} at address {outside}, which is outside every region")
        return data.read(address, layout, row)

    def _outside(self, now: int, what: str) -> HazardError:
        return HazardError(f"hazard at cycle {now}: {self} reads {what}", self.unit.location)
