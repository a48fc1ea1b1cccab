"""Errors that a change must not worsen; `benchmarks/accuracy.py` has all and makes the page of them.

Those of GPUs come from the steps and constants that are kept there, by today's solver; `make accuracy` makes
both anew.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from kl.backends.calibration import Summary

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/accuracy.md").read_text(encoding="utf-8")
NAMES = ("accuracy", "accuracy_claims", "accuracy_gpu", "accuracy_points", "accuracy_sn40l")


@pytest.fixture(scope="module")
def benchmarks() -> Iterator[dict[str, ModuleType]]:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        yield {name.removeprefix("accuracy_"): importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def claims(benchmarks: dict[str, ModuleType]) -> ModuleType:
    return benchmarks["claims"]


@pytest.fixture(scope="module")
def gpu(benchmarks: dict[str, ModuleType]) -> ModuleType:
    return benchmarks["gpu"]


@pytest.fixture(scope="module")
def sn40l(benchmarks: dict[str, ModuleType]) -> ModuleType:
    return benchmarks["sn40l"]


def section(name: str) -> list[list[str]]:
    """The rows of the tables of a part of the page, without what is no row."""
    found = re.search(rf"<!-- {name} -->\n(.*)<!-- end of {name} -->", PAGE, re.DOTALL)
    assert found is not None
    return [
        line.strip("| ").split(" | ")
        for line in found[1].splitlines()
        if line.startswith("| ") and not line.startswith("|---")
    ]


def test_the_31_points_are_met_as_well_as_before(gpu: ModuleType):
    """With a generation held out at most 7 %; in sample 5 % is not reached, 5.1 % is."""
    unseen = Summary.of(gpu.kept().errors(held_out=True).values())
    seen = Summary.of(gpu.kept().errors(held_out=False).values())
    assert (unseen.count, seen.count) == (31, 31)
    assert unseen.mean <= 0.067
    assert unseen.worst <= 0.155
    assert seen.mean <= 0.0512
    assert seen.worst <= 0.133


def test_no_point_is_met_worse_than_the_page_says(gpu: ModuleType):
    fits, rows = gpu.kept(), {row.label: row for row in gpu.rows() if row.set == gpu.LOW_BATCH}
    unseen, seen = fits.errors(held_out=True), fits.errors(held_out=False)
    told = {cells[0]: cells for cells in section("points")[1:]}
    assert told.keys() == rows.keys()
    for label, row in rows.items():
        assert told[label][3:5] == [f"{unseen[row.id]:+.1%}", f"{seen[row.id]:+.1%}"], "make accuracy"


def test_constants_without_a_generation_have_seen_none_of_its_points(gpu: ModuleType):
    """B200 alone has Blackwell's efficiency: without it the prior stands."""
    prior = {one.name: one.prior for one in gpu.constants()}
    blackwell = "stream efficiency, Blackwell"
    assert gpu.kept().held_out["b200"][blackwell] == prior[blackwell]
    assert gpu.kept().held_out["h100"][blackwell] != prior[blackwell]
    assert set(gpu.kept().held_out) == {"h100", "h200", "b200"} == {one.group for one in gpu.low_batch()}


def test_one_point_of_a_generation_is_counted_for_the_others(gpu: ModuleType):
    counts = {group: len(errors) for group, errors in gpu.kept().one_point.items()}
    assert counts == {"h100": 7 * 6, "h200": 8 * 7, "b200": 16 * 15}
    means = [mean for errors in gpu.kept().one_point.values() for mean in gpu.by_point(errors)]
    assert Summary.of(means).mean <= 0.0686
    assert gpu.by_point([1.0, -2.0, 3.0, 4.0, 5.0, 6.0]) == [4.0, 3.5, 3.0]


def test_the_steps_of_the_points_are_those_of_their_models(gpu: ModuleType):
    step = gpu.steps()["llama3_8b bf16 batch=8 tp=1"]
    weights = sum(
        phase.weight_bytes * times * n for kernel, n in step.counts for phase, times in kernel.phases
    )
    assert weights == pytest.approx(2 * (8_030_261_248 - 128256 * 4096), rel=1e-3)
    assert len(step.calls) == 323
    quantised = gpu.steps()["llama3_70b fp8 batch=4 tp=1"]
    assert sum(phase.quantised * n for kernel, n in quantised.counts for phase, _ in kernel.phases) == 4 * 80
    assert all(len(gpu.peer(name)) == 31 for name in ("aiconfigurator", "genz"))


@pytest.mark.parametrize("model", ["mistral_7b", "llama3_8b", "llama3_70b"])
def test_measured_requests_on_8_sockets_are_met_within_2_percent(sn40l: ModuleType, model: str):
    assert abs(sn40l.as_it_is(model).error) <= 0.02


def test_the_fit_of_whole_latencies_is_a_line(sn40l: ModuleType):
    constant, slope, scatter = sn40l.line([(1, 5.0), (2, 7.0), (4, 11.0)])
    assert (constant, slope, scatter) == (pytest.approx(3), pytest.approx(2), pytest.approx(0, abs=1e-12))
    slopes = [round(sn40l.measured(model), 3) for model in sn40l.MODELS]
    assert slopes == [1.478, 1.558, 11.546]


def test_the_page_says_both_columns_of_the_requests():
    rows = [row for row in section("requests")[1:] if row[1].startswith("delay fitted")]
    assert len(rows) == 3
    for row in rows:
        assert abs(float(row[7].rstrip("%"))) <= 2, "fused"
        assert float(row[9].rstrip("%")) < -8, "looped"
    assert "No public measurement supports the looped column" in PAGE


def test_looping_gains_about_what_is_published(claims: ModuleType):
    """KL: up to 2.2x; our best is Llama-3.2-1B on 16 sockets."""
    assert 2.0 <= claims.speedup("llama3_2_1b", 16) <= 2.4


@pytest.mark.parametrize(("model", "sockets"), [("llama3_70b", 8), ("llama3_70b", 16), ("llama3_405b", 16)])
def test_large_models_loop_above_90_percent_of_the_bandwidth(claims: ModuleType, model: str, sockets: int):
    assert 0.9 < claims.share(model, sockets) <= 1.0


def test_heads_that_do_not_divide_cost_what_their_zeros_weigh(claims: ModuleType):
    """DAC25: over 75 % on 16 sockets. 24 heads as 32 add a third to two weights, 4.4 % to all bytes."""
    assert 0.75 < claims.share("llama3_2_3b", 16) <= 1.0
    assert claims.padding("llama3_2_3b", 16) == pytest.approx(0.044, abs=0.001)
    assert claims.padding("llama3_2_3b", 8) == 0


def test_a_fused_layer_kernel_reaches_most_of_the_bandwidth(claims: ModuleType):
    """SN40: close to 85 % while it runs, on almost 90 % of the units."""
    alone, launched = claims.layer_kernel("llama2_7b", 8)
    assert 0.80 <= alone <= 0.90
    assert launched < alone
    assert claims.units_share("llama2_7b", 8) == pytest.approx(0.9, abs=0.01)


def test_hardware_orchestration_gains_at_least_1_4x(claims: ModuleType):
    assert claims.orchestration_gain("llama3_70b", 8, "fused") == pytest.approx(1.4, abs=0.02)
    assert 1.4 < claims.orchestration_gain("llama3_2_1b", 16, "unfused") < 8


def test_the_page_on_accuracy_says_what_we_say(claims: ModuleType):
    """The rows whose numbers the tests above need anyway; the page is made of all of them."""
    ours = {row[0]: row[1] for row in section("claims")[1:]}
    expected = {
        "looping, best speed-up (Llama-3.2-1B, 16 sockets)": claims.speedup("llama3_2_1b", 16),
        "looped share of 1.8 TB/s, llama3_70b, 8 sockets": claims.share("llama3_70b", 8),
        "looped share of 1.8 TB/s, llama3_405b, 16 sockets": claims.share("llama3_405b", 16),
        "looped share of 1.8 TB/s, llama3_2_3b, 16 sockets": claims.share("llama3_2_3b", 16),
        "fused layer kernel while it runs, Llama-2-7B, 8 sockets": claims.layer_kernel("llama2_7b", 8)[0],
        "units of the fused layer kernel, Llama-2-7B": claims.units_share("llama2_7b", 8),
    }
    assert {claim: ours[claim] for claim in expected} == {
        claim: f"{value:.4g}" for claim, value in expected.items()
    }


def test_points_stand_before_ranges_and_inputs_are_inputs():
    roles = [row[5] for row in section("claims")[1:]]
    order = {"held out": 0, "calibration": 0, "input": 1, "range": 2}
    assert roles == sorted(roles, key=lambda role: order[role])
    assert roles.count("input") == 4
    assert roles.count("range") == 14


def test_roles_have_their_errors(benchmarks: dict[str, ModuleType]):
    point = benchmarks["points"].Point
    assert point("a", 3.0, (2.0,), "x", "KL", "held out").shown_error == "+50.0%"
    assert point("b", 1.0, (0.5, 2.0), "share", "KL", "range").shown_error == "inside"
    outside = point("c", 0.4, (0.5, 2.0), "share", "KL", "range", "links", (0.3, 0.6))
    assert outside.shown_error == "outside, -20.0%"
    assert outside.cells[-2:] == ("links", "0.3 to 0.6")


def test_a_claim_moves_with_the_constants_that_it_leans_on(claims: ModuleType):
    def execute(machine: object) -> float:
        return machine.execute_ns  # type: ignore[attr-defined]

    assert claims.spread(execute, (claims.LAUNCH,)) == claims.EXECUTE
    assert claims.spread(execute, (claims.LINKS,)) == (8_500, 8_500)
    assert claims.spread(execute, ()) is None
