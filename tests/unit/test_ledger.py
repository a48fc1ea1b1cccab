"""The ledger: every cycle has one entry, per call, per kernel and per step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.ledger import Ledger, Traffic, split
from kl.backends.sn40l.program import Observe


def test_a_kernel_splits_into_fill_busy_exposed_and_drain() -> None:
    # HBM is used from cycle 10 to 90, 60 cycles of it, in a kernel of 100 cycles.
    assert split(100, 10, 90, 60) == Ledger(memory_busy=60, fill=10, drain=10, exposed=20)
    assert split(100, None, 0, 0) == Ledger(exposed=100)


@given(st.lists(st.integers(0, 100), min_size=4, max_size=4).map(sorted))
def test_the_parts_sum_to_the_whole(cycles: list[int]) -> None:
    first, busy, last, end = cycles[0], cycles[2] - cycles[1], cycles[2], cycles[3]
    assert split(end, first, last, busy).total == end


def test_ledgers_and_traffic_add_up_entry_by_entry() -> None:
    assert Ledger(1, 2, 3, 4, 5) + Ledger(10, 20, 30, 40, 50) == Ledger(11, 22, 33, 44, 55)
    assert Traffic(1, 2, 3, 4) + Traffic(10, 20, 30, 40) == Traffic(11, 22, 33, 44)
    assert (Traffic(1, 2, 30, 40).hbm, Traffic(1, 2, 30, 40).ddr) == (3, 70)


@pytest.mark.parametrize("orchestration", ["hardware", "software"])
def test_calls_kernels_and_step_agree(decoder: Any, orchestration: str) -> None:
    program = decoder()
    commands = (*program.commands, *program.commands[1:], Observe("y", "y"))
    report = time_step(replace(program, commands=commands), {"position": 2}, orchestration)
    assert report.kernel_calls == 2
    (kernel,) = report.kernels()
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
    # Two firings of the projection and four of the sum, 64 FLOPs each, three times.
    assert report.flops == 3 * 6 * 64


def test_the_report_as_plain_data(decoder: Any) -> None:
    report = time_step(decoder(), {"position": 0})
    plain = report.to_json()
    assert plain["kernel_calls"] == 1
    assert sum(plain["ledger_cycles"].values()) == plain["cycles"] == report.cycles
    assert plain["hbm_bandwidth_bytes_per_second"] == 1_800_000_000_000
    assert plain["tokens_per_second"] == pytest.approx(1.6e9 / report.cycles)
    assert plain["roofline_share"] == pytest.approx(plain["roofline_cycles"] / report.cycles)
    assert plain["kernels"][0]["bytes"]["hbm_written"] == 128
