"""A search space: parameters, the constraints that are known beforehand, and what can be asked of it.

A point is a dictionary with a value for each parameter that is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log, prod

import numpy as np

from .errors import SpaceError
from .expressions import Constraint, make_constraint
from .groups import Group, find_groups, parents_first
from .parameters import Parameter, Real, Value
from .sampling import prior_density, sample_prior, sample_uniform
from .text import describe
from .trees import Tree, build_tree, extensions, is_active, schedule

Point = dict[str, Value]

NODE_LIMIT = 200_000
"""The nodes that a tree may have by default: about a second to build, some 100 MB."""
MOST_NODES = 10_000_000
"""The highest node limit. Assumed: such a tree takes some gigabytes."""

TRIES = 100_000
"""How often a group without a tree is drawn before it counts as unsatisfiable."""


@dataclass(frozen=True)
class Space:
    """Parameters and known constraints over them: texts, or functions with parameter names as arguments.

    A constraint holds where one of its parameters is absent. Groups of parameters whose tree would have more
    than `node_limit` nodes, and real parameters in constraints, are sampled by rejection (see `rejected`).

    Raises: SpaceError where names are wrong or nothing satisfies the constraints.
    """

    parameters: tuple[Parameter, ...]
    constraints: tuple[str | Callable[..., object], ...] = ()
    node_limit: int = NODE_LIMIT

    def __post_init__(self) -> None:
        if type(self.node_limit) is not int or not 0 < self.node_limit <= MOST_NODES:
            given = str(self.node_limit)[:40]
            raise SpaceError(f"the node limit is {given}, a number from 1 to {MOST_NODES} is needed")
        if not self.parameters:
            raise SpaceError("a space needs a parameter")
        names = [parameter.name for parameter in self.parameters]
        for name in names:
            if names.count(name) > 1:
                raise SpaceError(f"two parameters have the name {name!r}")
        for constraint in self._predicates:
            for name in constraint.names:
                if name not in names:
                    raise SpaceError(f"constraint '{constraint}' names the unknown parameter {name!r}")
            if not constraint.names:
                raise SpaceError(f"constraint '{constraint}' names no parameter")
        assert self._chain, "parameters are in groups"

    @cached_property
    def by_name(self) -> Mapping[str, Parameter]:
        """The parameters by name."""
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def _predicates(self) -> tuple[Constraint, ...]:
        return tuple(make_constraint(source) for source in self.constraints)

    @cached_property
    def ordered(self) -> tuple[Parameter, ...]:
        """The parameters, each behind the one that makes it appear."""
        return parents_first(self.parameters)

    @cached_property
    def _chain(self) -> tuple[Tree | Group, ...]:
        groups = find_groups(self.ordered, self._predicates)
        return tuple(build_tree(group, self.node_limit) or group for group in groups)

    @property
    def rejected(self) -> tuple[tuple[str, ...], ...]:
        """The groups of parameters that have no tree: drawn by trial, not counted."""
        return tuple(link.names for link in self._chain if isinstance(link, Group))

    @property
    def is_discrete(self) -> bool:
        """Whether no parameter is real."""
        return not any(isinstance(parameter, Real) for parameter in self.parameters)

    def count(self) -> int | None:
        """How many points satisfy the constraints, real parameters counted as one value each.

        None where a group has no tree.
        """
        counts = [link.count for link in self._chain if isinstance(link, Tree)]
        return prod(counts) if len(counts) == len(self._chain) else None

    def sample(self, rng: np.random.Generator, n: int) -> list[Point]:
        """Points drawn one by one, each feasible point with the same chance.

        In a group without a tree, parents are drawn before what they make appear, uniform each.

        Raises: SpaceError where a group without a tree shows no feasible point.
        """
        return [self._draw(rng, by_prior=False) for _ in range(n)]

    def sample_prior(self, rng: np.random.Generator, n: int) -> list[Point]:
        """Points drawn by the priors, given that the constraints hold."""
        return [self._draw(rng, by_prior=True) for _ in range(n)]

    def _draw(self, rng: np.random.Generator, by_prior: bool) -> Point:
        point: Point = {}
        for link in self._chain:
            match link:
                case Tree():
                    point.update(link.sample_prior(rng) if by_prior else link.sample(rng))
                case Group():
                    point.update(_draw_by_trial(link, rng, by_prior))
        return self._in_order(point)

    def _in_order(self, point: Mapping[str, Value]) -> Point:
        return {p.name: point[p.name] for p in self.parameters if p.name in point}

    def points(self) -> Iterator[Point]:
        """All points, one at a time.

        Raises: SpaceError where a parameter is real.
        """
        if not self.is_discrete:
            raise SpaceError("a space with real parameters has no list of points")
        whole = Group(self.ordered, (), self._predicates)
        return (self._in_order(point) for point in _extend({}, schedule(whole)))

    def key(self, point: Mapping[str, Value]) -> tuple[Value | None, ...]:
        """The values in the order of the parameters: equal for equal points."""
        return tuple(map(point.get, self.by_name))

    def check(self, point: Mapping[str, Value]) -> None:
        """Refuse what is no point of this space.

        Raises: SpaceError for unknown, missing and wrong values and broken constraints.
        """
        for name in point:
            if name not in self.by_name:
                raise SpaceError(f"the point has the unknown parameter {name!r}")
        for name, parameter in self.by_name.items():
            if is_active(parameter, point) != (name in point):
                state = "may not have" if name in point else "lacks"
                raise SpaceError(f"the point {state} a value of {name!r}")
            if name in point:
                (parameter.place if isinstance(parameter, Real) else parameter.index)(point[name])
        for constraint in self._predicates:
            if not constraint.holds(point):
                raise SpaceError(f"the point breaks the constraint '{constraint}'")

    def satisfies(self, point: Mapping[str, Value]) -> bool:
        """Whether a point with allowed values satisfies the constraints."""
        return all(constraint.holds(point) for constraint in self._predicates)

    @cached_property
    def has_conditions(self) -> bool:
        """Whether a parameter is there for some values of others only."""
        return any(parameter.when for parameter in self.parameters)

    @cached_property
    def has_priors(self) -> bool:
        """Whether a parameter prefers some of its values."""
        return any(getattr(p, "prior", None) not in (None, "uniform") for p in self.parameters)

    def log_prior(self, point: Mapping[str, Value]) -> float:
        """The logarithm of the prior of a point, 0 where no parameter prefers anything."""
        density = prod(prior_density(self.by_name[name], value) for name, value in point.items())
        return log(density) if density > 0 else -700.0  # about the logarithm of the smallest double

    def __reduce__(self) -> tuple[object, ...]:
        """Copies for other processes hold what was given; trees are built there again."""
        return Space, (self.parameters, self.constraints, self.node_limit)

    def __str__(self) -> str:
        return describe(self.parameters, [str(constraint) for constraint in self._predicates])


def _draw_by_trial(group: Group, rng: np.random.Generator, by_prior: bool) -> Point:
    """Draw until the constraints hold."""
    draw = sample_prior if by_prior else sample_uniform
    for _ in range(TRIES):
        point: Point = {}
        for parameter in (*group.core, *group.free):
            if is_active(parameter, point):
                point[parameter.name] = draw(parameter, rng)
        if all(constraint.holds(point) for constraint in group.constraints):
            return point
    texts = " and ".join(f"'{constraint}'" for constraint in group.constraints)
    raise SpaceError(f"none of {TRIES:,} draws satisfies {texts}; loosen them, or raise node_limit")


def _extend(
    point: Point, rest: Sequence[tuple[Parameter, tuple[Constraint, ...]]]
) -> Iterator[Mapping[str, Value]]:
    """All ways to complete a point."""
    if not rest:
        yield point
        return
    (parameter, due), *others = rest
    assert not isinstance(parameter, Real), "spaces with real parameters are not listed"
    for _, extended in extensions(point, parameter, due):
        yield from _extend(extended, others)
