"""What counts as progress, where the ends of a front are searched, and how far doubt goes."""

from __future__ import annotations

import numpy as np
import pytest

from kl.explore import optimizer
from kl.explore.acquisition import doubted, expected_move
from kl.explore.history import Evaluation, History, Objective, signed_values
from kl.explore.local_search import Chooser
from kl.explore.optimizer import DOUBT, Optimizer, Settings
from kl.explore.parameters import Integer, Real
from kl.explore.pareto import hypervolume, non_dominated
from kl.explore.progress import LEAST_GROWTH, LEAST_MOVE
from kl.explore.reference import MARGIN, SETTLING, reference_point
from kl.explore.space import Space

LINE = Space((Integer("x", 0, 9999),))


def history(values: np.ndarray, feasible: np.ndarray, capacities: tuple[float | None, ...]) -> History:
    goals = [Objective(f"f{k}", capacity=capacity) for k, capacity in enumerate(capacities)]
    known = [
        Evaluation({"x": number}, tuple(row), {}, bool(good))
        for number, (row, good) in enumerate(zip(values.tolist(), feasible, strict=True))
    ]
    return History(LINE, goals, known)


def steps(values: np.ndarray, feasible: np.ndarray, capacities: np.ndarray) -> tuple[int, int]:
    """When the front grew and when an end moved last, from all values after every evaluation."""
    objectives = values.shape[1]
    counted, ends, grown, moved = np.empty((0, objectives)), np.full(objectives, np.inf), 0, 0
    for count in range(1, len(values) + 1):
        good = values[:count][feasible[:count]]
        if not feasible[count - 1]:
            continue
        front = good[non_dominated(good)]
        worst = front.max(0)
        known = [values[:number][feasible[:number]] for number in range(1, count + 1) if feasible[number - 1]]
        usual = np.max([np.median(some, axis=0) - some.min(0) for some in known], axis=0)
        span = np.where(worst > front.min(0), worst - front.min(0), np.where(usual > 0, usual, 1.0))
        reference = np.minimum(worst + span, capacities)
        if hypervolume(front, reference) > (1 + LEAST_GROWTH) * hypervolume(counted, reference):
            counted, grown = front, count
        if any(ends - front.min(0) > LEAST_MOVE * span):
            ends, moved = front.min(0), count
    return grown, moved


@pytest.mark.parametrize("objectives", [1, 2, 3])
@pytest.mark.parametrize("bounded", [False, True])
def test_the_kept_front_and_progress_are_those_of_all_values(objectives: int, bounded: bool):
    rng = np.random.default_rng(objectives)
    capacities = np.full(objectives, 0.8 if bounded else np.inf)
    for count in (1, 7, 40):
        values = rng.random((count, objectives)) * 0.98 ** np.arange(count)[:, None]
        values[::5] = np.round(values[::5], 1)  # some are equal
        feasible = rng.random(count) < 0.7
        told = history(values, feasible, tuple(capacities) if bounded else (None,) * objectives)
        good = values[feasible]
        assert signed_values(told.front, told.objectives).tolist() == good[non_dominated(good)].tolist()
        assert (told.progress.grown, told.progress.moved) == steps(values, feasible, capacities)


def test_slivers_are_no_progress_but_add_up():
    values = np.concatenate(
        [[[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]], [[0.5, 0.5 - 1e-5 * n] for n in range(100)]]
    )
    known = history(values, np.ones(len(values), dtype=bool), (None, None))
    assert known.progress.grown == 3
    steeper = np.concatenate([values[:3], [[0.5, 0.5 - 1e-3 * n] for n in range(100)]])
    assert 3 < history(steeper, np.ones(len(steeper), dtype=bool), (None, None)).progress.grown < len(steeper)


def test_a_reference_point_goes_from_the_worst_measured_to_the_front():
    measured = np.array([[4.0, 5.0], [5.0, 4.0], *([0.1 * n, 10 - 0.1 * n] for n in range(100)), [1e9, 1e9]])
    front = measured[:2]
    at_first, later = (reference_point(measured, front, settled) for settled in (0, SETTLING))
    assert (at_first > 9.8).all()
    assert (at_first < 30).all()  # the last value is an outlier
    assert later == pytest.approx(5 + (at_first - 5) / 2)
    assert reference_point(measured, front, 10**6) == pytest.approx(5 + MARGIN)
    assert reference_point(measured, front[:0], 0).shape == (2,)


def test_an_expected_move_is_that_of_random_draws():
    rng = np.random.default_rng(0)
    mean, deviation = rng.standard_normal((5, 2)), rng.random((5, 2)) + 0.1
    ends, spans = np.array([0.2, -0.3]), np.array([2.0, 0.5])
    draws = mean + deviation * rng.standard_normal((200_000, 5, 2))
    moves = np.maximum(ends - draws, 0.0).mean(0) / spans
    assert expected_move(mean, deviation, ends, spans) == pytest.approx(moves.max(1), abs=0.01)


def test_the_ends_of_a_thin_band_are_found():
    space = Space((Real("a", 0.0, 1.0), Real("b", 0.0, 1.0)))
    found = 0
    for seed in range(3):
        search = Optimizer(space, [Objective("a"), Objective("b")], np.random.default_rng(seed))
        for _ in range(50):
            (point,) = search.ask()
            a, b = (value for value in point.values() if isinstance(value, float))
            search.tell(point, (a, b), {"width": abs(a + b - 1) - 0.01})
        best = signed_values(search.front(), search.objectives).min(0)
        found += bool((best <= 0.05).all())
    assert found >= 2


def test_doubt_keeps_the_order_and_grows_from_nothing():
    logs = -np.geomspace(1e-3, 1e6, 50)
    mild, deep = doubted(logs, 1e-9), doubted(logs, 5.0)
    assert (doubted(logs, 0.0) == logs).all()
    assert mild == pytest.approx(logs, rel=1e-3)
    assert (np.diff(deep) < 0).all()
    assert np.exp(doubted(np.array([-3.0, -1e6]), 1.0)) == pytest.approx([1 / 4, 1e-6], rel=1e-5)


@pytest.mark.parametrize("better", [True, False])
def test_some_points_are_chosen_in_doubt_while_nothing_comes_of_them(
    better: bool, monkeypatch: pytest.MonkeyPatch
):
    doubts: list[float] = []
    monkeypatch.setattr(optimizer, "Chooser", lambda *given: doubts.append(given[-1]) or Chooser(*given))
    search = Optimizer(
        LINE, [Objective("f")], np.random.default_rng(0), Settings(warm_up=4, random_share=0.0)
    )
    for number in range(24):
        value = 100.0 - number if better or number < 4 else 97.0 - 1e-4 * number
        search.tell({"x": number}, (value,), {"room": number % 2 - 1.0})
    search.ask(12)
    assert len(doubts) == 12
    assert set(doubts) == ({0.0} if better else {0.0, 20 / DOUBT})
