"""Address patterns: how streams walk through the memory of a parameter, and checks of what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from ....dialects.vocabulary import STEP
from ...tensors import TensorSpec
from ..address import Layout, Level, Ring, Walk
from ..binding import Arguments
from ..errors import require, require_extents
from ..kernel import Kernel, Unit

if TYPE_CHECKING:
    from xdsl.ir import SSAValue

    from ....dialects.dataflow import LoadOp, StoreOp
    from ..numbering import Numbering


@dataclass(frozen=True)
class AddressPattern:
    """How a stream walks through memory, all in bytes from the parameter's address.

    `tile` may have another shape than the channel's tile, with as many elements of the same type. Tile t in
    iteration i of its loop begins at `start + i * pass_stride + t * tile_stride`; inside, element (a, b, …)
    of the tile lies at the dot product with `strides`. With `outer_strides` it moves with the loops around as
    well, the outermost first. With `position_stride`, `position * position_stride` is added, position being
    the scalar that `position_parameter` points to plus the number of the decode step, modulo `ring` if given.
    """

    parameter: int
    tile: TensorSpec
    strides: tuple[int, ...]
    tiles: int
    tile_stride: int
    start: int = 0
    pass_stride: int = 0
    position_parameter: int | None = None
    position_stride: int = 0
    outer_strides: tuple[int, ...] = ()
    ring: int | None = None
    last: tuple[int, ...] = ()
    """The shape of what the last tile of a pass has in memory, zeros behind it; () where it has all."""

    def check(self, kernel: Kernel, unit: Unit) -> None:
        """Raises: ProgramError where it points to no parameter or its strides do not fit."""
        require_parameter(kernel, self.parameter)
        given, rank = len(self.strides), len(self.tile.shape)
        require(given == rank, f"{given} strides for a tile of rank {rank}")
        require_extents(self.tile, "its tile")
        path = kernel.tree.path(unit.runs(kernel))
        given, around = len(self.outer_strides), max(0, len(path) - 1)
        require(given in (0, around), f"{given} outer strides in {around} loops around")
        if self.position_parameter is not None:
            require_scalar(kernel, self.position_parameter)
        if self.ring is not None:
            require(self.position_parameter is not None, "a ring without a position")
            require(self.ring > 0, f"a ring of {self.ring} positions")
            moves = path and path[0].name == STEP and self.loop_strides(len(path))[0]
            require(not moves, "a stream of a ring moves in decode steps besides its position")
        if self.last:
            self._check_last()

    def _check_last(self) -> None:
        """Raises: ProgramError unless the last tile is shorter along one axis and follows those before it."""
        shape, last = self.tile.shape, self.last
        axes = [axis for axis, (a, b) in enumerate(zip(shape, last, strict=False)) if a != b]
        one = len(shape) == len(last) and len(axes) == 1
        require(one and 0 < last[axes[0]] < shape[axes[0]], f"its last tile has {last} of {shape}")
        distance = shape[axes[0]] * self.strides[axes[0]]
        require(self.tiles > 1, f"its last tile has {last} of {shape}, and it is the only one")
        what = f"its tiles are {self.tile_stride} bytes apart, a shorter last one follows after {distance}"
        require(self.tile_stride == distance, what)

    @property
    def positions(self) -> tuple[int, ...]:
        """The parameter of its position, if it has one."""
        return () if self.position_parameter is None else (self.position_parameter,)

    @property
    def overhang(self) -> int:
        """Indices along the axis of the tiles that the last one lacks."""
        return sum(self.tile.shape) - sum(self.last) if self.last else 0

    def walk(self, unit: Unit, kernel: Kernel, index: int, arguments: Arguments) -> Walk:
        """The walk of a unit for the arguments of a call."""
        start = arguments.addresses[self.parameter] + self.start
        path = kernel.tree.path(unit.runs(kernel))
        strides = self.loop_strides(len(path))
        levels = [Level(loop.name, loop.count, stride) for loop, stride in zip(path, strides, strict=True)]
        if self.position_parameter is not None:
            position = arguments.position(self.position_parameter)
            if path and path[0].name == STEP:
                levels[0] = self._stepping(levels[0], position)
            if not levels or levels[0].ring is None:
                start += self.slot(position) * self.position_stride
        return Walk(
            unit=index,
            writes=unit.writes,
            layout=self.layout,
            start=start,
            tiles=self.tiles,
            tile_stride=self.tile_stride,
            levels=tuple(levels),
            placement=kernel.placements[index],
            last=self._layout(self.last) if self.last else None,
        )

    @cached_property
    def layout(self) -> Layout:
        """One tile lies in memory like this."""
        return self._layout(self.tile.shape)

    def _layout(self, shape: tuple[int, ...]) -> Layout:
        return Layout(shape, self.strides, self.tile.element_bytes)

    def spec(self, layout: Layout) -> TensorSpec:
        """What a tile has in memory that lies like this."""
        return TensorSpec(layout.shape, self.tile.dtype)

    def loop_strides(self, loops: int) -> tuple[int, ...]:
        """Bytes that it moves in each of the loops around, the outermost first, but for its position."""
        return (*(self.outer_strides or (0,) * (loops - 1)), self.pass_stride) if loops else ()

    def slot(self, position: int) -> int:
        """Where a position is in the memory."""
        return position if self.ring is None else position % self.ring

    def _stepping(self, level: Level, position: int) -> Level:
        """The level of decode steps, in each of which the position is one further."""
        stride, slot = level.stride + self.position_stride, self.slot(position)
        if self.ring is None or slot + level.count <= self.ring:
            return replace(level, stride=stride)
        return replace(level, stride=stride, ring=Ring(slot, self.ring))


def emit_pattern(
    op: LoadOp | StoreOp,
    numbering: Numbering,
    parameter: int,
    tile: TensorSpec,
    position: SSAValue | None = None,
) -> AddressPattern:
    """How the stream of an operation walks through the memory of a parameter."""
    walk = numbering.walk(op)
    return AddressPattern(
        parameter,
        tile,
        walk.strides,
        walk.tiles,
        walk.tile_stride,
        walk.start,
        walk.pass_stride,
        None if position is None else numbering.parameter(position),
        walk.position_stride or 0,
        walk.outer_strides,
        walk.ring if position is not None else None,
        walk.last,
    )


def require_parameter(kernel: Kernel, index: int) -> None:
    """Raises: ProgramError unless the kernel has a parameter of this number."""
    count = len(kernel.parameters)
    require(0 <= index < count, f"parameter {index} of a kernel with {count} parameters")


def require_scalar(kernel: Kernel, index: int) -> None:
    """Raises: ProgramError unless the parameter of this number points to a scalar."""
    require_parameter(kernel, index)
    name, tensor = kernel.parameters[index].name, kernel.parameters[index].tensor
    require(tensor.shape == (), f"position '{name}' is a {tensor}, not a scalar")
    require(tensor.is_integer, f"position '{name}' is a {tensor}, not a whole number")


def require_tokens(kernel: Kernel, channels: Sequence[int]) -> None:
    """Raises: ProgramError unless channels hold bare tokens."""
    for index in channels:
        other = kernel.channels[index]
        require(other.tile is None, f"channel '{other.name}' holds {other.tile}, not bare tokens")


def require_tiles(kernel: Kernel, channels: Sequence[int], tile: TensorSpec) -> None:
    """Raises: ProgramError unless there are channels, with tiles of as many elements of the same type."""
    require(len(channels) > 0, "it feeds no channel")
    for index in channels:
        other = kernel.channels[index].tile
        fits = other is not None and (other.elements, other.dtype) == (tile.elements, tile.dtype)
        require(fits, f"its tile is a {tile}, channel '{kernel.channels[index].name}' holds {other}")
