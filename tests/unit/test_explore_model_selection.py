"""The scales of targets: which one data choose, that units do not matter, and what leaving one out says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.explore.extras import load
from kl.explore.gaussian import condition, fit_kernel, leave_one_out_score
from kl.explore.model_selection import best_fit, evidence, leave_one_out
from kl.explore.scales import LINEAR, LOG, Scale, objective_scales, slack_scales

OWNERS = np.arange(2)
NUMBERS = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=20)


def rows_of(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 2))


def smooth(rows: np.ndarray) -> np.ndarray:
    return np.sin(4 * rows[:, 0]) + rows[:, 1]


@given(NUMBERS)
def test_scales_of_slacks_keep_order_and_sign(numbers: list[float]):
    slacks = np.sort(numbers)
    for scale in slack_scales(slacks):
        scaled = scale.apply(slacks)
        assert (np.diff(scaled) >= 0).all()
        assert (np.sign(scaled) == np.sign(slacks)).all()


def test_a_slack_that_is_always_0_has_one_scale():
    assert slack_scales(np.zeros(3)) == (LINEAR,)
    assert slack_scales(np.array([1.0, 2.0, 30.0])) == (
        Scale("arcsinh", 2.0),
    )  # nothing within the limit yet


@pytest.mark.parametrize(
    ("values", "use_logs", "kinds"),
    [
        ([1.0, 2.0], True, {"linear", "log"}),
        ([1.0, 2.0], False, {"linear"}),
        ([0.0, 2.0], True, {"linear"}),
        ([], True, {"linear"}),
    ],
)
def test_logarithms_are_for_what_is_above_0(values: list[float], use_logs: bool, kinds: set[str]):
    assert {scale.kind for scale in objective_scales(np.array(values), use_logs)} == kinds


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_data_choose_the_scale_on_which_they_are_smooth(unit: float):
    rows = rows_of(40)
    offered = (LINEAR, LOG)
    assert best_fit(rows, unit * np.exp(4 * smooth(rows)), OWNERS, offered, evidence).scale == LOG
    assert best_fit(rows, unit * (smooth(rows) + 3), OWNERS, offered, evidence).scale == LINEAR


def test_a_fine_scale_is_taken_where_the_limit_is_among_small_numbers():
    rows = rows_of(60)
    slacks = np.sinh(12 * (smooth(rows) - 0.8)) * 1e-3  # from 1e-3 to 1e3, as often above 0 as below
    taken = best_fit(rows, slacks, OWNERS, slack_scales(slacks), leave_one_out).scale
    assert taken.kind == "arcsinh"
    assert taken.unit < 0.1


def test_leaving_one_out_is_what_it_says():
    rows = rows_of(12)
    targets = smooth(rows) - 0.9
    kernel = fit_kernel(rows, targets, OWNERS)
    whole = condition(kernel, rows, targets)
    total = 0.0
    for left in range(len(rows)):
        others = np.arange(len(rows)) != left
        model = condition(kernel, rows[others], targets[others])
        # the same units of targets as the whole has: the closed form standardises once
        values = (targets - whole.center) / whole.spread
        factor, whole_factor = np.linalg.inv(model.whitening), np.linalg.inv(whole.whitening)
        covariance = factor @ factor.T
        across = whole_factor @ whole_factor.T
        weights = np.linalg.solve(covariance, across[others, left])
        mean = weights @ values[others]
        variance = across[left, left] - weights @ across[others, left]
        gap = (-whole.center / whole.spread - mean) / np.sqrt(variance)
        total += float(load("scipy.special").log_ndtr(gap if targets[left] <= 0 else -gap))
    assert leave_one_out_score(kernel, rows, targets) == pytest.approx(total, rel=1e-6)


def test_equal_scores_take_the_plainest_scale():
    rows = rows_of(10)
    slacks = -1.0 - np.zeros(10)
    offered = (LINEAR, Scale("arcsinh", 1.0))
    assert best_fit(rows, slacks, OWNERS, offered, lambda *_: 0.0).scale == LINEAR
