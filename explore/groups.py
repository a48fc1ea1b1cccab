"""Which parameters hang together: through a constraint, or because one makes another appear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .errors import SpaceError
from .expressions import Constraint
from .parameters import Parameter, Real


@dataclass(frozen=True)
class Group:
    """Parameters that can be chosen without regard to those of other groups, parents before children.

    `free` are those at the end of which nothing depends: no constraint names them, they make no other appear.
    """

    core: tuple[Parameter, ...]
    free: tuple[Parameter, ...]
    constraints: tuple[Constraint, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all its parameters."""
        return tuple(parameter.name for parameter in (*self.core, *self.free))


def parents_first(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """The parameters, each behind the one that makes it appear.

    Raises: SpaceError where a condition makes no sense, or conditions go in a circle.
    """
    _check_conditions({parameter.name: parameter for parameter in parameters})
    ordered: dict[str, Parameter] = {}
    waiting = list(parameters)
    while waiting:
        ready = [p for p in waiting if p.when is None or p.when.parent in ordered]
        if not ready:
            names = ", ".join(parameter.name for parameter in waiting)
            raise SpaceError(f"the conditions of {names} go in a circle")
        ordered.update((parameter.name, parameter) for parameter in ready)
        waiting = [parameter for parameter in waiting if parameter.name not in ordered]
    return tuple(ordered.values())


def _check_conditions(by_name: Mapping[str, Parameter]) -> None:
    for name, parameter in by_name.items():
        if parameter.when is None:
            continue
        parent = by_name.get(parameter.when.parent)
        if parent is None:
            raise SpaceError(f"the condition of {name!r} names {parameter.when.parent!r}, unknown")
        if isinstance(parent, Real) or not parameter.when.values:
            raise SpaceError(f"the condition of {name!r} needs values of a discrete parameter")
        for value in parameter.when.values:
            parent.index(value)


def find_groups(ordered: Sequence[Parameter], constraints: Sequence[Constraint]) -> tuple[Group, ...]:
    """The groups of parameters given with parents first, in the order of their first parameters."""
    ties = [constraint.names for constraint in constraints]
    ties += [(p.when.parent, p.name) for p in ordered if p.when is not None]
    label = {parameter.name: parameter.name for parameter in ordered}
    for tie in ties:
        merged = {label[name] for name in tie}
        label = {name: label[tie[0]] if old in merged else old for name, old in label.items()}
    bound = {name for constraint in constraints for name in constraint.names}
    bound |= {parameter.when.parent for parameter in ordered if parameter.when is not None}
    return tuple(
        _group([p for p in ordered if label[p.name] == root], bound, constraints)
        for root in dict.fromkeys(label.values())
    )


def _group(members: Sequence[Parameter], bound: set[str], constraints: Sequence[Constraint]) -> Group:
    names = {parameter.name for parameter in members}
    return Group(
        core=tuple(parameter for parameter in members if parameter.name in bound),
        free=tuple(parameter for parameter in members if parameter.name not in bound),
        constraints=tuple(c for c in constraints if names.intersection(c.names)),
    )
