"""Which part of its parameter's tensor a stream touches, from its strides alone: no address is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...tensors import TensorSpec
from ..address import packed
from ..covered import Covered
from ..errors import ProgramError, require
from ..kernel import Kernel, Unit
from .patterns import AddressPattern

if TYPE_CHECKING:
    from ....dialects.loop_tree import Loop
    from .index import Index


@dataclass
class _Axes:
    """The axes of a tensor that a pass covers so far."""

    tensor: TensorSpec
    name: str
    strides: tuple[int, ...]
    """In bytes."""
    taken: list[int]
    """Indices of each axis that a pass has."""

    @staticmethod
    def of(tensor: TensorSpec, name: str) -> _Axes:
        """No axis is covered."""
        strides = packed(tensor.shape, tensor.element_bytes).strides
        return _Axes(tensor, f"'{name}', a {tensor}", strides, [1] * len(tensor.shape))

    def left(self) -> list[int]:
        """The axes of which a pass lacks indices."""
        return [
            a
            for a, (extent, has) in enumerate(zip(self.tensor.shape, self.taken, strict=True))
            if has < extent
        ]

    def take_tile(self, shape: Sequence[int], strides: Sequence[int]) -> list[int | None]:
        """Cover what a tile has; the axis of each of the tile's axes, in order; None of an axis of one index.

        Raises: ProgramError for a stride that is none of an axis behind the one before.
        """
        found: list[int | None] = []
        before = -1
        for number, (extent, stride) in enumerate(zip(shape, strides, strict=True)):
            if extent == 1:
                found.append(None)
                continue
            axes = (a for a in self.left() if a > before and self.strides[a] == stride)
            axis = next(axes, None)
            if axis is None:
                raise ProgramError(
                    f"axis {number} of its tile, of {extent} indices, has a stride of {stride} bytes; those "
                    f"of {self.name}, are {list(self.strides)}, and stand in the order of its axes"
                )
            self._take(axis, extent, f"its tile has {extent}")
            found.append(axis)
            before = axis
        return found

    def take_tiles(self, tiles: int, distance: int) -> tuple[int, int] | None:
        """Cover what so many tiles have; the axis that they cut, and what is left of it for the last one.

        Raises: ProgramError where they do not follow one another along an axis up to its end.
        """
        if tiles == 1:
            return None
        steps = {axis: self.taken[axis] * self.strides[axis] for axis in self.left()}
        axis = next((axis for axis, step in steps.items() if step == distance), None)
        if axis is None:
            raise ProgramError(
                f"its tiles are {distance} bytes apart; those that cut {self.name}, are "
                f"{' or '.join(map(str, steps.values())) or 'the only ones'}"
            )
        extent, has = self.tensor.shape[axis], self.taken[axis]
        wanted = -(-extent // has)
        require(
            tiles == wanted,
            f"it has {tiles} tiles of {has} indices along axis {axis} of {self.name}, which takes {wanted}",
        )
        self.taken[axis] = extent
        return axis, extent - (tiles - 1) * has

    def _take(self, axis: int, extent: int, what: str) -> None:
        most = self.tensor.shape[axis]
        require(extent <= most, f"{what} indices along axis {axis} of {self.name}, which has {most}")
        self.taken[axis] = extent

    def take_all(self, axis: int) -> None:
        """Cover an axis."""
        self.taken[axis] = self.tensor.shape[axis]


def covered_in(kernel: Kernel, unit: Unit, pattern: AddressPattern, index: Index | None = None) -> Covered:
    """What a stream of a kernel covers of its parameter's tensor.

    Raises: ProgramError as `covered_by` does.
    """
    parameter, loops = kernel.parameters[pattern.parameter], kernel.tree.path(unit.runs(kernel))
    if index is None:
        return covered_by(pattern, parameter.tensor, parameter.name, loops)
    return covered_by_index(pattern, index, parameter.tensor, parameter.name, loops)


def covered_by(pattern: AddressPattern, tensor: TensorSpec, name: str, loops: Sequence[Loop]) -> Covered:
    """The part of a tensor that a stream in some loops touches.

    Raises: ProgramError where its strides are not those of the tensor, or where a pass leaves something out
        or touches something twice.
    """
    _check_type(pattern, tensor, name)
    axes = _Axes.of(tensor, name)
    _take_tiles(axes, pattern, pattern.tile.shape, pattern.tiles, pattern.last)
    positions = _take_position(axes, pattern, loops)
    return replace(_slices(axes, pattern, loops), positions=positions)


def covered_by_index(
    pattern: AddressPattern, index: Index, tensor: TensorSpec, name: str, loops: Sequence[Loop]
) -> Covered:
    """The part of a tensor that a load by index touches if ids name all slices of its stack.

    Raises: ProgramError as `covered_by` does, and where the stack is none of the tensor.
    """
    _check_type(pattern, tensor, name)
    axes = _Axes.of(tensor, name)
    piece = index.piece(pattern.layout).shape
    last = index.piece(replace(pattern.layout, shape=pattern.last)).shape if pattern.last else ()
    stacks = [axis for axis, extent in enumerate(tensor.shape[:2]) if extent == index.slices]
    axis = next((axis for axis in stacks if axes.strides[axis] == index.slot_stride), None)
    if axis is None:
        given = f"a stack of {index.slices} slices, {index.slot_stride} bytes apart"
        raise ProgramError(f"it reads {given}; {axes.name}, has strides of {list(axes.strides)} bytes")
    axes.take_all(axis)
    _take_tiles(axes, pattern, piece, index.tiles_per_slot, last)
    return _slices(axes, pattern, loops)


def _check_type(pattern: AddressPattern, tensor: TensorSpec, name: str) -> None:
    given, wanted = pattern.tile.dtype, tensor.dtype
    require(given == wanted, f"its tile is of {given}, '{name}' of {wanted}")


def _take_tiles(
    axes: _Axes, pattern: AddressPattern, tile: tuple[int, ...], tiles: int, last: tuple[int, ...]
) -> None:
    """Cover what the tiles of a pass have."""
    of_tile = axes.take_tile(tile, pattern.strides)
    cut = axes.take_tiles(tiles, pattern.tile_stride)
    wanted = tile
    if cut is not None and cut[0] in of_tile:
        number = of_tile.index(cut[0])
        wanted = (*tile[:number], cut[1], *tile[number + 1 :])
    given = last or tile
    require(given == wanted, f"its last tile has {given} in memory, {axes.name}, leaves {wanted} for it")


def _take_position(axes: _Axes, pattern: AddressPattern, loops: Sequence[Loop]) -> int | None:
    """Cover the axis of positions; how many it has. None of a stream without a position.

    Where there is one position, slices may be as long; a loop that moves by so much moves through slices.
    """
    if pattern.position_parameter is None:
        return None
    stride = pattern.position_stride
    shape, rest = axes.tensor.shape, axes.left()
    of_one = [axis for axis, extent in enumerate(shape) if extent == 1]
    moves = zip(loops, pattern.loop_strides(len(loops)), strict=True)
    is_walked = any(by == stride for loop, by in moves if loop.count > 1)
    order = (*of_one, *rest) if is_walked else (*rest, *of_one)
    axis = next((a for a in order if axes.strides[a] == stride and axes.taken[a] == 1), None)
    if axis is None:
        wanted = " or ".join(str(axes.strides[a]) for a in rest) or "none"
        raise ProgramError(f"a position is {stride} bytes long; along what is left of {axes.name}, {wanted}")
    axes.take_all(axis)
    ring = pattern.ring
    require(ring in (None, shape[axis]), f"a ring of {ring} positions along axis {axis} of {axes.name}")
    return shape[axis]


def _slices(axes: _Axes, pattern: AddressPattern, loops: Sequence[Loop]) -> Covered:
    """The slices along the first axis that all passes touch, where one pass has not all.

    Raises: ProgramError where it moves by parts of slices, or out of the tensor, or leaves out anything else.
    """
    for axis in axes.left():
        has, extent = axes.taken[axis], axes.tensor.shape[axis]
        require(
            axis == 0 and has == 1,
            f"a pass touches {has} of the {extent} indices along axis {axis} of {axes.name}",
        )
    slices, size = (axes.tensor.shape[0], axes.strides[0]) if axes.left() else (1, 0)
    strides = zip(loops, pattern.loop_strides(len(loops)), strict=True)
    moves = [(loop, by if loop.count > 1 else 0) for loop, by in strides]
    has = f"slices of {axes.name}, are {size} bytes long" if size else f"a pass touches all of {axes.name}"
    begins = f"begins at byte {pattern.start}", pattern.start
    for what, by in (begins, *((f"moves {by} bytes in '{loop.name}'", by) for loop, by in moves)):
        require(by % size == 0 if size else by == 0, f"it {what}; {has}")
    each = tuple((loop.count, by // max(size, 1)) for loop, by in moves)
    covered = Covered(slices, pattern.start // max(size, 1), each)
    low, high = covered.span
    inside = low >= 0 and high < slices
    require(inside, f"it touches slices {low} to {high} of {axes.name}, which has 0 to {slices - 1}")
    return covered
