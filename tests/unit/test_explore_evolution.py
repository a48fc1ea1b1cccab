"""Searches without models: whose neighbours and children they propose, and that this finds something."""

from __future__ import annotations

import numpy as np
import pytest

from kl.explore import Method
from kl.explore.evolution import Evolution, climb, evolve
from kl.explore.history import Evaluation, History, Objective
from kl.explore.optimizer import Optimizer, Settings
from kl.explore.parameters import Integer
from kl.explore.space import Point, Space

GRID = Space((Integer("x", 0, 40), Integer("y", 0, 40), Integer("z", 0, 40)), ("x + y <= 70",))


def history(*values: tuple[int, int, int, float | None]) -> History:
    """Evaluations of points with one objective, or none."""
    return History(
        GRID,
        [Objective("f")],
        [
            Evaluation({"x": x, "y": y, "z": z}, None if f is None else (f,), {}, f is not None)
            for x, y, z, f in values
        ],
    )


def differences(one: Point, other: Point) -> set[str]:
    """The names of the parameters with other values."""
    return {name for name in one if one[name] != other[name]}


KNOWN = history((1, 1, 1, 3.0), (20, 20, 20, 1.0), (30, 30, 30, 2.0), (9, 9, 9, None))


def test_neighbours_of_the_best_come_first():
    steps = list(climb(KNOWN, 2, np.random.default_rng(0)))
    nearest = [min((1, 2), key=lambda k: len(differences(step, KNOWN[k].point))) for step in steps]
    assert nearest == sorted(nearest), "first those of the best, then those of the second"
    assert set(nearest) == {1, 2}
    assert all(len(differences(step, KNOWN[k].point)) == 1 for step, k in zip(steps, nearest, strict=True))
    assert all(map(GRID.satisfies, steps))


@pytest.mark.parametrize("mutations", [1, 2])
def test_children_differ_in_so_many_parameters(mutations: int):
    how = Evolution(tournament=4, mutations=mutations)
    children = list(evolve(KNOWN, how, np.random.default_rng(0)))
    counts = [len(differences(child, KNOWN[1].point)) for child in children]
    assert max(counts) == mutations
    assert all(map(GRID.satisfies, children))


def test_crossover_takes_values_of_the_two_best():
    how = Evolution(tournament=4, mutations=1, crossover=True)
    children = list(evolve(KNOWN, how, np.random.default_rng(0)))
    values = [value for child in children for value in child.values()]
    assert values.count(20) > len(children) / 2
    assert values.count(30) > len(children) / 2


def test_the_population_is_the_best_or_the_latest():
    for by_age, parent in ((False, 1), (True, 2)):
        how = Evolution(population=2, tournament=2, by_age=by_age)
        children = evolve(KNOWN, how, np.random.default_rng(0))
        assert all(len(differences(child, KNOWN[parent].point)) <= 1 for child in children)


@pytest.mark.parametrize("method", ["local-search", "evolution"])
def test_they_find_more_than_random_points(method: Method):
    def best(method: Method, seed: int) -> float:
        settings = Settings(method, warm_up=10, evolution=Evolution(population=8))
        search = Optimizer(GRID, [Objective("f")], np.random.default_rng(seed), settings)
        for _ in range(60):
            (point,) = search.ask()
            search.tell(point, [sum((float(value) - 13) ** 2 for value in point.values())])  # pyright: ignore[reportArgumentType]  # numbers
        return min(one.values[0] for one in search.front() if one.values is not None)

    ours, random = ([best(one, seed) for seed in range(5)] for one in (method, "random"))
    assert np.median(ours) < np.median(random)
