"""The front of a study, and the hypervolume over its evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..history import signed_values
from ..pareto import hypervolume, insert, non_dominated
from ..space import Point
from .record import StudyRecord

MARGIN = 0.1
"""Without a capacity, the reference point is this share of the range beyond the worst feasible value."""

EXACT_OBJECTIVES = 3
"""The hypervolume of more objectives is estimated: the exact one takes too long after every evaluation."""

SAMPLES = 20_000
"""The points that estimate a hypervolume; its error is below half a percent of the box."""


@dataclass(frozen=True)
class FrontPoint:
    """An evaluation that no other dominates."""

    number: int
    point: Point
    values: tuple[float, ...]
    details: Mapping[str, str | float]
    equal: tuple[int, ...] = ()
    """The numbers of other evaluations, of other points, with the same values."""


@dataclass(frozen=True)
class Behind:
    """How far a point is behind the one of the front that dominates it by most."""

    number: int
    """The trial of that one."""
    shares: tuple[float, ...]
    """Per objective how much worse it is, as a share of the larger of the two sizes; 0 for equal ones."""


@dataclass(frozen=True)
class Default:
    """A point that one would take without a search, to hold the front against."""

    name: str
    point: Point
    evaluation: FrontPoint | None
    """What came of it; None where it was not evaluated, or has no objectives."""
    is_feasible: bool
    behind: Behind | None = None
    """None for one that is as good as a point of the front, or not feasible."""


@dataclass(frozen=True)
class Reference:
    """The point from which hypervolumes are measured, per objective in the objective's own terms."""

    values: tuple[float, ...]
    is_capacity: tuple[bool, ...]
    """Whether the value is the objective's capacity; otherwise it lies beyond the worst feasible value."""


@dataclass(frozen=True)
class Volumes:
    """The hypervolume after each evaluation."""

    reference: Reference
    values: tuple[float, ...]
    is_exact: bool


def find_front(record: StudyRecord) -> tuple[FrontPoint, ...]:
    """The feasible evaluations that no other dominates, by their first objective, the best first.

    Of equal values there is one: the point that differs least from the usual one, the earliest of these.
    """
    chosen = np.flatnonzero(record.feasible)
    signed = signed_values([record.evaluations[index] for index in chosen], record.objectives)
    best = non_dominated(signed)
    groups: dict[tuple[float, ...], list[int]] = {}
    for index, values in zip(chosen[best].tolist(), signed[best].tolist(), strict=True):
        groups.setdefault(tuple(values), []).append(index)
    return tuple(_front_point(record, *sorted(groups[key], key=record.turned)) for key in sorted(groups))


def _front_point(record: StudyRecord, index: int, *others: int) -> FrontPoint:
    trial, values = record.trials[index], record.evaluations[index].values
    assert values is not None, "who asks has looked"
    equal = tuple(sorted(record.trials[other].number for other in others))
    return FrontPoint(trial.number, trial.point, values, trial.outcome.details, equal)


def find_behind(
    values: Sequence[float], front: Mapping[int, Sequence[float]], signs: np.ndarray
) -> Behind | None:
    """How far a feasible point is behind a front, given by numbers of trials; None on the front.

    Of the points that dominate it, the one that is better in all objectives by the largest share, then the
    one that is better in sum.
    """
    own = np.array(values)
    found: list[tuple[float, float, int, tuple[float, ...]]] = []
    for number, others in front.items():
        other = np.array(others)
        worse, size = (own - other) * signs, np.maximum(np.abs(own), np.abs(other))
        if (worse >= 0).all() and worse.any():
            shares = worse / np.where(size > 0, size, 1.0)
            found.append((shares.min(), shares.sum(), -number, tuple(shares.tolist())))
    if not found:
        return None
    _, _, number, shares = max(found)
    return Behind(-number, shares)


def find_defaults(record: StudyRecord, front: Sequence[FrontPoint]) -> tuple[Default, ...]:
    """The points that the study names, with what came of them."""
    by_number = {one.number: one.values for one in front}
    return tuple(_default(record, name, point, by_number) for name, point in record.about.defaults)


def _default(record: StudyRecord, name: str, point: Point, front: Mapping[int, Sequence[float]]) -> Default:
    keys = [record.space.key(trial.point) for trial in record.trials]
    key = record.space.key(point)
    place = keys.index(key) if key in keys else None
    if place is None or record.evaluations[place].values is None:
        return Default(name, point, None, False)
    found, is_feasible = _front_point(record, place), bool(record.feasible[place])
    behind = find_behind(found.values, front, record.signs) if is_feasible else None
    return Default(name, point, found, is_feasible, behind)


def find_reference(record: StudyRecord) -> Reference | None:
    """The capacities, elsewhere somewhat beyond the worst feasible value; None where nothing is feasible."""
    feasible = [evaluation for evaluation in record.evaluations if evaluation.feasible]
    if not feasible:
        return None
    signed = signed_values(feasible, record.objectives)
    worst, best = signed.max(0), signed.min(0)
    beyond = worst + MARGIN * np.where(worst > best, worst - best, np.maximum(np.abs(worst), 1.0))
    lowest = (signed * record.signs).min(0)
    own = np.where(lowest >= 0, np.maximum(beyond * record.signs, 0), beyond * record.signs).tolist()
    capacities = [objective.capacity for objective in record.objectives]
    values = tuple(own[k] if capacity is None else capacity for k, capacity in enumerate(capacities))
    return Reference(values, tuple(capacity is not None for capacity in capacities))


def find_volumes(record: StudyRecord, seed: int) -> Volumes | None:
    """The hypervolume after each evaluation, which never falls; None where nothing is feasible."""
    reference = find_reference(record)
    if reference is None:
        return None
    corner = np.array(reference.values) * record.signs
    rows = np.array([one.values if one.feasible else reference.values for one in record.evaluations])
    inside = np.flatnonzero((rows * record.signs < corner).all(axis=1))
    is_exact = len(record.objectives) <= EXACT_OBJECTIVES
    gains = np.zeros(len(rows))
    signed = rows[inside] * record.signs
    gains[inside] = _exact_gains(signed, corner) if is_exact else _estimated_gains(signed, corner, seed)
    return Volumes(reference, tuple(np.cumsum(gains).tolist()), is_exact)


def _exact_gains(rows: np.ndarray, corner: np.ndarray) -> list[float]:
    """What each row adds: its own box without what the front already has of it."""
    gains: list[float] = []
    front = rows[:0]
    for row in rows:
        taken = hypervolume(np.maximum(front, row), corner) if len(front) else 0.0
        gains.append(max(float((corner - row).prod()) - taken, 0.0))
        front = insert(front, row)
    return gains


def _estimated_gains(rows: np.ndarray, corner: np.ndarray, seed: int) -> list[float]:
    """The share of random points between the best values and the reference point that become dominated."""
    if not len(rows):
        return []
    best = rows.min(0)
    box = corner - best
    free = best + box * np.random.default_rng(seed).random((SAMPLES, len(corner)))
    gains: list[float] = []
    for row in rows:
        dominated = (row <= free).all(axis=1)
        gains.append(float(dominated.sum() / SAMPLES * box.prod()))
        free = free[~dominated]
    return gains
