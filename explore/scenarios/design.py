"""Points to evaluate before there is any model: Latin hypercubes and grids.

A Latin hypercube of n points cuts the prior of each parameter into n parts that are equally likely, and has
one point in each part. Categorical parameters take part with their shares; the variant `k` makes a hypercube
of its own for each combination of their values (Swiler and others, "Surrogate Models for Mixed
Discrete-Continuous Variables", 2012).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

import numpy as np

from ..parameters import Categorical, Parameter, Permutation, Real, Value
from ..sampling import sample_prior, value_at
from ..space import Point, Space
from .scenario import Scenario

GRID_STEPS = 10
"""Values of a real parameter in a grid."""

GRID_LIMIT = 10_000
"""The largest grid that is evaluated: each evaluation looks at all before it."""


def first_points(scenario: Scenario, rng: np.random.Generator) -> list[Point]:
    """The points to begin with, as far as they are not just drawn: the defaults, and the design."""
    space, defaults = scenario.space, scenario.defaults
    points: list[Point] = []
    if defaults:
        points.append({p.name: defaults.get(p.name, sample_prior(p, rng)) for p in space.parameters})
    match scenario.design:
        case "random sampling":
            return points
        case "grid_search":
            points += grid(space)
        case "standard latin hypercube":
            points += hypercube(space, scenario.samples - len(points), rng)
        case "k latin hypercube":
            points += hypercubes(space, scenario.samples - len(points), rng)
    return list({space.key(point): point for point in points}.values())


def grid_size(space: Space) -> int:
    """The number of points in a grid."""
    return prod(GRID_STEPS if isinstance(p, Real) else p.size for p in space.parameters)


def grid(space: Space) -> Iterator[Point]:
    """All combinations of values, those of real parameters at equal distances, both bounds included."""
    names = [parameter.name for parameter in space.parameters]
    for values in product(*map(_grid_values, space.parameters)):
        yield dict(zip(names, values, strict=True))


def _grid_values(parameter: Parameter) -> list[Value]:
    if isinstance(parameter, Real):
        return [parameter.at(step / (GRID_STEPS - 1)) for step in range(GRID_STEPS)]
    return [parameter.value(index) for index in range(parameter.size)]


def hypercube(space: Space, count: int, rng: np.random.Generator) -> list[Point]:
    """A Latin hypercube of some points."""
    names = [parameter.name for parameter in space.parameters]
    columns = [_column(parameter, count, rng) for parameter in space.parameters]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def hypercubes(space: Space, count: int, rng: np.random.Generator) -> list[Point]:
    """A Latin hypercube for each combination of categorical values, all of the same size.

    What is left over is not in it; where points are fewer than combinations, there is one for all.
    """
    chosen = [parameter for parameter in space.parameters if isinstance(parameter, Categorical)]
    each = count // prod(parameter.size for parameter in chosen)
    if each == 0:
        return hypercube(space, count, rng)
    points: list[Point] = []
    for values in product(*(parameter.values for parameter in chosen)):
        fixed = dict(zip((parameter.name for parameter in chosen), values, strict=True))
        points += [{**point, **fixed} for point in hypercube(space, each, rng)]
    return points


def _column(parameter: Parameter, count: int, rng: np.random.Generator) -> Sequence[Value]:
    """The values of a parameter in a hypercube."""
    parts = (rng.permutation(count) + rng.random(count)) / count
    assert not isinstance(parameter, Permutation), "scenarios have none"
    return [value_at(parameter, float(part)) for part in parts]
