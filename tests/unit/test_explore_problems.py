"""The benchmark's problems have the sizes, feasible shares and fronts that enumeration has found before."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

KNOWN = {
    "srn": (40_401, 0.161, 426),
    "osy": (754_677, 0.041, 27),
    "welded-beam": (2_560_000, 0.314, 61),
    "loop-nest": (352_800, 0.200, 224),
}
"""Points, feasible share, points on the front."""


@pytest.fixture(scope="module")
def problems() -> dict[str, Any]:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import loop_nest
        import problems
    finally:
        sys.path.remove(str(BENCHMARKS))
    return {problem.name: problem for problem in (*problems.problems(), loop_nest.loop_nest())}


@pytest.mark.parametrize("name", KNOWN)
def test_enumeration_finds_the_known_front(problems: dict[str, Any], name: str):
    problem, (points, share, front) = problems[name], KNOWN[name]
    assert problem.size == problem.space.count() == points == len(problem.outcomes[0])
    assert len(problem.feasible_values) / problem.size == pytest.approx(share, abs=0.0005)
    assert len(problem.front) == front
    assert (problem.front < np.array(problem.reference)).any(axis=0).all()
    assert problem.volume > 0


@pytest.mark.parametrize("name", KNOWN)
def test_a_point_evaluates_as_in_the_enumeration(problems: dict[str, Any], name: str):
    problem = problems[name]
    rng = np.random.default_rng(0)
    answers = [problem.evaluate(point) for point in problem.space.sample(rng, 200)]
    feasible = [answer.values for answer in answers if answer.feasible]
    assert feasible
    for values in feasible[:3]:
        assert np.isclose(problem.feasible_values, values).all(axis=1).any()


def test_the_loop_nest_fetches_what_its_order_says(problems: dict[str, Any]):
    # tiles of 96 x 120 x 128 of 192 x 240 x 256: two turns of each loop, so eight in all. With the order
    # rows, columns, depth both inputs are fetched in all eight turns, the product in four.
    point = {"tile0": 96, "tile1": 120, "tile2": 128, "lanes": 1, "vector": 1, "buffers": "single"}
    words = 8 * 96 * 128 + 8 * 128 * 120 + 4 * 96 * 120
    cycles = 8 * (96 * 120 * 128 + 1 + 2) + 2 * words / 16
    answer = problems["loop-nest"].evaluate({**point, "order": (0, 1, 2)})
    assert answer.values == (cycles, 3 + 8 + 2 * (96 * 128 + 128 * 120 + 96 * 120) / 256)
    # with depth outermost the product is fetched in all eight turns
    slower = problems["loop-nest"].evaluate({**point, "order": (2, 0, 1)})
    assert slower.values[0] == cycles + 2 * (4 * 96 * 120 - 4 * 96 * 128) / 16
