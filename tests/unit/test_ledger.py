"""The ledger: every cycle has one entry, per call, per kernel and per step."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.ledger import Ledger, Traffic, split
from kl.backends.sn40l.program import Observe, Program
from kl.tools.kl import main

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_kernel_splits_into_fill_busy_exposed_and_drain() -> None:
    # HBM is used from cycle 10 to 90, 60 cycles of it, in a kernel of 100 cycles; its bytes are worth 50.
    ledger = split(100, 10, 90, 60, 50)
    assert ledger == Ledger(memory_full_rate=50, memory_below_full_rate=10, fill=10, drain=10, exposed=20)
    assert ledger.memory_busy == 60
    assert split(100, None, 0, 0, 0) == Ledger(exposed=100)


@given(st.lists(st.integers(0, 100), min_size=4, max_size=4).map(sorted))
def test_the_parts_sum_to_the_whole(cycles: list[int]) -> None:
    first, busy, last, end = cycles[0], cycles[2] - cycles[1], cycles[2], cycles[3]
    assert split(end, first, last, busy, busy // 2).total == end


def test_memory_that_is_faster_than_its_full_rate_is_never_below_it() -> None:
    # Streams may be set to reach more than all of the bandwidth.
    ledger = split(100, 0, 60, 60, 90)
    assert (ledger.memory_full_rate, ledger.memory_below_full_rate, ledger.total) == (60, 0, 100)


@given(st.integers(1, 40), st.integers(1, 2000), st.integers(1, 4))
def test_the_full_rate_of_a_call_is_its_bytes_at_the_full_bandwidth(
    network: Any, width: int, efficiency: int, calls: int
) -> None:
    program = rows(network, width, calls, hbm_efficiency_permille=min(efficiency, 1000))
    machine = program.machine
    report = time_step(program, {})
    for call in report.calls:
        assert call.ledger.memory_full_rate == machine.hbm_roof_cycles(call.traffic.hbm)
        assert call.ledger.memory_below_full_rate >= 0
    assert sum(vars(report.ledger).values()) == report.cycles
    roofline = machine.hbm_roof_cycles(report.traffic.hbm)
    assert roofline - calls < report.ledger.memory_full_rate <= roofline


def rows(network: Any, width: int, calls: int, **machine: int) -> Program:
    """Copy two rows of some elements, which are no whole requests, by way of a channel."""
    net = network(**machine)
    x, y = net.memory("x", "input", 2, width), net.memory("y", "value", 2, width, output=True)
    row = net.channel(1, width)
    net.load("load", x, row)
    net.store("store", row, y)
    return net.program(calls)


def test_without_losses_all_memory_time_is_at_the_full_rate(network: Any) -> None:
    # 64 bytes a cycle, requests of 64 bytes, tiles of 16 elements: nothing is rounded.
    round_machine = {
        "clock_hz": 10**9,
        "hbm_bandwidth": 64 * 10**9,
        "hbm_efficiency_permille": 1000,
        "agcu_request_bytes": 64,
    }
    whole = time_step(rows(network, 16, 3, **round_machine), {}).ledger
    assert (whole.memory_full_rate, whole.memory_below_full_rate) == (12, 0)
    # Half of each request is a gap; at half the efficiency all take twice as long.
    gaps = time_step(rows(network, 8, 3, **round_machine), {}).ledger
    assert (gaps.memory_full_rate, gaps.memory_below_full_rate) == (6, 6)
    slow = time_step(rows(network, 16, 3, **round_machine | {"hbm_efficiency_permille": 500}), {}).ledger
    assert (slow.memory_full_rate, slow.memory_below_full_rate) == (12, 12)


def test_the_full_rate_is_the_share_of_the_roofline_where_memory_is_the_limit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slow = ["--set", "hbm_bandwidth=1000000000", "--set", "hbm_efficiency_permille=731"]
    assert main(["time", str(EXAMPLES / "mini.kl"), *slow, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    ledger, cycles = document["ledger_cycles"], document["cycles"]
    assert sum(ledger.values()) == cycles
    roofline = document["roofline_cycles"]
    assert roofline - document["kernel_calls"] < ledger["memory_full_rate"] <= roofline
    assert ledger["memory_full_rate"] / cycles == pytest.approx(document["roofline_share"], abs=1e-5)
    assert document["roofline_share"] > 0.6
    for kernel in document["kernels"]:
        assert sum(kernel["ledger_cycles"].values()) == kernel["cycles"]


def test_ledgers_and_traffic_add_up_entry_by_entry() -> None:
    assert Ledger(1, 2, 3, 4, 5, 6, 7) + Ledger(*range(10, 80, 10)) == Ledger(11, 22, 33, 44, 55, 66, 77)
    assert Traffic(1, 2, 3, 4) + Traffic(10, 20, 30, 40) == Traffic(11, 22, 33, 44)
    assert (Traffic(1, 2, 30, 40).hbm, Traffic(1, 2, 30, 40).ddr) == (3, 70)


@pytest.mark.parametrize("orchestration", ["hardware", "software"])
def test_calls_kernels_and_step_agree(decoder: Any, orchestration: str) -> None:
    program = decoder()
    commands = (*program.commands, *program.commands[1:], Observe("y", "y"))
    report = time_step(replace(program, commands=commands), {"position": 2}, orchestration)
    assert report.kernel_calls == 2
    (kernel,) = report.kernels
    assert kernel.calls == 2
    assert kernel.cycles == sum(call.cycles for call in report.calls)
    assert report.cycles == kernel.cycles + report.other_cycles
    assert report.ledger.total == report.cycles
    assert report.calls[1].start_cycle == report.calls[0].cycles
    assert kernel.traffic == report.traffic


def test_the_bytes_are_those_that_the_streams_ask_for(decoder: Any) -> None:
    # Read: x 32, w 3 x 256, p 32, cache 3 x 256. Written: cache 3 x 32, y 32.
    report = time_step(decoder(), {"position": 0})
    assert report.traffic == Traffic(hbm_read=32 + 768 + 32 + 768, hbm_written=96 + 32)
    # Two firings of the projection, of 4 columns each, and four of the sum, of two positions, a cast and a
    # sum of 8 elements, three times.
    assert report.flops == 3 * (2 * 2 * 8 * 4 + 4 * (2 * 2 * 8 + 8 + 8))


def test_the_report_as_plain_data(decoder: Any) -> None:
    report = time_step(decoder(), {"position": 0})
    plain = report.to_json()
    assert plain["kernel_calls"] == 1
    assert sum(plain["ledger_cycles"].values()) == plain["cycles"] == report.cycles
    assert plain["hbm_bandwidth_bytes_per_second"] == 1_800_000_000_000
    assert plain["tokens_per_second"] == pytest.approx(1.6e9 / report.cycles)
    share = plain["tokens_per_second"] / plain["roofline_tokens_per_second"]
    assert plain["roofline_share"] == pytest.approx(share)
    assert plain["kernels"][0]["bytes"]["hbm_written"] == 128
