"""The memory of a socket: sparse bytes at the addresses of a program's regions, and nothing between them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from math import gcd
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from ..tensors import Array, TensorSpec
from .address import Layout, packed
from .errors import ExecutionError
from .program import Program, Region
from .weight_slices import Slices, SliceStore, parts_of

if TYPE_CHECKING:  # runs without data do without numpy
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]


class Spans:
    """Sorted address ranges; those that touch or overlap are one."""

    def __init__(self, ranges: Iterable[tuple[int, int]]):
        self.starts: list[int] = []
        self.ends: list[int] = []
        for start, end in sorted(ranges):
            if self.ends and start <= self.ends[-1]:
                self.ends[-1] = max(self.ends[-1], end)
            else:
                self.starts.append(start)
                self.ends.append(end)

    def index(self, start: int, end: int) -> int | None:
        """Which span holds all addresses from `start` to before `end`; None if no single one does."""
        index = bisect_right(self.starts, start) - 1
        return index if index >= 0 and end <= self.ends[index] else None

    def touches(self, start: int, end: int) -> bool:
        """Whether a range and a span share an address."""
        index = bisect_left(self.starts, end) - 1
        return index >= 0 and max(start, self.starts[index]) < min(end, self.ends[index])

    def pieces(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The parts of a range that lie in spans: number of the span, first address and the one behind."""
        for index in range(max(0, bisect_right(self.starts, start) - 1), len(self.starts)):
            if self.starts[index] >= end:
                return
            first, last = max(start, self.starts[index]), min(end, self.ends[index])
            if first < last:
                yield index, first, last


class ByteStore:
    """A byte for every address of some spans, zero at first, and slices elsewhere; tiles are views."""

    def __init__(self, spans: Spans, slices: Mapping[int, Slices] = MappingProxyType({})):
        import numpy as np

        self.spans = spans
        self._slices = SliceStore(slices.items())
        self.blocks = [np.zeros(b - a, np.uint8) for a, b in zip(spans.starts, spans.ends, strict=True)]

    def views(self, address: int, layout: Layout) -> Iterator[Bytes]:
        """What of a tile lies in the spans and slices, in the order of its elements; slices are read alone.

        One view where the tile lies inside one span; else one per piece of a contiguous run. In a slice it is
        one view, of bytes or words, where there is one of just the tile, else one per part that has one.
        """
        from numpy.lib.stride_tricks import as_strided

        low, high = address + layout.low, address + layout.high
        index = self.spans.index(low, high)
        if index is not None:
            block, start = self.blocks[index], address - self.spans.starts[index]
            if layout.is_packed:
                yield block[start : start + layout.run_bytes]
                return
            shape, strides = (*layout.shape, layout.element_bytes), (*layout.strides, 1)
            yield as_strided(block[start:], shape, strides)
        elif self._slices.touches(low, high):
            view = self.view_of_slice(address, layout)
            if view is not None:
                yield view
            for start, part in parts_of(layout) if view is None else ():
                yield from self.views(address + start, part)
        elif self.spans.touches(low, high):
            for start, end in _runs(address, layout):
                for index, first, last in self.spans.pieces(start, end):
                    origin = self.spans.starts[index]
                    yield self.blocks[index][first - origin : last - origin]

    def view_of_slice(self, address: int, layout: Layout) -> Array | None:
        """A tile of a slice, where there is a view of just it: of its words, or of bytes."""
        return self._slices.view(address, layout)


FORMATS: Mapping[int, Literal["B", "H", "I", "Q"]] = {1: "B", 2: "H", 4: "I", 8: "Q"}
"""Of so many marks at a time, as `memoryview.cast` names them."""


class Marks:
    """A mark for every address of some spans, none set at first."""

    def __init__(self, spans: Spans):
        self.spans = spans
        self._blocks = [bytearray(b - a) for a, b in zip(spans.starts, spans.ends, strict=True)]

    def clear(self) -> None:
        """Set no mark."""
        self._blocks = [bytearray(len(block)) for block in self._blocks]

    def put(self, address: int, layout: Layout, mark: bool) -> None:
        """Set or take away the marks of a tile, as far as it lies in the spans."""
        for view in self._views(address, layout):
            view[:] = memoryview(bytes([mark]) * view.nbytes).cast(FORMATS[view.itemsize])

    def first_unset(self, address: int, layout: Layout) -> int | None:
        """The first byte of a tile, in the order of its elements, that lies in the spans without a mark."""
        if all(0 not in view.tobytes() for view in self._views(address, layout)):
            return None
        found = (
            self.spans.starts[index] + place
            for index, first, last in self._pieces(address, layout)
            if (place := self._blocks[index].find(0, first, last)) >= 0
        )
        return next(found)

    def _views(self, address: int, layout: Layout) -> Iterator[memoryview]:
        """The marks of a tile, of as many bytes each as are marked alike for sure."""
        index = self.spans.index(address + layout.low, address + layout.high)
        if index is None:
            yield from (memoryview(self._blocks[i])[a:b] for i, a, b in self._pieces(address, layout))
            return
        block, columns = memoryview(self._blocks[index]), layout.columns
        for start in (address - self.spans.starts[index] + start for start in columns.starts):
            if columns.count == 1:
                yield block[start : start + columns.size_bytes]
                continue
            width = gcd(max(FORMATS), start, columns.stride, columns.size_bytes, len(block))
            words, step = block.cast(FORMATS[width]), columns.stride // width
            for first in range(start // width, (start + columns.size_bytes) // width):
                yield words[first : first + (columns.count - 1) * step + 1 : step]

    def _pieces(self, address: int, layout: Layout) -> Iterator[tuple[int, int, int]]:
        """The pieces of a tile's runs: number of the span, and the places in it."""
        for start, end in _runs(address, layout):
            for index, first, last in self.spans.pieces(start, end):
                origin = self.spans.starts[index]
                yield index, first - origin, last - origin


def _runs(address: int, layout: Layout) -> Iterator[tuple[int, int]]:
    for run in layout.runs:
        yield address + run, address + run + layout.run_bytes


class MemoryMap:
    """What lies where, and which values hold data in this step; the same with data and without."""

    def __init__(self, program: Program):
        self.regions = {region.name: region for region in program.regions}
        self.command = 0
        """The command that runs now; it decides which of the regions that share an address is meant."""
        self._all = Spans((region.address, region.end) for region in program.regions)
        self._weights = _spans_of(program, "weight")
        self._written = Marks(_spans_of(program, "value"))
        self._resident = [region for region in program.regions if region.tier == "sram"]
        self._scalars: dict[int, int] = {}

    def begin_step(self, scalars: Mapping[str, int]) -> None:
        """Forget all values; `scalars` are the integers that the caller gives in scalar inputs."""
        self._written.clear()
        self._scalars = {self.regions[name].address: value for name, value in scalars.items()}

    def forget(self, region: Region) -> None:
        """A value begins to live: what its addresses held before is not its data."""
        self._written.put(region.address, packed((region.size_bytes,), 1), False)

    def scalar(self, address: int) -> int:
        """The integer that a position points to.

        Raises: ExecutionError if no scalar input of known value lies there.
        """
        if address not in self._scalars:
            name = self.name_at(address)
            raise ExecutionError(f"a position is read from {name}, which is no scalar input of known value")
        return self._scalars[address]

    def resident(self, address: int) -> Region | None:
        """The resident weight at an address in SRAM; None elsewhere."""
        return next((region for region in self._resident if region.address <= address < region.end), None)

    def name_at(self, address: int) -> str:
        """A name for an address in messages."""
        for region in self.regions.values():
            first, last = region.live or (self.command, self.command)
            if region.address <= address < region.end and first <= self.command <= last:
                return f"address {address} (byte {address - region.address} of '{region.name}')"
        return f"address {address}"

    def first_outside(self, address: int, layout: Layout) -> int | None:
        """The first byte of a tile that no region holds."""
        if self._all.index(address + layout.low, address + layout.high) is not None:
            return None
        for start, end in _runs(address, layout):
            covered = start
            for _, first, last in self._all.pieces(start, end):
                if first > covered:
                    break
                covered = last
            if covered < end:
                return covered
        return None

    def first_in_weight(self, address: int, layout: Layout) -> int | None:
        """The first byte of a tile that lies in a weight."""
        return _first_piece(self._weights, address, layout)

    def first_unwritten(self, address: int, layout: Layout) -> int | None:
        """The first byte of a tile that lies in a value and has not been written in this step."""
        return self._written.first_unset(address, layout)

    def touches_values(self, start: int, end: int) -> bool:
        """Whether a value lies between two addresses."""
        return self._written.spans.touches(start, end)

    def mark_written(self, address: int, layout: Layout) -> None:
        """The bytes of a tile hold data from now on."""
        self._written.put(address, layout, True)


def _spans_of(program: Program, kind: str) -> Spans:
    return Spans((region.address, region.end) for region in program.regions if region.kind == kind)


def _first_piece(spans: Spans, address: int, layout: Layout) -> int | None:
    if not spans.touches(address + layout.low, address + layout.high):
        return None
    pieces = (piece for run in _runs(address, layout) for piece in spans.pieces(*run))
    return next((first for _, first, _ in pieces), None)


class Data:
    """The bytes of all regions; weights that are given stay where the caller has them."""

    def __init__(self, program: Program, weights: Mapping[str, Slices] = MappingProxyType({})):
        """`weights` are those that share their addresses with no other region, by name."""
        own = (_own(region, region.name in weights) for region in program.regions)
        slices = {r.address: weights[r.name] for r in program.regions if r.name in weights}
        self._store = ByteStore(Spans(span for span in own if span[0] < span[1]), slices)

    def read(self, address: int, layout: Layout, tile: TensorSpec) -> Array:
        """A tile that is not to be written: a view of a weight, or a copy.

        The caller has made sure that all its bytes lie in regions.
        """
        import numpy as np

        view = self._store.view_of_slice(address, layout)
        if view is not None and view.shape == tile.shape and view.itemsize == tile.element_bytes:
            return view.view(tile.numpy_dtype)
        views = [view.flatten().view(np.uint8) for view in self._store.views(address, layout)]
        content = views[0] if len(views) == 1 else np.concatenate(views)
        return content.view(tile.numpy_dtype).reshape(tile.shape)

    def write(self, address: int, layout: Layout, tile: Array) -> None:
        """Put a tile in memory; the caller has made sure that all its bytes lie in regions."""
        import numpy as np

        content = np.ascontiguousarray(tile).reshape(-1).view(np.uint8)
        done = 0
        for view in self._store.views(address, layout):
            view[...] = content[done : done + view.size].reshape(view.shape)
            done += view.size

    def read_region(self, region: Region) -> Array:
        """A copy of the tensor in a region."""
        import numpy as np

        return np.array(self.read(region.address, _layout(region), region.tensor), order="C")

    def write_region(self, region: Region, value: Array) -> None:
        """Fill a region; the value has its shape and type."""
        self.write(region.address, _layout(region), value)


def _own(region: Region, is_given: bool) -> tuple[int, int]:
    """The addresses of a region whose bytes are kept: not those of a weight that is given, and of whole
    memory units only what its tensor takes, as nothing else is touched there.
    """
    behind = region.address + region.tensor.size_bytes
    return behind if is_given else region.address, behind if region.tier == "sram" else region.end


def _layout(region: Region) -> Layout:
    return packed(region.tensor.shape, region.tensor.element_bytes)
