"""Programs on several sockets: the cycles of collectives, parts in memory, errors that name the socket."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kl.backends.collectives import shards
from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.engine import SocketsRun, resolve
from kl.backends.sn40l.errors import DeadlockError, ExecutionError, HazardError, RoofError
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.ledger import Ledger, Traffic
from kl.backends.sn40l.memory import Data, MemoryMap
from kl.backends.sn40l.program import Observe, Program
from kl.backends.sn40l.report import Report
from kl.backends.sn40l.roof import roofline_cycles
from kl.backends.sn40l.serialize import dump_program, parse_program
from kl.backends.sn40l.units import InputPort, Instruction, OutputPort
from kl.backends.tensors import TensorSpec
from kl.dialects.machine import SN40L
from kl.dialects.vocabulary import ALGORITHMS

ROUND = {
    "clock_hz": 1_000_000_000,
    "hbm_bandwidth": 64_000_000_000,
    "hbm_efficiency_permille": 1000,
    "hbm_latency_cycles": 100,
    "p2p_bandwidth": 16_000_000_000,
    "p2p_latency_ns": 200,
    "program_load_ns": 0,
    "argument_load_ns": 0,
    "execute_ns": 0,
}
"""HBM moves 64 bytes a cycle, links 16; latencies of 100 and 200 cycles; launching takes no time."""

X = np.arange(1, 17, dtype=np.float32).reshape(1, 16)


def exchange(
    net: Any, kind: str, *, algorithm: str = "one_shot", parts: int = 1, tiles: int = 1, depth: int = 2
) -> Program:
    """Load rows of 64 bytes, exchange each with the other sockets, store what comes of it."""
    x = net.memory("x", "input", tiles, 16)
    y = net.memory("y", "value", tiles, 16 * parts, output=True)
    before, after = net.channel(1, 16, depth=depth), net.channel(1, 16 * parts, depth=depth, latency=5)
    net.load("load", x, before)
    axis = 1 if kind == "all_gather" else None
    net.collective(kind, kind, before, after, tiles=tiles, axis=axis, algorithm=algorithm)
    net.store("store", after, y)
    return net.program()


@pytest.mark.parametrize(
    ("kind", "algorithm", "sent", "latency"),
    [
        # Three others; 64 bytes to each of them take 192 / 16 = 12 cycles of the links.
        ("all_reduce", "one_shot", 3 * 64, 200),
        # Quarters of 16 bytes go around twice, three hops each time.
        ("all_reduce", "ring", 6 * 16, 6 * 200),
        # Halves of 32 bytes go up and down two trees, two hops each way; a socket sends four.
        ("all_reduce", "tree", 4 * 32, 4 * 200),
        ("all_gather", "one_shot", 3 * 64, 200),
        # The whole tile goes around once, in three hops.
        ("all_gather", "ring", 3 * 64, 3 * 200),
        # What a socket has doubles from hop to hop.
        ("all_gather", "tree", 3 * 64, 2 * 200),
    ],
)
def test_a_tile_takes_the_cycles_that_the_algorithm_gives(
    network: Any, kind: str, algorithm: str, sent: int, latency: int
) -> None:
    # The tile is there at 1 + 100 and is sent until 101 + busy; behind the latency and the channel's 5 cycles
    # the store takes a cycle (4 for the four parts of an all-gather) and has landed 100 later.
    parts = 4 if kind == "all_gather" else 1
    program = exchange(network(sockets=4, **ROUND), kind, algorithm=algorithm, parts=parts)
    check_program(program)
    report = time_step(program, {})
    flight = sent // 16 + latency
    assert report.cycles == 101 + flight + 5 + parts + 100
    assert report.ledger.collectives == flight
    assert report.ledger.memory_busy == 1 + parts
    assert report.ledger.drain == 100
    assert report.ledger.exposed == 100 + 5
    assert report.traffic == Traffic(hbm_read=64, hbm_written=64 * parts, link_sent=sent)
    assert Executor(program, {}).step({"x": X}).report == report
    assert time_step(program, {}, every_socket=True) == report


def test_parts_that_do_not_divide_are_rounded_up(network: Any) -> None:
    # A ring of three sockets cuts 64 bytes in parts of 22; 4 * 22 bytes take 5.5 cycles, so 6.
    report = time_step(exchange(network(sockets=3, **ROUND), "all_reduce", algorithm="ring"), {})
    assert report.traffic.link_sent == 88
    assert report.ledger.collectives == 6 + 4 * 200


@pytest.mark.parametrize("kind", ["all_reduce", "all_gather"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_single_socket_passes_tiles_on(network: Any, kind: str, algorithm: str) -> None:
    program = exchange(network(**ROUND), kind, algorithm=algorithm)
    check_program(program)
    result = Executor(program, {}).step({"x": X})
    assert np.array_equal(result.outputs["y"], X)
    assert result.report.cycles == 101 + 1 + 5 + 1 + 100
    assert result.report.ledger.collectives == 1
    assert result.report.traffic.link_sent == 0


def test_tiles_follow_one_another_on_the_links(network: Any) -> None:
    # Four tiles are read in cycles 0 to 3; the links send from 101 on, 4 cycles each, so until 117. The last
    # one is there at 317, through its channel at 322, and stored at 323 + 100.
    program = exchange(network(sockets=2, **ROUND), "all_reduce", tiles=4, depth=4)
    report = time_step(program, {})
    assert report.cycles == 117 + 200 + 5 + 1 + 100
    # HBM writes the first three results from 310, 314 and 318 on; the fourth is there in cycle 317.
    assert report.ledger.collectives == 317 - 101 - 2
    assert report.ledger.total == report.cycles


def test_a_slot_is_held_until_its_tile_is_sent(network: Any) -> None:
    # With one slot, the second tile is read when the first has been sent, in cycle 105: there at 206.
    report = time_step(exchange(network(sockets=2, **ROUND), "all_reduce", tiles=2, depth=1), {})
    first_result = 105 + 200 + 5
    second_sent = 206 + 4
    # The second collective waits for a slot of its output, which the store frees a cycle after the result.
    start = max(206, first_result + 1)
    assert start == 311 > second_sent
    assert report.cycles == start + 4 + 200 + 5 + 1 + 100


def test_two_collectives_share_the_links_in_program_order(network: Any) -> None:
    # Both tiles are there in the same cycle or one later; the first unit's goes first, whoever came first.
    net = network(sockets=2, **ROUND)
    x, late = net.memory("x", "input", 1, 16), net.memory("late", "input", 1, 16)
    channels = [net.channel(1, 16) for _ in range(4)]
    net.load("load late", late, channels[0])
    net.load("load", x, channels[1])
    net.collective("second", "all_reduce", channels[1], channels[3])
    net.collective("first", "all_reduce", channels[0], channels[2])
    for number, channel in enumerate(channels[2:]):
        net.store(f"store {number}", channel, net.memory(f"y{number}", "value", 1, 16))
    report = time_step(net.program(), {})
    # `load late` is there at 101 and sent until 105, the other one from 105 to 109.
    assert report.cycles == 109 + 200 + 1 + 100


def test_a_weight_is_given_whole_and_lies_in_parts(network: Any) -> None:
    # Two parts on four sockets: neighbours share one. Every socket adds its part to the sum.
    net = network(sockets=4, **ROUND)
    w = net.memory("w", "weight", 1, 16, split=(0, 2))
    y = net.memory("y", "value", 1, 16, output=True)
    part, total = net.channel(1, 16), net.channel(1, 16)
    net.load("load w", w, part)
    net.collective("sum", "all_reduce", part, total)
    net.store("store", total, y)
    program = net.program()
    check_program(program)
    assert parse_program(dump_program(program)) == program
    whole = np.concatenate([X, 100 * X])
    executor = Executor(program, {"w": whole})
    assert np.array_equal(executor.step({}).outputs["y"], 202 * X)
    for socket, part in enumerate(shards(whole, 0, 2, 4)):
        assert np.array_equal(executor.read("w", socket), part)
    with pytest.raises(ExecutionError, match="socket 4 of a program for 4, which are 0 to 3"):
        executor.read("w", 4)
    with pytest.raises(ExecutionError, match=r"weight 'w' is a tensor<2x16xf32>, the value given is"):
        Executor(program, {"w": X})
    with pytest.raises(ExecutionError, match=r"no value for weight 'w', a tensor<2x16xf32>"):
        Executor(program, {})


def test_parts_are_put_together_in_socket_order(network: Any) -> None:
    net = network(sockets=4, **ROUND)
    w = net.memory("w", "weight", 2, 4, split=(1, 2))
    y = net.memory("y", "value", 2, 8, output=True)
    part, whole = net.channel(2, 4), net.channel(2, 8)
    net.load("load w", w, part)
    net.collective("gather", "all_gather", part, whole, axis=1)
    net.store("store", whole, y)
    program = net.program()
    check_program(program)
    value = X.reshape(2, 8)
    assert np.array_equal(Executor(program, {"w": value}).step({}).outputs["y"], value)


def embedding(net: Any) -> Program:
    """Two rows on each socket, summed up behind a gather."""
    ids, table = (
        net.memory("ids", "input", 3, dtype="i32"),
        net.memory("table", "weight", 2, 16, split=(0, 4)),
    )
    y = net.memory("y", "value", 3, 16, output=True)
    wanted, found, total = net.channel(3, dtype="i32"), net.channel(3, 16), net.channel(3, 16)
    net.load("load ids", ids, wanted)
    net.gather("gather", wanted, table, found, sharded=True)
    net.collective("sum", "all_reduce", found, total)
    net.store("store", total, y)
    return net.program()


def test_a_split_table_gives_rows_of_all_sockets(network: Any) -> None:
    program = embedding(network(sockets=4, **ROUND))
    check_program(program)
    table = np.arange(8 * 16, dtype=np.float32).reshape(8, 16)
    ids = np.array([7, 0, 4], np.int32)
    result = Executor(program, {"table": table}).step({"ids": ids})
    assert np.array_equal(result.outputs["y"], table[ids])
    assert result.report == time_step(program, {}) == time_step(program, {}, every_socket=True)


@pytest.mark.parametrize("row", [-1, 8])
def test_a_row_of_no_socket_is_a_hazard(network: Any, row: int) -> None:
    executor = Executor(embedding(network(sockets=4, **ROUND)), {"table": np.ones((8, 16), np.float32)})
    with pytest.raises(HazardError) as caught:
        executor.step({"ids": np.array([0, row, 0], np.int32)})
    assert "call 0, kernel 'kernel': socket 0: hazard at cycle 101: gather 'gather'" in str(caught.value)
    assert str(caught.value).endswith(f"reads row {row}; its table has rows 0 to 7")
    assert caught.value.location == "model.kl:2:1"


def parts_to_host(net: Any) -> Program:
    """Every socket stores its own part of a weight as if it were the whole."""
    w, y = net.memory("w", "weight", 1, 16, split=(0, 4)), net.memory("y", "value", 1, 16, output=True)
    row = net.channel(1, 16)
    net.load("load", w, row)
    net.store("store", row, y)
    return net.program()


def test_the_host_reads_what_is_the_same_on_all_sockets(network: Any) -> None:
    program = parts_to_host(network(sockets=4, **ROUND))
    whole = np.concatenate([X, X, X + 1, X])
    with pytest.raises(
        ExecutionError, match="the host reads 'y', which differs between socket 0 and socket 2"
    ):
        Executor(program, {"w": whole}).step({})
    equal = Executor(program, {"w": np.concatenate([X] * 4)}).step({})
    assert np.array_equal(equal.outputs["y"], X)
    observed = replace(program, outputs=(), commands=(*program.commands, Observe("y", "y")))
    with pytest.raises(ExecutionError, match="differs between socket 0 and socket 2"):
        Executor(observed, {"w": whole}).step({})


# Runs with one thing wrong on one socket.


def sockets_run(program: Program, x: np.ndarray[Any, Any] = X) -> SocketsRun:
    """A run with data, at its beginning."""
    memory = MemoryMap(program)
    memory.begin_step({})
    addresses = tuple(region.address for region in program.regions)
    sockets: list[Data | None] = []
    for _ in range(program.machine.sockets):
        data = Data(program)
        data.write_region(memory.regions["x"], x)
        sockets.append(data)
    return SocketsRun(resolve(program.kernels[0], addresses, memory), program.machine, memory, sockets)


def lose(run: SocketsRun, socket: int, channel: int) -> None:
    """The next token on its way into a channel of a socket never arrives."""
    events = run.runs[socket].calendar.events
    deliver = run.runs[socket].channels[channel].deliver
    events.remove(next(event for event in sorted(events, key=lambda e: e[:2]) if event[2] == deliver))


def test_a_token_lost_on_one_socket_is_a_hazard_there(network: Any) -> None:
    run = sockets_run(exchange(network(sockets=3, **ROUND), "all_reduce", tiles=2), np.concatenate([X, X]))
    for one in run.runs:
        one.proceed(50)
    lose(run, socket=1, channel=0)
    with pytest.raises(HazardError, match="socket 1: hazard at cycle 102: channel 'c0' from load 'load'"):
        run.run()


def test_a_socket_that_never_sends_is_a_deadlock_there(network: Any) -> None:
    run = sockets_run(exchange(network(sockets=3, **ROUND), "all_reduce"))
    for one in run.runs:
        one.proceed(50)
    lose(run, socket=2, channel=0)
    with pytest.raises(DeadlockError) as caught:
        run.run()
    message = str(caught.value)
    assert message.startswith("socket 2: deadlock at cycle ")
    assert "collective 'all_reduce' waits for a token of load 'load' on channel 'c0', depth 2" in message
    assert message.endswith("socket 0 has sent tile 0 of collective 'all_reduce' and waits for its")
    assert caught.value.location == "model.kl:2:1"


def test_a_deadlock_on_all_sockets_is_that_of_the_first(network: Any) -> None:
    # The store wants both halves of a row, the channel behind the collective has room for one.
    net = network(sockets=2, **ROUND)
    x, y = net.memory("x", "input", 2, 16), net.memory("y", "value", 1, 32, output=True)
    before, after, row = net.channel(1, 16), net.channel(1, 16, depth=1), net.channel(1, 32)
    net.load("load", x, before)
    net.collective("sum", "all_reduce", before, after, tiles=2)
    wide = TensorSpec((1, 32), "f32")
    port = InputPort(after, wide, gathered=2, axis=1)
    net.stage("join", 1, [port], [OutputPort(row, 1)], [Instruction("nn.add", (0, 0), wide)])
    net.store("store", row, y)
    program = net.program()
    for run in (
        lambda: time_step(program, {}, every_socket=True),
        lambda: Executor(program, {}).step({"x": np.concatenate([X, X])}),
    ):
        with pytest.raises(DeadlockError) as caught:
            run()
        assert "kernel 'kernel': socket 0: deadlock" in str(caught.value)
        assert str(caught.value).endswith("depth 2 of channel 'c1' breaks the circle")
    with pytest.raises(DeadlockError, match="kernel 'kernel': deadlock at cycle"):
        time_step(program, {})


# The ledger and the roof.


def test_ledgers_and_traffic_add_up_what_concerns_sockets() -> None:
    assert Ledger(collectives=3) + Ledger(exposed=1, collectives=4) == Ledger(exposed=1, collectives=7)
    assert Ledger(1, 2, 3, 4, 5, 6).total == 21
    assert Traffic(link_sent=3) + Traffic(ddr_read=1, link_sent=4) == Traffic(ddr_read=1, link_sent=7)
    assert Traffic(link_sent=3).hbm + Traffic(link_sent=3).ddr == 0


def test_no_time_beats_what_the_links_send(network: Any) -> None:
    traffic = Traffic(link_sent=25_000)
    assert roofline_cycles(SN40L, traffic, 0) == 200
    program = exchange(network(sockets=4, **ROUND), "all_reduce")
    report = time_step(program, {})
    assert report.roofline_cycles == 192 // 16
    call = replace(report.calls[0], traffic=Traffic(link_sent=16 * (report.cycles + 1)))
    with pytest.raises(RoofError, match=f"takes {report.cycles} cycles, the roofline of its bytes"):
        Report("test", program.machine, "hardware", 1, (call,), 0)
    assert report.to_json()["bytes"]["link_sent"] == 192
    assert report.to_json()["sockets"] == 4
