"""Where candidates come from: samples that depend on the history alone, neighbours near and far."""

from __future__ import annotations

import numpy as np

from kl.explore.history import Objective
from kl.explore.neighbourhood import double_moves, neighbour_count, neighbours
from kl.explore.optimizer import Optimizer, Settings
from kl.explore.parameters import Categorical, Integer, Ordinal, Real
from kl.explore.pool import DRAWS, CandidateSample, Pool
from kl.explore.space import Point, Space

WIDE = Space((Integer("x", 0, 999), Integer("y", 0, 999), Categorical("c", ("a", "b"))))


def test_neighbours_take_short_and_long_steps():
    space = Space((Ordinal("x", tuple(range(200))),))
    near = [point["x"] for point in neighbours(space, {"x": 100}, np.random.default_rng(0))]
    assert len(near) == len(set(near)) <= neighbour_count(space)
    assert set(near) == {100 + sign * step for sign in (-1, 1) for step in (1, 2, 4, 8, 16, 32, 64)}


def test_double_moves_go_where_single_ones_cannot():
    space = Space((Integer("x", 0, 9), Integer("y", 0, 9)), ("x == y",))
    rng = np.random.default_rng(0)
    assert not list(neighbours(space, {"x": 4, "y": 4}, rng))
    found = {point["x"] for point in double_moves(space, {"x": 4, "y": 4}, rng, 200)}
    assert found == {0, 2, 3, 5, 6, 8}


def test_steps_end_at_the_ends():
    space = Space((Integer("x", 0, 5),))
    near = [point["x"] for point in neighbours(space, {"x": 5}, np.random.default_rng(0))]
    assert sorted(map(str, near)) == ["1", "3", "4"]


def test_a_sample_is_the_same_however_it_grows():
    at_once, in_parts = (CandidateSample(WIDE, np.random.default_rng(3)) for _ in range(2))
    at_once.grow(2000)
    for size in (10, 700, 2000):
        in_parts.grow(size)
    assert at_once.points == in_parts.points
    assert (at_once.rows(range(2000)) == in_parts.rows(range(2000))).all()


def test_candidates_are_new_and_different():
    pool = Pool(WIDE)
    anchor: Point = {"x": 500, "y": 500, "c": "a"}
    seen: set[object] = {WIDE.key({**anchor, "x": 501})}
    candidates = pool.draw(np.random.default_rng(0), seen, [anchor])
    keys = {WIDE.key(point) for point in candidates.points}
    assert len(keys) == len(candidates) == len(candidates.rows) > DRAWS
    assert not keys & seen
    assert WIDE.key({**anchor, "x": 499}) in keys


def told(optimizer: Optimizer, points: list[Point]) -> Optimizer:
    for point in points:
        x, y = point["x"], point["y"]
        assert isinstance(x, int)
        assert isinstance(y, int)
        optimizer.tell(point, (float(x), float(y)), feasible=x + y > 700)
    return optimizer


def test_an_optimizer_that_goes_on_chooses_like_a_new_one():
    goals = (Objective("f"), Objective("g"))
    points = WIDE.sample(np.random.default_rng(5), 14)
    settings = Settings(warm_up=4)
    old = told(Optimizer(WIDE, goals, np.random.default_rng(0), settings), points[:8])
    old.ask(3)  # its pool has grown, its generator has moved, it has models
    told(old, points[8:12]).go_on(np.random.default_rng(9), points[12:])
    new = told(Optimizer(WIDE, goals, np.random.default_rng(9), settings), points[:12])
    for point in points[12:]:
        new.expect(point)
    assert old.ask(2) == new.ask(2)


def test_without_the_classifier_failures_are_not_learnt_from():
    space = Space((Real("x", 0.0, 1.0),))

    def wasted(use_classifier: bool) -> float:
        """The share of points far from all that can be feasible."""
        settings = Settings(warm_up=10, random_share=0.0, use_classifier=use_classifier)
        optimizer = Optimizer(space, [Objective("f")], np.random.default_rng(0), settings)
        places: list[float] = []
        for _ in range(25):
            (point,) = optimizer.ask()
            x = point["x"]
            assert isinstance(x, float)
            places.append(x)
            optimizer.tell(point, [x] if x > 0.4 else None)
        return float(np.mean(np.array(places[10:]) < 0.3))

    assert wasted(True) < 0.5 < wasted(False)


def test_a_search_for_feasibility_that_stagnates_turns_to_random_points():
    space = Space((Integer("x", 0, 9999),))

    def chosen(failures: int) -> list[int]:
        """Points chosen by models to which the low end is next to feasible, after so many without success."""
        found: list[int] = []
        for seed in range(10):
            settings = Settings(warm_up=4, random_share=0.0)
            optimizer = Optimizer(space, [Objective("f")], np.random.default_rng(seed), settings)
            for x in np.linspace(9999, 5, 4 + failures).astype(int).tolist():
                optimizer.tell({"x": x}, (float(x),), {"room": 1.0 + x / 1000})
            (point,) = optimizer.ask()
            assert isinstance(point["x"], int)
            found.append(point["x"])
        return found

    assert max(chosen(10)) < 1000
    late = chosen(30)
    assert min(late) < 1000 < max(late)
