"""Address arithmetic: which bytes a tile takes, and how a stream walks from tile to tile."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import prod

from ...dialects.loop_tree import Placement
from ...dialects.vocabulary import Rate


@dataclass(frozen=True)
class Columns:
    """Bytes: from each of some starts on, `count` pieces of `size_bytes`, `stride` bytes apart."""

    starts: list[int]
    count: int
    stride: int
    size_bytes: int


@dataclass(frozen=True)
class Layout:
    """Where the elements of a tile lie, in bytes from its address: element (a, b, …) at a * strides[0] + …"""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    element_bytes: int

    @property
    def size_bytes(self) -> int:
        """Bytes of all elements."""
        return prod(self.shape) * self.element_bytes

    @cached_property
    def low(self) -> int:
        """The first byte."""
        return sum(min(0, (n - 1) * s) for n, s in zip(self.shape, self.strides, strict=True))

    @cached_property
    def high(self) -> int:
        """The byte behind the last one."""
        ends = sum(max(0, (n - 1) * s) for n, s in zip(self.shape, self.strides, strict=True))
        return ends + self.element_bytes

    @cached_property
    def _contiguous_dimensions(self) -> int:
        """How many dimensions, from the last one on, lie packed in memory."""
        packed, dense = self.element_bytes, 0
        for extent, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if extent != 1 and stride != packed:
                break
            packed *= extent
            dense += 1
        return dense

    @cached_property
    def run_bytes(self) -> int:
        """Length of the contiguous runs of bytes that the tile consists of."""
        outer = len(self.shape) - self._contiguous_dimensions
        return prod(self.shape[outer:]) * self.element_bytes

    @cached_property
    def is_packed(self) -> bool:
        """Whether it is a single run."""
        return self.run_bytes == self.size_bytes

    @cached_property
    def runs(self) -> list[int]:
        """First byte of each run, in the order of the elements."""
        starts, outer = [0], len(self.shape) - self._contiguous_dimensions
        for extent, stride in zip(self.shape[:outer], self.strides[:outer], strict=True):
            starts = [start + number * stride for start in starts for number in range(extent)]
        return starts

    @cached_property
    def columns(self) -> Columns:
        """All its bytes, in few columns: along its longest dimension, or each of its runs alone."""
        outer = len(self.shape) - self._contiguous_dimensions
        longest = max(range(outer), key=lambda axis: self.shape[axis], default=0)
        count, stride = (self.shape[longest], self.strides[longest]) if outer else (1, 0)
        row = replace(self, shape=(*self.shape[:longest], 1, *self.shape[longest + 1 :]))
        if stride <= 0 or row.size_bytes >= self.size_bytes // self.run_bytes:
            return Columns(self.runs, 1, 1, self.run_bytes)
        return Columns(row.runs, count, stride, row.run_bytes)

    @cached_property
    def sorted_runs(self) -> list[int]:
        """First byte of each run, in the order of addresses."""
        return sorted(self.runs)

    def burst_bytes(self, request_bytes: int) -> int:
        """Bytes that memory moves for the tile: every run takes whole requests of `request_bytes`."""
        runs = self.size_bytes // self.run_bytes
        return runs * -(-self.run_bytes // request_bytes) * request_bytes

    def repeated(self, count: int, stride: int) -> Layout:
        """The layout of `count` such tiles in a row, `stride` bytes apart."""
        return _repeated(self, count, stride)


@lru_cache(maxsize=4096)
def _repeated(layout: Layout, count: int, stride: int) -> Layout:
    """A layout made once: calls of a kernel differ in addresses alone."""
    return Layout((count, *layout.shape), (stride, *layout.strides), layout.element_bytes)


@lru_cache(maxsize=4096)
def packed(shape: tuple[int, ...], element_bytes: int) -> Layout:
    """The layout of a tile without gaps, last dimension fastest."""
    strides = tuple(prod(shape[axis + 1 :]) * element_bytes for axis in range(len(shape)))
    return Layout(shape, strides, element_bytes)


def overlap(a: Layout, a_address: int, b: Layout, b_address: int) -> bool:
    """Whether two tiles share a byte."""
    if a_address + a.high <= b_address + b.low or b_address + b.high <= a_address + a.low:
        return False
    starts, distance = a.sorted_runs, b_address - a_address
    for run in b.runs:
        before = bisect_left(starts, run + distance + b.run_bytes) - 1
        if before >= 0 and starts[before] + a.run_bytes > run + distance:
            return True
    return False


@dataclass(frozen=True)
class Ring:
    """How a stream goes round: in iteration i it is at place `(first + i) mod extent`."""

    first: int
    extent: int


@dataclass(frozen=True)
class Level:
    """How a stream moves with a loop."""

    loop: Rate
    count: int
    """The loop has so many iterations."""
    stride: int
    """Bytes that it moves on in each."""
    ring: Ring | None = None
    """It comes round in this loop; None where it moves on and on."""

    def offset(self, iteration: int) -> int:
        """Bytes from the start of the walk in an iteration."""
        place = iteration if self.ring is None else (self.ring.first + iteration) % self.ring.extent
        return place * self.stride

    @property
    def places(self) -> int:
        """It may be in so many places, a stride apart, from the start of the walk on."""
        return self.count if self.ring is None else self.ring.extent


@dataclass(frozen=True)
class Walk:
    """The tiles of a stream in one call: tile t lies at `start + t * tile_stride`, moved with each loop.

    Tiles of which the last one is shorter follow one another along an axis without gaps. A walk that comes
    round in its call starts at place 0 of the ring.
    """

    unit: int
    """The unit's index in the kernel is its program order within an iteration."""
    writes: bool
    layout: Layout
    """One tile lies like this."""
    start: int
    tiles: int
    tile_stride: int
    levels: tuple[Level, ...]
    """They are those of the loops around it, the outermost first."""
    placement: Placement
    """It says where its passes stand in program order."""
    last: Layout | None = None
    """What the last tile of a pass has in memory, where that is less than the others have along one axis."""

    def address(self, firing: int) -> int:
        """Address of a tile; firings of a unit count tiles through all passes."""
        index, tile = divmod(firing, self.tiles)
        address = self.start + tile * self.tile_stride
        for level in reversed(self.levels):
            index, iteration = divmod(index, level.count)
            address += level.offset(iteration)
        return address

    def layout_of(self, firing: int) -> Layout:
        """How a tile lies from its address on."""
        is_last = self.last is not None and (firing + 1) % self.tiles == 0
        return self.last if is_last and self.last is not None else self.layout

    def order(self, firing: int) -> int:
        """The number of the pass of a tile in program order."""
        return self.placement.number(firing // self.tiles)

    @cached_property
    def passes(self) -> int:
        """How often it goes through its tiles."""
        return prod(level.count for level in self.levels)

    def motion_in(self, loop: Rate) -> tuple[int, Ring | None] | None:
        """How it moves in an iteration of a loop; None where it is not in that loop."""
        return next(((level.stride, level.ring) for level in self.levels if level.loop == loop), None)

    def moved(self, by: int) -> Walk:
        """The same walk so many bytes further on, with what is known of its layouts."""
        walk = object.__new__(Walk)
        vars(walk).update(vars(self), start=self.start + by)
        return walk

    @property
    def span(self) -> tuple[int, int]:
        """First byte of all tiles and the byte behind the last one."""
        whole = self.whole_layout
        return self.start + whole.low, self.start + whole.high

    @cached_property
    def whole_layout(self) -> Layout:
        """The layout of all tiles of all passes from the start on, and of all places of a ring."""
        layout = self.pass_layout
        for level in reversed(self.levels):
            layout = layout.repeated(level.places, level.stride)
        return layout

    @cached_property
    def pass_layout(self) -> Layout:
        """The layout of all tiles of a pass, from the address of its first; of one if all lie in one."""
        if self.tile_stride == 0:
            return self.layout
        if self.last is None:
            return self.layout.repeated(self.tiles, self.tile_stride)
        pairs = zip(self.layout.shape, self.last.shape, strict=True)
        whole = (n if n == rest else (self.tiles - 1) * n + rest for n, rest in pairs)
        return replace(self.layout, shape=tuple(whole))
