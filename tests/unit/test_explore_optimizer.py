"""Ask and tell: deterministic, never twice, and at ease with odd spaces and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from kl.explore.encoding import encode
from kl.explore.errors import SpaceError
from kl.explore.history import Objective
from kl.explore.local_search import expected_gain
from kl.explore.optimizer import Method, Optimizer, Settings
from kl.explore.parameters import Categorical, Condition, Integer, Permutation, Real, Value
from kl.explore.pareto import hypervolume
from kl.explore.space import Point, Space

METHODS: tuple[Method, ...] = ("default", "pareto-wall", "random", "local-search", "evolution")

GRID = Space((Integer("x", 0, 40), Integer("y", 0, 40)))

MIXED = Space(
    (
        Real("clock", 0.5, 4.0, "log", prior="exponential"),
        Integer("tile", 1, 512, "pow2", prior="decay"),
        Categorical("memory", ("sram", "hbm"), (0.8, 0.2)),
        Integer("banks", 1, 8, when=Condition("memory", ("sram",))),
        Permutation("order", 4),
    ),
    ("tile % 2 == 0 or order[0] == 0",),
)

Answer = tuple[Sequence[float] | None, Mapping[str, float]]


def number(point: Point, name: str) -> float:
    value = point.get(name, 0)
    assert isinstance(value, (int, float))
    return float(value)


def two(point: Point) -> tuple[float, float]:
    """Two objectives at odds: the distances from two corners."""
    x, y = number(point, "x"), number(point, "y")
    return x**2 + y**2 + 1, (40 - x) ** 2 + (30 - y) ** 2 + 1


def run(
    space: Space,
    answer: Callable[[Point], Answer],
    n: int,
    objectives: int = 2,
    batch: int = 1,
    **settings: object,
) -> Optimizer:
    """Evaluate some points of a space."""
    goals = [Objective(f"f{index}") for index in range(objectives)]
    chosen = Settings(**{"warm_up": 8, **settings})  # pyright: ignore[reportArgumentType]  # of the test's caller
    optimizer = Optimizer(space, goals, np.random.default_rng(1), chosen)
    while len(optimizer.history) < n:
        points = optimizer.ask(batch)
        assert points, "the space has more"
        for point in points:
            optimizer.tell(point, *answer(point))
    return optimizer


def keys(optimizer: Optimizer) -> list[tuple[Value | None, ...]]:
    return [optimizer.space.key(evaluation.point) for evaluation in optimizer.history]


ANSWERS: dict[str, Callable[[Point], Answer]] = {
    "all feasible": lambda point: (two(point), {}),
    "half feasible": lambda point: (two(point) if number(point, "x") < 20 else None, {}),
    "none feasible": lambda point: (None, {}),
    "none feasible by slack": lambda point: (two(point), {"area": 1 + number(point, "x")}),
    "slack alone": lambda point: (None, {"area": number(point, "x") - 3}),
    "constant": lambda point: ((7.0, 7.0), {}),
    "zero": lambda point: ((0.0, 0.0), {"area": 0.0}),
    "one constant": lambda point: ((two(point)[0], -3.0), {"area": number(point, "y") - 10}),
    "huge": lambda point: ((1e100 * two(point)[0], 1e-100), {}),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ANSWERS)
def test_no_kind_of_answer_stops_a_method(method: Method, name: str):
    optimizer = run(GRID, ANSWERS[name], 16, method=method)
    assert len(set(keys(optimizer))) == 16


@pytest.mark.parametrize("method", METHODS)
def test_the_same_generator_gives_the_same_points(method: Method):
    first, second = (run(GRID, ANSWERS["half feasible"], 14, method=method) for _ in range(2))
    assert keys(first) == keys(second)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("objectives", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 4])
def test_mixed_spaces_with_any_number_of_objectives(method: Method, objectives: int, batch: int):
    def answer(point: Point) -> Answer:
        values = (number(point, "clock"), number(point, "tile") + 1, number(point, "banks") + 1)
        return values[:objectives], {"power": number(point, "clock") - 3}

    optimizer = run(MIXED, answer, 16, objectives, batch, method=method)
    assert optimizer.front()
    assert all(number(evaluation.point, "clock") <= 3 for evaluation in optimizer.front())


def test_forests_work_in_the_default_method():
    assert run(MIXED, lambda p: ((number(p, "clock"),), {}), 12, 1, model="forest").front()


def test_the_expected_gain_of_a_point_is_what_models_say_that_it_brings():
    """The mean, over what may come of it, of the share by which the best value becomes smaller."""
    optimizer = run(GRID, lambda p: ((two(p)[0] + 99.0,), {"area": number(p, "x") - 9.5}), 20, 1)
    assert run(GRID, ANSWERS["none feasible by slack"], 12).expected_gain is None
    models = optimizer._modeller.fit(optimizer.history, np.random.default_rng(0))  # pyright: ignore[reportPrivateUsage]
    row = encode(GRID, [{"x": 9, "y": 1}])
    prediction, rng = models.predict(row), np.random.default_rng(0)
    draws = prediction.mean[0, 0] + prediction.deviation[0, 0] * rng.standard_normal(10**5)
    values, best = (np.exp(seen) if models.logs[0] else seen for seen in (draws, models.front.min()))
    mean = np.maximum(best - values, 0.0).mean() / best * np.exp(prediction.log_probability[0])
    assert expected_gain(models, row) == pytest.approx(mean, rel=0.05)


def test_little_is_expected_once_the_best_is_found():
    def bowl(point: Point) -> Answer:
        return ((number(point, "x") - 7) ** 2 + (number(point, "y") - 30) ** 2 + 100.0,), {}

    early, late = run(GRID, bowl, 9, 1).expected_gain, run(GRID, bowl, 60, 1).expected_gain
    assert early is not None
    assert late is not None
    assert early > 0.01 > 0.001 > late


def test_a_space_is_asked_to_its_end():
    space = Space((Integer("x", 0, 5), Categorical("c", ("a", "b"))), ("x != 3",))
    for method in METHODS:
        optimizer = Optimizer(space, [Objective("f")], np.random.default_rng(0), Settings(method, warm_up=3))
        points = optimizer.ask(4)
        for point in points:
            optimizer.tell(point, [number(point, "x")])
        points += optimizer.ask(20)
        assert len({space.key(point) for point in points}) == len(points) == 10
        assert optimizer.ask() == []


def test_points_under_evaluation_are_not_proposed_again():
    optimizer = run(GRID, ANSWERS["half feasible"], 10)
    points = [*optimizer.ask(3), *optimizer.ask(3)]
    assert len({GRID.key(point) for point in points} - set(keys(optimizer))) == 6


def test_maximising_is_minimising_the_opposite():
    up = Optimizer(GRID, [Objective("f", "maximise")], np.random.default_rng(3), Settings(warm_up=6))
    for _ in range(25):
        (point,) = up.ask()
        up.tell(point, [-two(point)[0]])
    (best,) = up.front()
    assert best.values is not None
    assert best.values[0] >= -6


def test_the_warm_up_follows_the_priors():
    space = Space((Real("x", 0, 1, prior="decay"), Real("y", 0, 1, prior="exponential")))
    optimizer = Optimizer(space, [Objective("f")], np.random.default_rng(4), Settings(warm_up=100))
    points = optimizer.ask(100)
    assert np.mean([number(point, "x") for point in points]) == pytest.approx(0.25, abs=0.08)
    assert np.mean([number(point, "y") for point in points]) == pytest.approx(0.75, abs=0.08)


def test_the_hunt_finds_a_small_feasible_corner():
    def answer(point: Point) -> Answer:
        return two(point), {"area": 37 - number(point, "x"), "power": 37 - number(point, "y")}

    assert run(GRID, answer, 25).front()


def test_capacities_bound_the_search():
    goals = [Objective("f0", capacity=100.0), Objective("f1", "maximise", capacity=-3000.0)]
    optimizer = Optimizer(GRID, goals, np.random.default_rng(5), Settings(warm_up=8))
    for _ in range(30):
        (point,) = optimizer.ask()
        near, far = two(point)
        optimizer.tell(point, (near, -far))
    inside = [e.values for e in optimizer.front() if e.values and e.values[0] < 100 and e.values[1] > -3000]
    assert len(inside) >= 5


def test_the_default_method_beats_random_points():
    volumes: dict[Method, float] = {}
    for method in ("default", "random"):
        optimizer = run(GRID, ANSWERS["half feasible"], 40, method=method)
        front = np.array([evaluation.values for evaluation in optimizer.front()])
        volumes[method] = hypervolume(front, np.array([2600.0, 2600.0]))
    assert volumes["default"] > volumes["random"]


@pytest.mark.parametrize("n", [0, -1])
def test_a_wrong_number_of_points_is_refused(n: int):
    with pytest.raises(ValueError, match=f"a number of points above 0, not for {n}"):
        Optimizer(GRID, [Objective("f")], np.random.default_rng(0)).ask(n)


def test_wrong_answers_are_refused():
    optimizer = Optimizer(GRID, [Objective("f")], np.random.default_rng(0))
    with pytest.raises(SpaceError, match="x = 99 is not"):
        optimizer.tell({"x": 99, "y": 1}, [1.0])
    with pytest.raises(ValueError, match="2 values for 1 objectives"):
        optimizer.tell({"x": 9, "y": 1}, [1.0, 2.0])
    with pytest.raises(ValueError, match="must be finite; tell None"):
        optimizer.tell({"x": 9, "y": 1}, [float("nan")])
    optimizer.tell({"x": 9, "y": 1}, [1.0])
    with pytest.raises(ValueError, match=r"'y': 1} has been told already; again=True"):
        optimizer.tell({"x": 9, "y": 1}, [2.0])
    assert len(optimizer.history) == 1
    optimizer.tell({"x": 9, "y": 1}, [2.0], again=True)
    assert len(optimizer.history) == 2
    with pytest.raises(ValueError, match="needs an objective"):
        Optimizer(GRID, [], np.random.default_rng(0))
