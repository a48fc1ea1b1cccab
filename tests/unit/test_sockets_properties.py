"""What holds for every program on several sockets, and for the ledger's part that collectives take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from drawn_times import check_but_pace
from hypothesis import given, settings
from hypothesis import strategies as st

from kl.backends.collectives import all_gather, all_reduce, shards
from kl.backends.numerics import OPERATIONS
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.idling import Idle, InFlight
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.ledger import split
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.serialize import dump_program, parse_program
from kl.backends.sn40l.servers import Calendar, Server
from kl.backends.sn40l.units import InputPort, Instruction, OutputPort
from kl.backends.tensors import Array, TensorSpec
from kl.dialects.vocabulary import ALGORITHMS

WIDTH = 8
"""Elements of the row that goes from block to block."""


@dataclass(frozen=True)
class Block:
    """A product with a split weight: by columns with an all-gather, or by rows with an all-reduce."""

    operation: str
    algorithm: str
    parts: int
    """Of a gathered weight; a summed one has a part per socket."""
    tiles: int
    """In which the sum goes over the links."""
    extra_depth: int
    ii: int


@dataclass(frozen=True)
class Model:
    """Blocks in a loop, on several sockets."""

    sockets: int
    iterations: int
    blocks: tuple[Block, ...]
    machine: Mapping[str, int]


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Models of up to three blocks and three iterations, with fast and slow links."""
    sockets = draw(st.sampled_from([1, 2, 4]))
    block = st.builds(
        Block,
        st.sampled_from(["all_reduce", "all_gather"]),
        st.sampled_from(ALGORITHMS),
        st.sampled_from([parts for parts in (1, 2, 4) if sockets % parts == 0]),
        st.sampled_from([1, 2, 4]),
        st.integers(0, 2),
        st.integers(1, 40),
    )
    machine = {
        "p2p_bandwidth": draw(st.sampled_from([200_000_000, 20_000_000_000])),
        "p2p_latency_ns": draw(st.sampled_from([0, 1, 300])),
        "hbm_bandwidth": draw(st.sampled_from([3_000_000_000, 1_800_000_000_000])),
    }
    blocks = draw(st.lists(block, min_size=1, max_size=3).map(tuple))
    return Model(sockets, draw(st.integers(1, 3)), blocks, machine)


def spec(*shape: int) -> TensorSpec:
    return TensorSpec(shape, "f32")


def build(net: Any, model: Model) -> Program:
    """The program of a model."""
    x, y = net.memory("x", "input", 1, WIDTH), net.memory("y", "value", 1, WIDTH, output=True)
    init, current, final = (net.channel(1, WIDTH) for _ in range(3))
    net.load("load x", x, init, once=True)
    row = current
    for number, block in enumerate(model.blocks):
        make = add_sum if block.operation == "all_reduce" else add_gather
        row = make(net, model, number, block, row)
    net.carry("carry", 1, init, row, final, current)
    net.store("store y", final, y, once=True)
    return net.program()


def add_gather(net: Any, model: Model, number: int, block: Block, row: int) -> int:
    """`x @ w` by columns of w, whose results are put together; the channel of the result."""
    columns = WIDTH // block.parts
    w = net.memory(f"w{number}", "weight", model.iterations, WIDTH, columns, split=(2, block.parts))
    depth = 1 + block.extra_depth
    weights, part = net.channel(WIDTH, columns, depth=depth), net.channel(1, columns, depth=depth)
    whole = net.channel(1, WIDTH, depth=depth)
    net.load(f"load w{number}", w, weights, stacked=True)
    ports = [InputPort(row, spec(1, WIDTH)), InputPort(weights, spec(WIDTH, columns))]
    body = [Instruction("nn.matmul", (0, 1), spec(1, columns))]
    net.stage(f"product {number}", 1, ports, [OutputPort(part, 2)], body, ii=block.ii)
    net.collective(f"whole {number}", "all_gather", part, whole, axis=1, algorithm=block.algorithm)
    return whole


def add_sum(net: Any, model: Model, number: int, block: Block, row: int) -> int:
    """The sum over the sockets of `x @ w`, in tiles, each socket with a w of its own."""
    tiles, wide = block.tiles, WIDTH // block.tiles
    shape = (model.iterations, WIDTH, WIDTH)
    w = net.memory(f"w{number}", "weight", *shape, split=(1, model.sockets))
    depth = 1 + block.extra_depth
    weights, part = net.channel(WIDTH, wide, depth=depth), net.channel(1, wide, depth=depth)
    total, whole = net.channel(1, wide, depth=tiles + block.extra_depth), net.channel(1, WIDTH)
    # Tiles of w are columns, so the load walks along the last axis.
    net.load(f"load w{number}", w, weights, stacked=True)
    ports = [InputPort(row, spec(1, WIDTH), tiles), InputPort(weights, spec(WIDTH, wide))]
    body = [Instruction("nn.matmul", (0, 1), spec(1, wide))]
    net.stage(f"product {number}", tiles, ports, [OutputPort(part, 2)], body, ii=block.ii)
    net.collective(f"sum {number}", "all_reduce", part, total, tiles=tiles, algorithm=block.algorithm)
    axis = 1 if tiles > 1 else None
    port = InputPort(total, spec(1, WIDTH), gathered=tiles, axis=axis)
    body = [Instruction("nn.add", (0, 0), spec(1, WIDTH))]
    net.stage(f"double {number}", 1, [port], [OutputPort(whole, 1)], body, ii=block.ii)
    return whole


def weights_of(program: Program) -> dict[str, Array]:
    """Random numbers, whose sums round."""
    rng = np.random.default_rng(3)
    weights = [region for region in program.regions if region.kind == "weight"]
    return {w.name: rng.normal(size=w.whole.shape).astype(np.float32) for w in weights}


X = np.linspace(-1, 1, WIDTH, dtype=np.float32).reshape(1, WIDTH)


def result_of(model: Model, weights: Mapping[str, Array]) -> Array:
    """What a model computes, with the collectives' numpy meaning on whole rows."""
    x = X
    for iteration in range(model.iterations):
        for number, block in enumerate(model.blocks):
            w = weights[f"w{number}"][iteration]
            if block.operation == "all_gather":
                parts = products(x, shards(w, 1, block.parts, model.sockets))
                x = all_gather(parts, {"axis": 1}, spec(1, WIDTH))[0]
            else:
                parts = products(x, shards(w, 0, model.sockets, model.sockets))
                x = all_reduce(parts, {}, spec(1, WIDTH))[0] * np.float32(2)
    return x


def products(x: Array, parts: Sequence[Array]) -> list[list[Array]]:
    """`x @ w` on each socket."""
    matmul = OPERATIONS["nn.matmul"]
    return [[matmul([x, w], {}, spec(1, w.shape[1]))] for w in parts]


@settings(max_examples=80, deadline=None)
@given(models())
def test_all_sockets_give_the_numbers_and_each_takes_the_same_time(network: Any, model: Model) -> None:
    program = build(network(model.iterations, sockets=model.sockets, **model.machine), model)
    check_but_pace(program)
    assert parse_program(dump_program(program)) == program
    weights = weights_of(program)
    result = Executor(program, weights).step({"x": X})
    assert result.outputs["y"].tobytes() == result_of(model, weights).tobytes()
    report = time_step(program, {})
    assert report == result.report
    assert report == time_step(program, {}, every_socket=True)
    assert report.ledger.total == report.cycles >= report.roofline_cycles
    assert all(part >= 0 for part in vars(report.ledger).values())
    assert report.traffic.link_sent == model.iterations * sum(sent(model, block) for block in model.blocks)


def sent(model: Model, block: Block) -> int:
    """Bytes that a socket sends in an iteration of a block."""
    others = model.sockets - 1
    if block.operation == "all_gather":
        return others * 4 * WIDTH // block.parts
    tile = 4 * WIDTH // block.tiles
    each = {
        "one_shot": others * tile,
        "ring": 2 * others * -(-tile // model.sockets),
        # Halves: with four sockets up, twice down, and up from a leaf; with two up and down.
        "tree": {1: 0, 2: 2, 4: 4}[model.sockets] * -(-tile // 2),
    }
    return each[block.algorithm] * block.tiles


@settings(max_examples=40, deadline=None)
@given(models(), st.data())
def test_no_program_is_faster_with_slower_links(network: Any, model: Model, data: st.DataObject) -> None:
    # A single block, so that no order of requests can change.
    model = replace(model, iterations=1, blocks=model.blocks[:1])
    latency = model.machine["p2p_latency_ns"] + data.draw(st.integers(0, 500))
    slower = replace(model, machine={**model.machine, "p2p_latency_ns": latency})
    fast, slow = (
        time_step(build(network(sockets=one.sockets, **one.machine), one), {}) for one in (model, slower)
    )
    assert slow.cycles >= fast.cycles
    assert slow.ledger.collectives >= fast.ledger.collectives


spans = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 9)), max_size=6)
"""Gaps and lengths of intervals that follow one another."""


def intervals(gaps_and_lengths: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """First cycle and the one behind the last of each."""
    found: list[tuple[int, int]] = []
    now = 0
    for gap, length in gaps_and_lengths:
        found.append((now + gap, now + gap + length))
        now += gap + length
    return found


@settings(max_examples=300, deadline=None)
@given(spans, st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=5))
def test_idle_cycles_with_tiles_on_their_way_are_counted_one_by_one(
    transfers: list[tuple[int, int]], flights: list[tuple[int, int]]
) -> None:
    hbm, tiles = intervals(transfers), [(start, start + length) for start, length in flights]
    end = max((stop for _, stop in hbm + tiles), default=0)
    server = Server(Calendar())
    meter = InFlight(server)
    for now in range(end + 1):
        for start, stop in tiles:
            if stop == now:
                meter.end(now)
            if start == now:
                meter.begin(now)
        for start, stop in hbm:
            if start == now:  # as `Server.dispatch` does, behind all events of the cycle
                server.free_at = stop
                server.busy_cycles += stop - start
                server.first_busy = start if server.first_busy is None else server.first_busy
    busy = {cycle for start, stop in hbm for cycle in range(start, stop)}
    shown = {cycle for start, stop in tiles for cycle in range(start, stop)} - busy
    first, last = (hbm[0][0], hbm[-1][1]) if hbm else (end, end)
    before, after = {cycle for cycle in shown if cycle < first}, {cycle for cycle in shown if cycle >= last}
    assert meter.idle() == Idle(len(before), len(shown) - len(before) - len(after), len(after))
    ledger = split(end, server.first_busy, server.free_at, server.busy_cycles, 0, meter.idle())
    assert ledger.total == end
    assert ledger.collectives == len(shown)
    assert ledger.memory_busy == len(busy)
