"""Last tiles that hang over: what they move, where they lie, and that nothing behind a tensor is touched."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.backends.sn40l.address import Layout, Level, Walk, packed
from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.errors import ExecutionError, HazardError
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.serialize import dump_program, parse_program
from kl.backends.sn40l.units import Gate, InputPort, Instruction, OutputPort
from kl.backends.tensors import TensorSpec
from kl.dialects.cuts import cuts_fit
from kl.dialects.loop_tree import Placement
from kl.dialects.tiles import last_tile


def f32(*shape: int) -> TensorSpec:
    return TensorSpec(shape, "f32")


def doubled(network: Any, extent: int, tile: int, rows: int = 2, **machine: int) -> Program:
    """`y = x + x` in tiles of columns; a value lies right behind `y`, a weight behind `x`."""
    net = network(**machine)
    x, behind = net.memory("x", "input", rows, extent), net.memory("behind", "weight", 64)
    y, after = net.memory("y", "value", rows, extent, output=True), net.memory("after", "value", 64)
    read, made, other = net.channel(rows, tile), net.channel(rows, tile), net.channel(64)
    net.load("load x", x, read)
    inputs, body = [InputPort(read, f32(rows, tile))], [Instruction("nn.add", (0, 0), f32(rows, tile))]
    net.stage("double", -(-extent // tile), inputs, [OutputPort(made, 1)], body, ii=9, latency=9)
    net.store("store y", made, y)
    net.load("load behind", behind, other)
    net.store("store after", other, after)
    return net.program()


@given(st.integers(1, 30), st.integers(1, 30))
def test_what_is_stored_ends_with_the_tensor(network: Any, extent: int, tile: int) -> None:
    program = doubled(network, extent, min(extent, tile))
    check_program(program)
    behind = np.arange(64, dtype=np.float32)
    executor = Executor(program, {"behind": behind})
    x = np.arange(2 * extent, dtype=np.float32).reshape(2, extent)
    result = executor.step({"x": x})
    assert result.outputs["y"].tolist() == (x + x).tolist()
    assert executor.read("after").tolist() == behind.tolist()
    traffic = result.report.traffic
    assert (traffic.hbm_read, traffic.hbm_written) == (8 * extent + 256, 8 * extent + 256)
    assert result.report == time_step(program, {})


def test_a_last_tile_takes_the_memory_for_as_long_as_what_is_left(network: Any) -> None:
    # Two rows of 16 elements are two requests of 64 bytes, so are two of one element; of 17, they are four.
    def busy(extent: int, tile: int) -> int:
        speed = {"hbm_bandwidth": 64_000_000_000, "clock_hz": 1_000_000_000, "hbm_efficiency_permille": 1000}
        return time_step(doubled(network, extent, tile, **speed), {}).ledger.memory_busy

    # A request takes a cycle; each tile is loaded and stored.
    assert busy(33, 16) - busy(32, 16) == 4
    assert busy(48, 16) == busy(33, 16)
    assert busy(34, 17) - busy(18, 17) == 4


def walks() -> st.SearchStrategy[Walk]:
    """Walks over a tensor that is cut along an axis, in a loop or none."""

    def walk(shape: list[int], axis: int, extent: int, passes: int, gap: int) -> Walk:
        axis %= len(shape)
        tile = [*shape]
        tile[axis] = min(extent, shape[axis])
        whole, last = packed(tuple(shape), 4), last_tile(shape, tile)
        layout = Layout(tuple(tile), whole.strides, 4)
        level = Level("iteration", passes, whole.size_bytes + gap)
        return Walk(
            0,
            False,
            layout,
            start=100,
            tiles=-(-shape[axis] // tile[axis]),
            tile_stride=tile[axis] * whole.strides[axis],
            levels=(level,),
            placement=Placement(0, ((passes, 1),)),
            last=Layout(last, whole.strides, 4) if last else None,
        )

    extents = st.lists(st.integers(1, 7), min_size=1, max_size=3)
    return st.builds(
        walk, extents, st.integers(0, 2), st.integers(1, 7), st.integers(1, 3), st.integers(0, 9)
    )


def bytes_of(layout: Layout, address: int) -> set[int]:
    """All bytes of a tile."""
    return {address + int(run) + byte for run in layout.runs for byte in range(layout.run_bytes)}


@given(walks())
def test_the_tiles_of_a_pass_are_its_bytes_each_once(walk: Walk) -> None:
    for index in range(walk.passes):
        firings = range(index * walk.tiles, (index + 1) * walk.tiles)
        tiles = [bytes_of(walk.layout_of(firing), walk.address(firing)) for firing in firings]
        assert set().union(*tiles) == bytes_of(walk.pass_layout, walk.address(firings[0]))
        assert sum(map(len, tiles)) == walk.pass_layout.size_bytes
    every = bytes_of(walk.whole_layout, walk.start)
    assert walk.span == (min(every), max(every) + 1)


def test_what_hangs_over_meets_no_other_access(network: Any) -> None:
    # A store right behind what a load reads at the end, long before it: they share no byte. In front they do.
    def program(start: int) -> Program:
        net = network()
        old, new = net.memory("old", "state", 1, 20), net.memory("new", "input", 1, 1)
        two = net.memory("two", "value", 1, 11, output=True)
        slow, quick, copied = net.channel(1, 8, depth=1), net.channel(1, 1), net.channel(1, 8)
        tiles = replace(net.pattern(two, f32(1, 8)), parameter=old)
        net.load("load old", old, slow)
        net.units[-1] = replace(net.units[-1], pattern=tiles)
        net.load("load new", new, quick)
        after = net.pattern(new, f32(1, 1))
        net.store("overwrite", quick, old, pattern=replace(after, parameter=old, start=start))
        net.stage("copy", 2, [InputPort(slow, f32(1, 8))], [OutputPort(copied, 0)], [], ii=1000)
        net.store("store", copied, two)
        return net.program()

    assert time_step(program(start=4 * 11), {}).cycles > 1000
    with pytest.raises(HazardError, match="'overwrite' of iteration 0 writes address 40 "):
        time_step(program(start=4 * 10), {})


def gated(network: Any, positions: int, tile: int) -> Program:
    """A row is appended to a cache and all positions are read behind it."""
    net = network()
    x, position = net.memory("x", "input", 1, 1, 4), net.memory("position", "input", dtype="i32")
    cache, y = (
        net.memory("cache", "state", 1, positions, 4),
        net.memory("y", "value", 1, positions, 4, output=True),
    )
    new, read, done = net.channel(1, 1, 4), net.channel(1, tile, 4), net.token()
    net.load("load x", x, new)
    place = net.pattern(x, f32(1, 1, 4))
    at = replace(place, parameter=cache, position_parameter=position, position_stride=16)
    net.store("append", new, cache, done=(done,), pattern=at)
    net.load("load cache", cache, read, gate=Gate(done, position, tile))
    net.store("store y", read, y)
    return net.program()


def test_a_position_may_lie_in_the_last_tile_but_not_behind_its_end(network: Any) -> None:
    program = gated(network, 7, 2)
    executor = Executor(program, {})
    for position in range(7):
        x = np.full((1, 1, 4), position + 1, np.float32)
        result = executor.step({"x": x, "position": np.array(position, np.int32)})
    assert result.outputs["y"][0, :, 0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    with pytest.raises(ExecutionError, match="position 7 is outside what store 'append' stores to, 0 to 6"):
        time_step(program, {"position": 7})


def test_a_ring_has_as_many_positions_as_its_tiles_hold(network: Any) -> None:
    def ringed(ring: int) -> Program:
        program = gated(network, 7, 2)
        (kernel,) = program.kernels
        units = [*kernel.units]
        units[1] = replace(units[1], pattern=replace(units[1].pattern, ring=7))
        units[2] = replace(units[2], gate=replace(units[2].gate, ring=ring))
        return replace(program, kernels=(replace(kernel, units=tuple(units)),))

    check_program(ringed(7))
    with pytest.raises(Exception, match="a ring of 8 positions in tiles that hold 7"):
        check_program(ringed(8))


def test_gathered_tiles_are_trimmed_and_the_last_slice_is_filled_up(network: Any) -> None:
    # 7 columns come in tiles of 2, are held whole and go in slices of 3; the sum of all slices has no more.
    net = network()
    x, y = net.memory("x", "input", 1, 7), net.memory("y", "value", 1, 7, output=True)
    total = net.memory("total", "value", 1, 3, output=True)
    read, whole = net.channel(1, 2, depth=4), net.channel(1, 7)
    made, summed = net.channel(1, 3), net.channel(1, 3)
    net.load("load x", x, read)
    double = [Instruction("nn.add", (0, 0), f32(1, 7))]
    net.stage("whole", 1, [InputPort(read, f32(1, 7), 1, 4, 1, 1)], [OutputPort(whole, 1)], double)
    inputs = [InputPort(whole, f32(1, 3), 3, 1, 3, 1)]
    body = [Instruction("nn.add", (0, 1), f32(1, 3))]
    outputs = [OutputPort(made, 0), OutputPort(summed, 2, 3)]
    net.stage("sum", 3, inputs, outputs, body, states=(f32(1, 3),), next_states=(2,))
    net.store("store y", made, y)
    net.store("store total", summed, total)
    program = net.program()
    check_program(program)
    result = Executor(program, {}).step({"x": np.arange(1, 8, dtype=np.float32)[None]})
    assert result.outputs["y"].tolist() == [[2, 4, 6, 8, 10, 12, 14]]
    assert result.outputs["total"].tolist() == [[2 + 8 + 14, 4 + 10, 6 + 12]]


def test_a_program_comes_back_and_older_ones_have_no_last_tiles(network: Any) -> None:
    program = doubled(network, 7, 3)
    assert parse_program(dump_program(program)) == program
    even = doubled(network, 6, 3)
    document = json.loads(dump_program(even))
    document["version"] = 4
    for unit in document["program"]["kernels"][0]["units"]:
        unit.get("pattern", {}).pop("last", None)
    assert parse_program(json.dumps(document)) == even


def test_whole_tensors_fit_any_tile_and_equal_tiles_each_other() -> None:
    assert cuts_fit(4099, 4099, 513)
    assert cuts_fit(4099, 513, 513)
    assert not cuts_fit(4099, 513, 500)
    # 13 are 7 tiles of 2, but no 4 of 4: the last would be of one. 15 are 8 of 2 and 4 of 4.
    assert not cuts_fit(13, 2, 4)
    assert cuts_fit(15, 2, 4)
