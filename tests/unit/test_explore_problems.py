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
    "ctp1": (134_431, 0.998, 64),
    "ctp2": (134_431, 0.949, 43),
    "mw1": (379_701, 0.0015, 18),
    "mw7": (379_701, 0.046, 31),
    "disc-brake": (191_100, 0.643, 144),
    "staircase": (1_048_576, 0.701, 1),
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
    found = (*problems.problems(), *problems.new_problems(), loop_nest.loop_nest())
    return {problem.name: problem for problem in found}


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
    answers = [problem.evaluate(point) for point in problem.space.sample(rng, int(6 / KNOWN[name][1]) + 20)]
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


def test_fronts_and_formulas_of_the_suites_are_those_of_small_hand_calculations(problems: dict[str, Any]):
    assert problems["staircase"].front.tolist() == [[49.0]]
    # 97 / 7, 211 / 12, 389 / 16 and 503 / 32 in whole rounds; groups 8, 16, 16, 32, and four for the odd 7
    answer = problems["staircase"].evaluate({"x0": 7, "x1": 12, "x2": 16, "x3": 32})
    assert (answer.values, answer.slacks["g0"]) == ((14 + 18 + 25 + 16,), 8 + 16 + 16 + 32 + 4 - 96)
    # at x1 = x2 = x3 = 0 the distance g of CTP is 1, so that its second objective is known
    at = {"x0": 0.0, "x1": 0.0, "x2": 0.0, "x3": 0.0}
    assert problems["ctp1"].evaluate(at).values == (0.0, 1.0)
    assert problems["ctp2"].evaluate({**at, "x0": 0.25}).values == (0.25, 0.5)
    # of MW7 it is 1 on the curve of all that lie in the band without teeth
    curve = {"x0": 0.5, "x1": 1.0, "x2": 0.75, "x3": 0.9375}
    assert problems["mw7"].evaluate(curve).values == pytest.approx((0.5, 0.75**0.5))
