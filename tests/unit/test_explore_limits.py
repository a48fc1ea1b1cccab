"""When the front stands still, feasibility is also what a classifier of everything says."""

from __future__ import annotations

import numpy as np
import pytest

from kl.explore.encoding import encode
from kl.explore.history import Evaluation, History, Objective
from kl.explore.optimizer import PATIENCE, Optimizer, Settings
from kl.explore.parameters import Integer
from kl.explore.space import Space
from kl.explore.surrogate import Modeller

SPACE = Space((Integer("x", 0, 999), Integer("y", 0, 999)))
WARM_UP = 6


def evaluation(x: int, y: int, slack: float) -> Evaluation:
    return Evaluation({"x": x, "y": y}, (float(x),), {"room": slack}, slack <= 0)


def test_limits_are_the_classifier_with_and_without_the_slacks():
    rng = np.random.default_rng(0)
    places = rng.integers(1000, size=(30, 2)).tolist()
    history = [evaluation(x, y, -1.0 if x < 300 else 1.0 + y / 1000) for x, y in places]
    goals = [Objective("f")]
    modeller = Modeller(SPACE, goals, "gaussian", use_logs=True)
    told = History(SPACE, goals, history)
    trusted = modeller.fit(told, rng)
    both, alone = modeller.limits_by_classifier(trusted, told, rng)
    rows = encode(SPACE, [{"x": x, "y": 500} for x in (100, 900)])
    near, far = alone.predict(rows).log_probability
    assert near > np.log(0.9)
    assert far < np.log(0.1)
    limits = trusted.predict(rows).log_probability  # no label is left without a slack: they alone count
    assert both.predict(rows).log_probability == pytest.approx(limits + np.array([near, far]))


@pytest.mark.parametrize("better", [False, True])
def test_slacks_are_trusted_until_the_front_stands_still(better: bool, monkeypatch: pytest.MonkeyPatch):
    calls: list[int] = []
    known = Modeller.limits_by_classifier

    def limits_by_classifier(self: Modeller, *given: object):
        calls.append(1)
        return known(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Modeller, "limits_by_classifier", limits_by_classifier)
    optimizer = Optimizer(SPACE, [Objective("f")], np.random.default_rng(0), Settings(warm_up=WARM_UP))
    for number in range(WARM_UP + PATIENCE - 1):
        x = 500 - number if better else 500 + number % 2
        optimizer.tell({"x": x, "y": number}, (float(x),), {"room": -1.0 if number % 2 == 0 else 1.0})
    optimizer.ask()
    assert not calls
    optimizer.tell({"x": 500, "y": 900}, (500.0,), {"room": -1.0})  # as good as the best at most
    optimizer.ask()
    assert bool(calls) is not better
