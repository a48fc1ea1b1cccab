"""Nothing is faster than its bytes and FLOPs allow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kl.backends.sn40l.errors import RoofError
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.ledger import Ledger, Traffic
from kl.backends.sn40l.report import CallReport, Report
from kl.backends.sn40l.roof import limit, roofline_cycles
from kl.backends.sn40l.units.common import ddr_cycles
from kl.dialects.machine import SN40L


def test_the_roofline_is_the_slowest_of_hbm_ddr_and_compute() -> None:
    # 1.8 TB/s at 1.6 GHz are 1125 bytes a cycle, 200 GB/s are 125; 1040 PCUs do 399360 FLOPs a cycle.
    assert roofline_cycles(SN40L, Traffic(hbm_read=112_500), 0) == 100
    assert roofline_cycles(SN40L, Traffic(hbm_read=112_500, ddr_written=25_000), 0) == 200
    assert roofline_cycles(SN40L, Traffic(hbm_written=112_500), 399_360 * 300) == 300
    assert ddr_cycles(SN40L, 126) == 2


def test_what_streams_attain_is_a_share_of_hbm_alone() -> None:
    # 92 % of 1125 bytes a cycle are 1035; DDR, links, ports and PCUs are at their peak.
    assert roofline_cycles(SN40L, Traffic(hbm_read=103_500), 0, attainable=True) == 100
    assert roofline_cycles(SN40L, Traffic(hbm_written=103_500, ddr_read=25_000), 0, attainable=True) == 200
    assert roofline_cycles(SN40L, Traffic(hbm_read=103_500), 399_360 * 300, attainable=True) == 300
    whole = SN40L.with_values({"hbm_efficiency_permille": 1000})
    assert roofline_cycles(whole, Traffic(hbm_read=112_500), 0, attainable=True) == 100


@pytest.mark.parametrize(
    ("traffic", "flops", "roofline", "attainable"),
    [
        (Traffic(hbm_read=112_500), 0, "HBM", "HBM"),
        (Traffic(hbm_read=112_500, ddr_read=13_000), 0, "DDR", "HBM"),
        (Traffic(hbm_read=112_500, ddr_read=25_000), 0, "DDR", "DDR"),
        (Traffic(hbm_read=112_500, link_sent=10**9), 0, "links", "links"),
        (Traffic(hbm_read=112_500, sram_read=10**9), 0, "SRAM", "SRAM"),
        (Traffic(hbm_read=112_500), 399_360 * 300, "PCUs", "PCUs"),
    ],
)
def test_what_sets_a_bound(traffic: Traffic, flops: int, roofline: str, attainable: str) -> None:
    found = [limit(SN40L, traffic, flops, attainable=reached) for reached in (False, True)]
    assert found == [roofline, attainable]


def test_products_of_wide_numbers_have_a_peak_of_their_own() -> None:
    flops = 399_360 * 300
    assert roofline_cycles(SN40L, Traffic(), flops, flops) == 600
    assert roofline_cycles(SN40L, Traffic(), flops, flops // 2) == 450
    assert (SN40L.compute_cycles(384 * 5, 0, 2), SN40L.compute_cycles(384 * 5, 384, 2)) == (3, 3)
    assert SN40L.compute_cycles(384 * 5, 384 * 5, 2) == 5
    assert SN40L.pcu_cycles(384 * 5, 384 * 2) == 7


def report(cycles: int) -> Report:
    """A step of one call that moves what HBM can in 100 cycles."""
    call = CallReport("kernel", 0, Ledger(memory_full_rate=cycles), Traffic(hbm_read=112_500), 0)
    return Report("test", SN40L, "hardware", 2, (call,), 0)


def test_a_report_above_the_roof_is_refused() -> None:
    with pytest.raises(RoofError, match=r"step 'test' takes 99 cycles, the roofline .* is 100 cycles"):
        report(99)


def test_a_report_says_what_share_of_the_roofline_it_reaches() -> None:
    assert report(100).roofline_share == 1
    assert report(400).roofline_share == 0.25
    # 112,500 bytes at 1035 bytes a cycle are 108.7 cycles.
    assert report(400).attainable_share == pytest.approx(112_500 / 1035 / 400)
    assert report(400).attainable_tokens_per_second == pytest.approx(2 * 1.6e9 / (112_500 / 1035))
    assert report(400).tokens_per_second == pytest.approx(2 * 1.6e9 / 400)
    assert report(400).roofline_tokens_per_second == pytest.approx(2 * 1.6e9 / 100)


def test_a_stage_that_computes_faster_than_its_units_can_is_caught(decoder: Any) -> None:
    program = decoder()
    (kernel,) = program.kernels
    units = tuple(replace(unit, flops=10**12) if unit.name == "project" else unit for unit in kernel.units)
    program = replace(program, kernels=(replace(kernel, units=units),))
    with pytest.raises(RoofError, match="step 'test' takes"):
        time_step(program, {"position": 0})
