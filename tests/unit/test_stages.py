"""What a report tells of layers and stages, and that it is the ledger in more detail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.ledger import LayerTime, StageUse, Wait
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.report import Report
from kl.backends.sn40l.report_details import KernelUse, kernel_uses, layer_rows
from kl.backends.sn40l.servers import Calendar, Server
from kl.backends.sn40l.timing import layers_json, stages_json
from kl.backends.sn40l.units import InputPort, Instruction, OutputPort
from kl.backends.tensors import TensorSpec
from kl.tools.kl import main

TINY = str(Path(__file__).parents[2] / "examples/llama3_tiny.kl")
ROUND = {
    "clock_hz": 1_000_000_000,
    "hbm_bandwidth": 64_000_000_000,
    "hbm_efficiency_permille": 1000,
    "hbm_latency_cycles": 100,
}
"""HBM moves 64 bytes a cycle and has a latency of 100 cycles."""
TILE = TensorSpec((1, 16), "f32")


def squares(net: Any, *, slots: int = 2, calls: int = 1) -> Program:
    """Load a row in four tiles of 64 bytes, square each, store it."""
    x = net.memory("x", "input", 1, 64)
    y = net.memory("y", "value", 1, 64, output=True)
    before = net.channel(1, 16, depth=2, latency=3)
    after = net.channel(1, 16, depth=slots, latency=5)
    net.load("load", x, before)
    body = [Instruction("nn.mul", (0, 0), TILE)]
    net.stage("square", 4, [InputPort(before, TILE)], [OutputPort(after, 1)], body, ii=10, latency=20)
    net.store("store", after, y)
    return net.program(calls)


def test_a_stage_is_busy_or_waits_or_is_done(network: Any) -> None:
    # Tiles are there at 104, 105, and when the first two have left their slots, at 218 and 228: the stage
    # waits for 104 cycles, is busy from 104 to 124, waits for 94, is busy from 218 to 238. The store lands at
    # 354.
    report = time_step(squares(network(**ROUND)), {}, details=True)
    (use,) = kernel_uses(report)
    (stage,) = use.stages
    assert (use.cycles, stage.firings, stage.busy_cycles) == (354, 4, 40)
    assert stage.inputs == (Wait("c0", "load 'load'", 104 + 94),)
    assert stage.outputs == (Wait("c1", "store 'store'", 0),)
    assert stage.done_cycles == 354 - 238
    assert stage.utilisation == 40 / 354
    assert stage.longest_wait == stage.inputs[0]
    assert (stage.pcus, stage.pmus) == (8, 1)


def test_a_stage_without_a_free_slot_waits_for_its_reader(network: Any) -> None:
    # With one slot, a result arrives 25 cycles after its firing, and the store has taken it a cycle later:
    # the second firing is due at 114 and waits until 130; the tiles of the others come later than that.
    report = time_step(squares(network(**ROUND), slots=1), {}, details=True)
    (stage,) = kernel_uses(report)[0].stages
    assert stage.outputs == (Wait("c1", "store 'store'", 16),)


def test_the_bottleneck_is_busy_longest(network: Any) -> None:
    (use,) = kernel_uses(time_step(squares(network(**ROUND)), {}, details=True))
    assert use.servers == {"HBM": 8, "DDR": 0, "links": 0}
    assert use.bottleneck == ("stage square", 40)
    slow = ROUND | {"hbm_bandwidth": 1_000_000_000}
    (use,) = kernel_uses(time_step(squares(network(**slow)), {}, details=True))
    assert use.bottleneck == ("HBM", 8 * 64)


def test_calls_of_a_kernel_are_its_layers_where_it_has_no_loop(network: Any) -> None:
    report = time_step(squares(network(**ROUND), calls=3), {}, details=True)
    (row,) = layer_rows(report)
    assert (row.kernel, row.first, row.last, row.count) == ("kernel", 0, 2, 3)
    assert row.time == LayerTime(cycles=354, memory_busy=8, collectives=0, hbm_bytes=512)
    assert row.start_cycle == report.calls[0].ledger.launch
    (use,) = kernel_uses(report)
    assert (use.calls, use.cycles, use.stages[0].firings) == (3, 3 * 354, 12)


def test_an_iteration_goes_from_start_to_start(decoder: Any) -> None:
    # The carry takes the first tile of layer 1 when layer 0 is done, and so on.
    report = time_step(decoder(), {"position": 0}, details=True)
    first, steady, last = layer_rows(report)
    assert [(row.first, row.last) for row in (first, steady, last)] == [(0, 0), (1, 1), (2, 2)]
    assert steady.start_cycle == first.start_cycle + first.time.cycles
    assert first.start_cycle == report.calls[0].ledger.launch
    assert first.time.cycles > steady.time.cycles
    assert first.time.memory_busy > steady.time.memory_busy


def examples(network: Any, decoder: Any) -> list[Report]:
    chain = squares(network(**ROUND), calls=2)
    return [
        time_step(chain, {}, details=True),
        time_step(chain, {}, "software", details=True),
        time_step(decoder(), {"position": 5}, details=True),
        time_step(decoder(row_depth=5), {"position": 7}, details=True),
    ]


def test_layers_and_stages_sum_up_to_the_ledger(network: Any, decoder: Any) -> None:
    for report in examples(network, decoder):
        rows, ledger = layer_rows(report), report.ledger
        assert sum(row.count * row.time.cycles for row in rows) == report.cycles - ledger.launch
        assert sum(row.count * row.time.memory_busy for row in rows) == ledger.memory_busy
        assert sum(row.count * row.time.hbm_bytes for row in rows) == report.traffic.hbm
        assert sum(row.count * row.time.collectives for row in rows) == ledger.collectives
        idle = ledger.fill + ledger.drain + ledger.exposed
        assert sum(row.count * row.time.idle for row in rows) == idle
        for use in kernel_uses(report):
            assert use.servers["HBM"] == ledger.memory_busy
            assert all(stage.cycles == use.cycles for stage in use.stages)


def test_collectives_have_their_cycles_in_each_layer(network: Any) -> None:
    net = network(6, **ROUND, sockets=2, p2p_latency_ns=50)
    x, y = net.memory("x", "input", 1, 16), net.memory("y", "value", 1, 16, output=True)
    init, current, made, summed, final = (net.channel(1, 16) for _ in range(5))
    net.load("load", x, init, once=True)
    net.carry("carry", 1, init, summed, final, current)
    body = [Instruction("nn.mul", (0, 0), TILE)]
    net.stage("square", 1, [InputPort(current, TILE)], [OutputPort(made, 1)], body)
    net.collective("reduce", "all_reduce", made, summed)
    net.store("store", final, y, once=True)
    report = time_step(net.program(), {}, details=True)
    rows = layer_rows(report)
    # A tile of 64 bytes takes a cycle of the links and is there 50 cycles later.
    assert [(row.first, row.last, row.time.collectives) for row in rows] == [
        (0, 0, 51),
        (1, 4, 51),
        (5, 5, 51),
    ]
    assert report.ledger.collectives == 6 * 51
    assert kernel_uses(report)[0].servers["links"] == 6


def test_the_uses_of_calls_add_up() -> None:
    one = StageUse("s", "", 1, 2, 3, 4, (Wait("a", "load 'l'", 5),), (Wait("b", "store 's'", 6),), 7)
    both = one + one
    assert (both.firings, both.busy_cycles, both.done_cycles) == (6, 24, 14)
    assert (both.input_wait_cycles, both.output_wait_cycles) == (10, 12)
    assert (both.ii_cycles, both.pcus, both.pmus) == (4, 1, 2)
    assert both.cycles == 2 * one.cycles


def test_a_kernel_without_stages_has_a_bottleneck() -> None:
    assert KernelUse("k", 1, 10, (), {"HBM": 4, "DDR": 5, "links": 0}).bottleneck == ("DDR", 5)


def test_a_report_without_details_has_none(decoder: Any) -> None:
    assert all(call.details is None for call in time_step(decoder(), {"position": 0}).calls)


def test_details_change_nothing_else(decoder: Any) -> None:
    plain = time_step(decoder(), {"position": 3})
    detailed = time_step(decoder(), {"position": 3}, details=True)
    assert plain.to_json() == detailed.to_json()


def test_time_prints_layers_and_stages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["time", TINY, "--per-layer", "--per-stage"]) == 0
    out = capsys.readouterr().out
    for text in (
        "HBM idles",
        "decoder.loop: busiest is",
        "softmax.scores",
        "mostly for",
        "load 'load argument0'",
    ):
        assert text in out


def test_time_prints_them_only_if_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["time", TINY]) == 0
    assert "HBM idles" not in (out := capsys.readouterr().out)
    assert "busiest" not in out


def test_the_json_form_has_layers_and_stages(capsys: pytest.CaptureFixture[str], decoder: Any) -> None:
    assert main(["time", TINY, "--per-layer", "--per-stage", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    ledger = document["ledger_cycles"]
    layers = [(row, row["last"] - row["first"] + 1) for row in document["layers"]]
    assert sum(count * row["cycles"] for row, count in layers) == document["cycles"] - ledger["launch"]
    assert sum(count * row["memory_busy_cycles"] for row, count in layers) == sum(
        ledger[name] for name in ("memory_full_rate", "memory_below_full_rate")
    )
    assert sum(count * row["hbm_bytes"] for row, count in layers) == sum(
        document["bytes"][name] for name in ("hbm_read", "hbm_written")
    )
    assert all(row["memory_full_rate_cycles"] <= row["memory_busy_cycles"] for row, _ in layers)
    assert [kernel["kernel"] for kernel in document["stages"]] == [k["kernel"] for k in document["kernels"]]
    for kernel in document["stages"]:
        for stage in kernel["stages"]:
            waits = stage["input_wait_cycles"] + stage["output_wait_cycles"]
            assert stage["busy_cycles"] + waits + stage["done_cycles"] == kernel["cycles"]
            assert sum(port["wait_cycles"] for port in stage["inputs"]) == stage["input_wait_cycles"]
            assert stage["busy_cycles"] == stage["firings"] * stage["ii_cycles"]
    report = time_step(decoder(), {"position": 0}, details=True)
    assert json.loads(json.dumps(layers_json(report) + stages_json(report)))


def test_the_json_form_has_them_only_if_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["time", TINY, "--per-layer", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert "layers" in document
    assert "stages" not in document


class Transfers:
    """A unit whose transfers take ten cycles for a hundred bytes."""

    index, writes, firings, firings_per_pass, firing, served = 0, False, 9, 9, 0, 0

    def number(self, firing: int) -> int:
        return 0

    def cost(self, firing: int) -> tuple[int, int]:
        return 10, 100

    def serve(self, now: int, end: int, firing: int) -> None:
        """Nothing is waited for."""


def test_a_transfer_over_the_edge_of_layers_counts_in_both_by_its_share() -> None:
    server, unit = Server(Calendar()), Transfers()
    for firing, now in enumerate((5, 15)):
        unit.firing += 1
        server.request(now, unit)
        server.dispatch(now, 0, None)
        shares = [server.bytes_until(now + cycles) - 100 * firing for cycles in (0, 3, 9, 10, 12)]
        assert shares == [0, 30, 90, 100, 100]
