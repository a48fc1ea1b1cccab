"""A group of tied parameters as a tree: one level per parameter, one leaf per feasible choice of values.

From BaCO (arXiv 2212.11142): the trees of all groups in a chain are the space, without the points that break
a known constraint. Counts are exact, and a leaf drawn by counts is a point drawn without bias. Parameters
that nothing depends on are not in the tree; each leaf counts once for every choice of their values.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod

import numpy as np

from .errors import SpaceError
from .expressions import Constraint
from .groups import Group
from .parameters import Discrete, Parameter, Real, Value
from .sampling import prior_mass, sample_prior, sample_uniform

TESTS_PER_NODE = 8
"""A tree is too large, too, where it would take this many tests for each node it may have."""

ABSENT = -1
"""The number of the value of a parameter that is not there."""


@dataclass(frozen=True)
class Level:
    """The nodes of one parameter: for each its parent in the level above and the number of its value."""

    parameter: Discrete
    parents: tuple[int, ...]
    values: tuple[int, ...]


@dataclass(frozen=True)
class Tree:
    """The feasible choices of a group; the nodes of the last level are the leaves."""

    group: Group
    levels: tuple[Level, ...]

    @cached_property
    def _choices(self) -> tuple[dict[str, Value], ...]:
        """The values of the core at each leaf."""
        leaves = len(self.levels[-1].values) if self.levels else 1
        return tuple(self._trace(leaf) for leaf in range(leaves))

    def _trace(self, node: int) -> dict[str, Value]:
        path: list[tuple[str, Value]] = []
        for level in reversed(self.levels):
            index = level.values[node]
            if index != ABSENT:
                path.append((level.parameter.name, level.parameter.value(index)))
            node = level.parents[node]
        return dict(reversed(path))

    @cached_property
    def _upto(self) -> tuple[int, ...]:
        """For each leaf, the points at it and at all leaves before it."""
        return tuple(accumulate(self._points_at(choice) for choice in self._choices))

    def _points_at(self, choice: Mapping[str, Value]) -> int:
        sizes = (p.size for p in self.group.free if is_active(p, choice) and not isinstance(p, Real))
        return prod(sizes)

    @cached_property
    def _prior_upto(self) -> np.ndarray:
        """For each leaf, the prior mass of it and of all leaves before it."""
        masses = [
            prod(
                prior_mass(level.parameter, choice[level.parameter.name])
                for level in self.levels
                if level.parameter.name in choice
            )
            for choice in self._choices
        ]
        return np.cumsum(masses)

    @property
    def count(self) -> int:
        """How many points there are; a real parameter counts as one value."""
        return self._upto[-1]

    def sample(self, rng: np.random.Generator) -> dict[str, Value]:
        """A point, each with the same chance."""
        leaf = bisect_right(self._upto, random_below(rng, self.count))
        return self._with_free(leaf, rng, by_prior=False)

    def sample_prior(self, rng: np.random.Generator) -> dict[str, Value]:
        """A point by the priors, given that the constraints hold."""
        total = self._prior_upto[-1]
        if not total > 0:
            raise SpaceError(f"no feasible values of {', '.join(self.group.names)} have a prior above 0")
        leaf = int(np.searchsorted(self._prior_upto, rng.random() * total, side="right"))
        return self._with_free(leaf, rng, by_prior=True)

    def _with_free(self, leaf: int, rng: np.random.Generator, by_prior: bool) -> dict[str, Value]:
        draw = sample_prior if by_prior else sample_uniform
        point = dict(self._choices[leaf])
        point.update((p.name, draw(p, rng)) for p in self.group.free if is_active(p, point))
        return point


def is_active(parameter: Parameter, point: Mapping[str, Value]) -> bool:
    """Whether a parameter is there, given its parent if the parent is there."""
    when = parameter.when
    return when is None or (when.parent in point and point[when.parent] in when.values)


def build_tree(group: Group, limit: int) -> Tree | None:
    """The tree of a group; None where it has real parameters in the core, or needs more nodes than `limit`.

    Raises: SpaceError where no values satisfy the constraints.
    """
    frontier: list[dict[str, Value]] = [{}]
    levels: list[Level] = []
    budget = _Budget(limit)
    for parameter, due in schedule(group):
        if isinstance(parameter, Real):
            return None
        grown = _grow(frontier, parameter, due, budget)
        if grown is None:
            return None
        level, frontier = grown
        if not frontier:
            texts = " and ".join(f"'{constraint}'" for constraint in due)
            raise SpaceError(f"no values satisfy {texts} together with the constraints before")
        levels.append(level)
    return Tree(group, tuple(levels))


def schedule(group: Group) -> list[tuple[Parameter, tuple[Constraint, ...]]]:
    """Each core parameter with the constraints that can be tested once it has a value."""
    place = {parameter.name: index for index, parameter in enumerate(group.core)}
    last = [max(place[name] for name in constraint.names) for constraint in group.constraints]
    return [
        (parameter, tuple(c for c, due in zip(group.constraints, last, strict=True) if due == index))
        for index, parameter in enumerate(group.core)
    ]


class _Budget:
    """What is left of the nodes and the tests that a tree may take."""

    def __init__(self, limit: int):
        self.nodes = limit
        self.tests = limit * TESTS_PER_NODE


def _grow(
    frontier: Sequence[dict[str, Value]],
    parameter: Discrete,
    due: tuple[Constraint, ...],
    budget: _Budget,
) -> tuple[Level, list[dict[str, Value]]] | None:
    """The next level and what is chosen at its nodes; None where the budget does not suffice."""
    parents: list[int] = []
    values: list[int] = []
    grown: list[dict[str, Value]] = []
    for parent, point in enumerate(frontier):
        budget.tests -= parameter.size if is_active(parameter, point) else 1
        if budget.tests < 0:
            return None
        for index, extended in extensions(point, parameter, due):
            parents.append(parent)
            values.append(index)
            grown.append(extended)
        if len(grown) > budget.nodes:
            return None
    budget.nodes -= len(grown)
    return Level(parameter, tuple(parents), tuple(values)), grown


def extensions(
    point: Mapping[str, Value], parameter: Discrete, due: Sequence[Constraint]
) -> Iterator[tuple[int, dict[str, Value]]]:
    """A point with each value that a parameter may have, next to the number of the value."""
    indices = range(parameter.size) if is_active(parameter, point) else (ABSENT,)
    for index in indices:
        extended = dict(point)
        if index != ABSENT:
            extended[parameter.name] = parameter.value(index)
        if all(constraint.holds(extended) for constraint in due):
            yield index, extended


def random_below(rng: np.random.Generator, bound: int) -> int:
    """A whole number from 0 up to a bound of any size, each with the same chance."""
    if bound <= 2**62:
        return int(rng.integers(bound))
    bits = bound.bit_length()
    while True:
        number = int.from_bytes(rng.bytes((bits + 7) // 8), "little") >> (-bits % 8)
        if number < bound:
            return number
