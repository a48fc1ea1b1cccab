"""Addresses and bytes: layouts, overlaps and the sparse store agree with numpy and with brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.backends.sn40l.address import Layout, overlap, packed
from kl.backends.sn40l.memory import ByteStore, Data, Marks, MemoryMap, Spans
from kl.backends.tensors import ELEMENT_BYTES, dtypes

layouts = st.lists(st.tuples(st.integers(1, 4), st.integers(-9, 24)), max_size=3).flatmap(
    lambda dims: st.builds(
        Layout,
        st.just(tuple(extent for extent, _ in dims)),
        st.just(tuple(stride for _, stride in dims)),
        st.sampled_from([1, 2, 4]),
    )
)


def bytes_of(layout: Layout, address: int) -> list[int]:
    """Every byte of a tile, element by element."""
    found: list[int] = []
    for index in np.ndindex(*layout.shape):
        at = address + sum(i * stride for i, stride in zip(index, layout.strides, strict=True))
        found += range(at, at + layout.element_bytes)
    return found


@given(layouts, st.integers(-20, 20))
def test_runs_are_the_bytes_in_the_order_of_the_elements(layout: Layout, address: int) -> None:
    runs = [b for start in layout.runs for b in range(start, start + layout.run_bytes)]
    wanted = bytes_of(layout, 0)
    assert runs == wanted
    columns = layout.columns
    starts = [start + n * columns.stride for start in columns.starts for n in range(columns.count)]
    assert {byte for start in starts for byte in range(start, start + columns.size_bytes)} == set(wanted)
    assert layout.sorted_runs == np.sort(layout.runs).tolist()
    assert (layout.low, layout.high) == (min(wanted), max(wanted) + 1)
    assert layout.size_bytes == len(wanted)


@pytest.mark.parametrize(("stride", "start"), [(64, 0), (60, 4), (61, 0), (64, 3)])
def test_marks_of_long_columns_are_those_of_flat_memory(stride: int, start: int) -> None:
    layout, span = Layout((2, 50, 4, 2), (8, stride, 2, 1), 1), range(start, start + 49 * stride + 16)
    assert (len(layout.runs), len(layout.columns.starts), layout.columns.size_bytes) == (100, 1, 16)
    marks = Marks(Spans([(0, 4000)]))
    assert marks.first_unset(start, layout) == start
    marks.put(start, layout, True)
    assert marks.first_unset(start, layout) is None
    wanted = {*bytes_of(layout, start)}
    assert {byte for byte in range(4000) if marks.first_unset(byte, packed((1,), 1)) is None} == wanted
    assert wanted <= {*span}


@given(layouts, layouts, st.integers(-30, 30))
def test_overlap_is_a_shared_byte(a: Layout, b: Layout, shift: int) -> None:
    assert overlap(a, 0, b, shift) == bool(set(bytes_of(a, 0)) & set(bytes_of(b, shift)))


@given(layouts, st.integers(0, 60))
def test_a_store_of_spans_reads_and_writes_like_flat_memory(layout: Layout, address: int) -> None:
    # Three spans, two of which touch; tiles may leave a span and enter the next one.
    spans = Spans([(10, 30), (30, 44), (50, 64)])
    inside = {*range(10, 44), *range(50, 64)}
    store = ByteStore(spans)
    for view in store.views(address, layout):
        view[...] = 1
    held = {
        start + offset
        for start, block in zip(spans.starts, store.blocks, strict=True)
        for offset in np.flatnonzero(block).tolist()
    }
    wanted = bytes_of(layout, address)
    assert held == set(wanted) & inside
    if set(wanted) <= inside:
        assert sum(view.size for view in store.views(address, layout)) == len(wanted)


@given(st.lists(st.tuples(layouts, st.integers(0, 60), st.booleans()), max_size=4), layouts)
def test_marks_are_those_of_flat_memory(put: list[tuple[Layout, int, bool]], asked: Layout) -> None:
    marks, inside = Marks(Spans([(10, 30), (30, 44), (50, 64)])), {*range(10, 44), *range(50, 64)}
    flat = np.zeros(300, bool)
    for layout, address, mark in put:
        marks.put(address, layout, mark)
        flat[bytes_of(layout, address)] = mark
    there = [byte for byte in bytes_of(asked, 30) if byte in inside]
    assert marks.first_unset(30, asked) == next((byte for byte in there if not flat[byte]), None)
    marks.clear()
    assert marks.first_unset(30, asked) == next(iter(there), None)


def test_elements_have_the_bytes_that_numpy_gives_them() -> None:
    assert {name: dtype.itemsize for name, dtype in dtypes().items()} == ELEMENT_BYTES


def test_short_runs_take_whole_requests() -> None:
    # 8 rows of 4 bytes: 8 requests of 64; one row of 100 bytes: 2 requests.
    assert Layout((8, 1), (16, 4), 4).burst_bytes(64) == 512
    assert packed((25,), 4).burst_bytes(64) == 128


def test_spans_that_touch_are_one() -> None:
    spans = Spans([(8, 12), (0, 4), (4, 6), (10, 16)])
    assert (spans.starts, spans.ends) == ([0, 8], [6, 16])
    assert spans.index(0, 6) == 0
    assert spans.index(5, 9) is None
    assert spans.index(7, 7) is None
    assert list(spans.pieces(5, 9)) == [(0, 5, 6), (1, 8, 9)]


def test_regions_hold_what_was_written(decoder: Any) -> None:
    program = decoder()
    data = Data(program)
    region = next(region for region in program.regions if region.name == "w")
    value = np.arange(192, dtype=np.float32).reshape(3, 8, 8)
    data.write_region(region, value)
    assert np.array_equal(data.read_region(region), value)
    column = Layout((8, 4), (32, 4), 4)
    tile = data.read(region.address + 256 + 16, column, program.kernels[0].channels[4].tile)
    assert np.array_equal(tile, value[1, :, 4:])


def test_a_tile_over_two_regions_is_read_from_both(network: Any) -> None:
    # Two regions of 32 bytes, 64 apart: a tile of two rows, 64 bytes apart, takes one row of each.
    net = network()
    net.memory("a", "input", 8)
    net.memory("b", "input", 8)
    program = net.program()
    data, layout = Data(program), Layout((2, 8), (64, 4), 4)
    rows = np.arange(16, dtype=np.float32).reshape(2, 8)
    data.write(0, layout, rows)
    assert np.array_equal(data.read_region(program.regions[1]), rows[1])
    assert MemoryMap(program).first_outside(0, layout) is None
    assert MemoryMap(program).first_outside(0, packed((16,), 4)) == 32
    assert MemoryMap(program).first_outside(16, layout) == 32


def test_addresses_are_named_by_their_region(decoder: Any) -> None:
    memory = MemoryMap(decoder())
    assert memory.name_at(130) == "address 130 (byte 2 of 'w')"
    assert memory.name_at(1 << 40) == "address 1099511627776"


@pytest.mark.parametrize(("first", "last"), [(0, 8), (8, 32), (0, 32)])
def test_unwritten_bytes_of_values_are_found(network: Any, first: int, last: int) -> None:
    net = network()
    net.memory("y", "value", 8)
    memory = MemoryMap(net.program())
    memory.begin_step({})
    memory.mark_written(first, packed((last - first,), 1))
    found = memory.first_unwritten(0, packed((32,), 1))
    assert found == {(0, 8): 8, (8, 32): 0, (0, 32): None}[first, last]
    memory.begin_step({})
    assert memory.first_unwritten(4, packed((4,), 1)) == 4
