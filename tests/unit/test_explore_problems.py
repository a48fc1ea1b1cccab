"""The problems on grids have the sizes, feasible shares and fronts that enumeration has found before."""

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
    "welded-beam": (2_560_000, 0.31, 61),
}
"""Points, feasible share, points on the front."""


@pytest.fixture(scope="module")
def problems() -> dict[str, Any]:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import problems
    finally:
        sys.path.remove(str(BENCHMARKS))
    return {problem.name: problem for problem in problems.problems()}


@pytest.mark.parametrize("name", KNOWN)
def test_enumeration_finds_the_known_front(problems: dict[str, Any], name: str):
    problem, (points, share, front) = problems[name], KNOWN[name]
    assert problem.size == problem.space.count() == points
    assert len(problem.feasible_values) / problem.size == pytest.approx(share, abs=0.005)
    assert len(problem.front) == front
    assert (problem.feasible_values < np.array(problem.reference)).all()


@pytest.mark.parametrize("name", KNOWN)
def test_a_point_evaluates_as_in_the_grid(problems: dict[str, Any], name: str):
    problem = problems[name]
    rng = np.random.default_rng(0)
    results = [problem.evaluate(point) for point in problem.space.sample(rng, 200)]
    feasible = [values for values, slacks in results if max(slacks.values()) <= 0]
    assert feasible
    for values in feasible[:3]:
        assert np.isclose(problem.feasible_values, values).all(axis=1).any()
