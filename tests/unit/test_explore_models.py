"""Models and acquisition against what they must know: data, gradients, Monte Carlo, both kinds of answers."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from kl.explore import models
from kl.explore.acquisition import expected_improvement, size_of_front
from kl.explore.errors import MissingExtraError
from kl.explore.extras import load
from kl.explore.gaussian import BLOCK, Kernel, _loss, condition, fit_kernel  # pyright: ignore[reportPrivateUsage]
from kl.explore.models import fit_classifier, fit_forest
from kl.explore.pareto import hypervolume, open_boxes
from kl.explore.predicted_front import choose_batch, predicted_front

OWNERS = np.arange(3)


def sample(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(seed).random((n, 3))
    return rows, 100 + np.sin(5 * rows[:, 0]) + rows[:, 1] ** 2


def test_the_process_predicts_a_smooth_function():
    rows, targets = sample(60)
    model = condition(fit_kernel(rows, targets, OWNERS), rows, targets)
    assert model.predict(rows)[0] == pytest.approx(targets, abs=0.01)
    others, expected = sample(40, seed=1)
    mean, deviation = model.predict(others)
    assert np.abs(mean - expected).max() < 0.1
    assert (deviation < 0.2).all()


def test_lengths_tell_what_does_not_matter():
    rows, targets = sample(60)
    lengths = fit_kernel(rows, targets, OWNERS).log_hyperparameters[:3]
    assert lengths[2] > lengths[0] + 1


def test_the_gradient_of_the_fit_is_right():
    rows, targets = sample(20)
    values = (targets - targets.mean()) / targets.std()
    owners = np.array([0, 0, 1])  # two columns share a length
    hyperparameters = np.array([0.3, -0.4, 0.2, -3.0])
    gradient = _loss(Kernel(hyperparameters, owners), rows, values, 0.5)[1]
    for index in range(4):
        step = 1e-5 * np.eye(4)[index]
        above = _loss(Kernel(hyperparameters + step, owners), rows, values, 0.5)[0]
        below = _loss(Kernel(hyperparameters - step, owners), rows, values, 0.5)[0]
        assert gradient[index] == pytest.approx((above - below) / 2e-5, rel=1e-4)


def test_what_is_believed_makes_a_place_certain():
    rows, targets = sample(20)
    model = condition(fit_kernel(rows, targets, OWNERS), rows, targets)
    place = np.array([[0.1, 0.9, 0.9]])
    believed = model.believe(place)
    assert believed.predict(place)[0] == pytest.approx(model.predict(place)[0], abs=0.01)
    assert believed.predict(place)[1][0] < 0.5 * model.predict(place)[1][0]


def in_units(values: np.ndarray, reference: np.ndarray, logs: tuple[bool, ...]) -> np.ndarray:
    """Objectives themselves in units of the reference point, where they are given by logarithms."""
    return np.where(logs, np.exp(np.where(logs, values - reference, 0.0)), values)


@pytest.mark.parametrize("logs", [(True,), (True, False), (True, True), (False, True, True)])
def test_the_improvement_of_logarithms_is_that_of_the_objectives(logs: tuple[bool, ...]):
    rng = np.random.default_rng(len(logs))
    front, reference = rng.random((4, len(logs))), np.full(len(logs), 1.2)
    mean, deviation = rng.random((3, len(logs))), 0.2 + 0.2 * rng.random((3, len(logs)))
    exact = expected_improvement(mean, deviation, open_boxes(front, reference), reference, logs)
    units = in_units(reference, reference, logs)
    before = hypervolume(in_units(front, reference, logs), units)
    for row, center, spread in zip(exact, mean, deviation, strict=True):
        draws = in_units(center + spread * rng.standard_normal((4000, len(logs))), reference, logs)
        known = in_units(front, reference, logs)
        gains = [hypervolume(np.concatenate([known, draw[None]]), units) - before for draw in draws]
        assert row == pytest.approx(np.mean(gains), abs=5 * np.std(gains) / 63)


@pytest.mark.parametrize("logs", [(True,), (False,), (True, False), (True, True), (False, True, True)])
def test_the_size_of_a_front_is_in_the_units_of_improvements(logs: tuple[bool, ...]):
    """Its hypervolume; for one objective the size of the best value, here beyond 0."""
    rng = np.random.default_rng(len(logs))
    front, reference = rng.random((4, len(logs))) - 2.0, np.full(len(logs), 1.2)
    known, units = in_units(front, reference, logs), in_units(reference, reference, logs)
    size = abs(float(known.min())) if len(logs) == 1 else hypervolume(known, units)
    assert size_of_front(front, reference, logs) == pytest.approx(size, rel=1e-12)
    assert size_of_front(front[:0], reference, logs) == 0.0


def test_the_improvement_of_logarithms_stays_finite():
    mean, deviation, one = (
        np.array([[300.0], [-300.0], [0.5]]),
        np.array([[40.0], [1e-9], [0.2]]),
        np.zeros(1),
    )
    boxes = open_boxes(np.empty((0, 1)), one)
    far = expected_improvement(mean, deviation, boxes, one, (True,))
    assert np.isfinite(far).all()
    assert far[1] == pytest.approx(1.0)
    near = expected_improvement(mean[2:], deviation[2:], boxes, one, (True,))
    assert far[2] == pytest.approx(near[0], rel=1e-12), "the way of great exponents is the same function"


def test_many_candidates_are_predicted_as_one_by_one():
    rows, targets = sample(40)
    model = condition(fit_kernel(rows, targets, OWNERS), rows, targets)
    others, _ = sample(2 * BLOCK + 3, seed=1)
    boxes, reference = (
        open_boxes(np.array([[100.5, 100.9], [100.2, 101.0]]), np.full(2, 101.5)),
        np.full(2, 101.5),
    )

    def gain(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        mean, deviation = mean[:, None], deviation[:, None]
        return expected_improvement(
            np.hstack([mean, mean]), np.hstack([deviation, deviation]), boxes, reference
        )

    mean, deviation = model.predict(others)
    single = [model.predict(row[None]) for row in others]
    assert mean == pytest.approx(np.concatenate([one for one, _ in single]), rel=1e-12)
    assert deviation == pytest.approx(np.concatenate([one for _, one in single]), rel=1e-6)
    gains = [gain(mean[[k]], deviation[[k]])[0] for k in range(len(others))]
    assert gain(mean, deviation) == pytest.approx(gains, rel=1e-12)


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_expected_improvement_is_the_mean_of_many_draws(objectives: int):
    rng = np.random.default_rng(objectives)
    front, reference = rng.random((4, objectives)), np.full(objectives, 1.2)
    mean, deviation = rng.random((3, objectives)), 0.2 + 0.2 * rng.random((3, objectives))
    exact = expected_improvement(mean, deviation, open_boxes(front, reference), reference)
    before = hypervolume(front, reference)
    for row, center, spread in zip(exact, mean, deviation, strict=True):
        draws = center + spread * rng.standard_normal((4000, objectives))
        gains = [hypervolume(np.concatenate([front, draw[None]]), reference) - before for draw in draws]
        assert row == pytest.approx(np.mean(gains), abs=5 * np.std(gains) / 63)


def test_a_forest_predicts_mean_and_spread():
    rows, targets = sample(80)
    mean, deviation = fit_forest(rows, targets, seed=0).predict(rows)
    assert np.corrcoef(mean, targets)[0, 1] > 0.95
    assert (deviation >= 0).all()
    again, _ = fit_forest(rows, targets, seed=0).predict(rows)
    assert (again == mean).all()


def test_the_classifier_prefers_recall():
    rows, _ = sample(200)
    feasible = rows[:, 0] < 0.1
    probability = fit_classifier(rows, feasible, seed=0).probability(rows)
    assert (probability[feasible] >= 0.5).all()


@pytest.mark.parametrize("answer", [True, False])
def test_the_classifier_with_one_kind_of_answer_is_certain(answer: bool):
    rows, _ = sample(5)
    assert fit_classifier(rows, np.full(5, answer), 0).probability(rows).tolist() == [float(answer)] * 5


@pytest.mark.parametrize("columns", [1, 3])
def test_parts_of_the_library_grow_what_its_classifier_grows(columns: int, monkeypatch: pytest.MonkeyPatch):
    rows = np.random.default_rng(0).random((150, 3))[:, :columns].round(2)
    feasible = rows.sum(1) + np.random.default_rng(1).normal(0, 0.2, 150) > 0.5 * columns
    answers: list[np.ndarray] = []
    for missing in ("sklearn.tree", "sklearn.tree._splitter"):

        def load(module: str, missing: str = missing) -> Any:
            if module == missing:
                raise MissingExtraError("scikit-learn")
            return import_module(module)

        monkeypatch.setattr(models, "load", load)
        answers.append(fit_classifier(rows, feasible, 7, trees=20).probability(rows))
    assert answers[0].tolist() == answers[1].tolist()
    assert len(set(answers[0].tolist())) > 10


VALUES = np.array([[1.0, 4.0], [2.0, 2.0], [4.0, 1.0], [3.0, 3.0], [0.0, 0.0]])
PROBABILITY = np.array([0.9, 0.9, 0.6, 0.9, 0.1])


def test_the_predicted_front_leaves_out_what_is_probably_infeasible():
    assert predicted_front(VALUES, PROBABILITY).tolist() == [0, 1, 2]
    assert predicted_front(VALUES, np.zeros(5)).tolist() == []


@pytest.mark.parametrize(("batch", "least"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 3)])
def test_a_wall_round_takes_from_the_front_and_fills_up(batch: int, least: int):
    chosen = choose_batch(VALUES, PROBABILITY, batch, np.random.default_rng(0)).tolist()
    assert len(set(chosen)) == batch
    assert len({0, 1, 2} & set(chosen)) == least


def test_a_missing_library_is_said_with_its_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(MissingExtraError, match=r"scikit-learn is not installed.*kernel-looping\[tune\]"):
        load("sklearn.ensemble")
