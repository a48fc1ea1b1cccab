"""Ranges of machine parameters and costs over them, as `kl tune` reads them."""

from __future__ import annotations

import pytest

from kl.dialects.machine import SN40L
from kl.explore.parameters import Integer, Ordinal
from kl.tools.diagnostics import InputError
from kl.tools.tuning.parameters import Cost, machine_parameter, parse_cost
from kl.tools.universe import find_target

NAMES = [name for name, _ in SN40L.items()]
TERMS = find_target("sn40l").terms


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        ("sockets=16,8", Ordinal("sockets", (8, 16))),
        ("pcus = 512", Ordinal("pcus", (512,))),
        ("pmus=256..1040", Integer("pmus", 256, 1040)),
        ("pmu_bytes=65536..1048576:pow2", Integer("pmu_bytes", 65536, 1048576, "pow2")),
        ("hbm_bandwidth=1e12..4e12:log", Integer("hbm_bandwidth", 10**12, 4 * 10**12, "log")),
        ("hbm_bandwidth=1.8e12..2.5e12", Integer("hbm_bandwidth", 1_800_000_000_000, 2_500_000_000_000)),
        ("hbm_bandwidth=1800000000001", Ordinal("hbm_bandwidth", (1_800_000_000_001,))),
    ],
)
def test_ranges_and_lists(text: str, parameter: Integer | Ordinal):
    assert machine_parameter(text, NAMES) == parameter


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pmus", "says no values\nhelp: write name=low..high"),
        ("pmu=1..2", "unknown machine parameter 'pmu'\nhelp: known are sockets, "),
        ("pmus=a..b", "'a' is no number"),
        ("pmus=1..", "is no number"),
        ("pmus=1..2:cubic", "unknown scale 'cubic'"),
        ("pmus=0..2", "0 is no positive integer"),
        ("pmus=1.5,2", "1.5 is no positive integer"),
        ("pmus=inf", "inf is no positive integer"),
        ("pmus=nan..3", "nan is no positive integer"),
        ("pmus=3..1", "has an empty range: 3 to 1"),
        ("pmus=3..3:pow2", "has an empty range"),
        ("pmus=2,2", "has a value twice"),
        ("pmus=", "'' is no number"),
    ],
)
def test_what_is_no_range(text: str, message: str):
    with pytest.raises(InputError, match=message):
        machine_parameter(text, NAMES)


def test_a_cost_is_an_expression_over_the_machine():
    cost = parse_cost("area = 2.5 * sram_bytes + hbm_bandwidth / 1e9", TERMS(SN40L))
    assert cost == Cost("area", "2.5 * sram_bytes + hbm_bandwidth / 1e9")
    assert cost.of(TERMS(SN40L)) == 2.5 * 1040 * 512 * 1024 + 1800
    assert cost.of(TERMS(SN40L.with_values({"pmus": 1}))) == 2.5 * 512 * 1024 + 1800


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("area", "is no cost\nhelp: write --cost"),
        ("my area=1", "is no cost"),
        ("area=pmu*2", "names 'pmu'\nhelp: it may name sockets, .*sram_bytes"),
        ("area=2 *", "--cost area: cost '2 \\*' is not an expression"),
        ("area=open('x')", "may call only"),
        ("area=pmus / (dies - 2)", "--cost area: cost '.*' fails at .*: division by zero"),
        ("area=(pmus, pcus)", "which is no finite number"),
        ("area=pmus.real", "may not use Attribute"),
    ],
)
def test_what_is_no_cost(text: str, message: str):
    with pytest.raises(InputError, match=message):
        parse_cost(text, TERMS(SN40L))
