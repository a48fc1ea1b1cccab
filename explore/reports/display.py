"""A report in units that leave readable numbers: what is given in s is shown in µs where that suits it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import prod
from statistics import median

from .analysis import Report
from .dependence import Dependence
from .front import Default, FrontPoint, Volumes
from .reasons import Resource
from .summary import ObjectiveLine

UNITS: Mapping[str, Sequence[tuple[str, float]]] = {
    "s": (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)),
    "bytes": (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("bytes", 1.0)),
}
"""For units that are given, those that may be shown, and how much each is of it; the largest first."""

Scaling = tuple[str, float]
"""A unit to show, and what values in it are multiplied by."""


def displayed(report: Report) -> Report:
    """The same report with objectives and details in units that suit their values."""
    objectives = report.summary.objectives
    scalings = [_scaling(one.unit, _typical(report, place)) for place, one in enumerate(objectives)]
    details = _detail_scalings(report)
    factors = [factor for _, factor in scalings]
    by_name = {one.name: factor for one, factor in zip(objectives, factors, strict=True)}
    lines = [
        replace(one, unit=unit, best=_times(one.best, factor), capacity=_times(one.capacity, factor))
        for one, (unit, factor) in zip(objectives, scalings, strict=True)
    ]
    resources = tuple(_resource(one) for one in report.resources)
    units = {**report.summary.units, **{name: unit for name, (unit, _) in details.items()}}
    return replace(
        report,
        summary=replace(report.summary, objectives=tuple(lines), units=units),
        evaluations=tuple(replace(one, values=_all(one.values, factors)) for one in report.evaluations),
        front=tuple(_point(one, factors, details) for one in report.front),
        defaults=tuple(_default(one, factors, details) for one in report.defaults),
        resources=resources,
        volumes=None if report.volumes is None else _volumes(report.volumes, factors),
        dependences=tuple(_dependence(one, by_name.get(one.target, 1.0)) for one in report.dependences),
    )


def heading(name: str, unit: str) -> str:
    """A name with its unit, for the head of a column and for an axis."""
    return f"{name} ({unit})" if unit else name


def volume_unit(objectives: Sequence[ObjectiveLine]) -> str:
    """The unit of a hypervolume; empty where an objective has none."""
    units = [one.unit for one in objectives]
    return " · ".join(units) if all(units) else ""


def _typical(report: Report, place: int) -> float:
    """A value in the middle of an objective's."""
    known = [one for one in report.evaluations if one.values is not None]
    seen = [one for one in known if one.feasible] or known
    return _middle(one.values[place] for one in seen if one.values is not None)


def _middle(values: Iterable[float]) -> float:
    sizes = [abs(value) for value in values if value]
    return median(sizes) if sizes else 0.0


def _scaling(unit: str, typical: float) -> Scaling:
    shown = UNITS.get(unit, ())
    if not shown or not typical:
        return unit, 1.0
    found = next(((name, size) for name, size in shown if typical >= size), shown[-1])
    return found[0], 1 / found[1]


def _detail_scalings(report: Report) -> Mapping[str, Scaling]:
    """Of the details that have units and are numbers."""
    points = [*report.front, *(one.evaluation for one in report.defaults if one.evaluation is not None)]
    found: dict[str, list[float]] = {}
    for point in points:
        for name, value in point.details.items():
            if name in report.summary.units and not isinstance(value, str):
                found.setdefault(name, []).append(value)
    return {name: _scaling(report.summary.units[name], _middle(values)) for name, values in found.items()}


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _all(values: tuple[float, ...] | None, factors: Sequence[float]) -> tuple[float, ...] | None:
    return None if values is None else tuple(a * b for a, b in zip(values, factors, strict=True))


def _point(point: FrontPoint, factors: Sequence[float], details: Mapping[str, Scaling]) -> FrontPoint:
    shown = {
        name: value * details[name][1] if name in details and not isinstance(value, str) else value
        for name, value in point.details.items()
    }
    return replace(point, values=_all(point.values, factors) or (), details=shown)


def _default(one: Default, factors: Sequence[float], details: Mapping[str, Scaling]) -> Default:
    found = one.evaluation
    return one if found is None else replace(one, evaluation=_point(found, factors, details))


def _resource(one: Resource) -> Resource:
    unit, factor = _scaling(one.unit, one.largest)
    return replace(one, unit=unit, largest=one.largest * factor)


def _volumes(volumes: Volumes, factors: Sequence[float]) -> Volumes:
    corner = _all(volumes.reference.values, factors) or ()
    values = tuple(value * prod(factors) for value in volumes.values)
    return replace(volumes, reference=replace(volumes.reference, values=corner), values=values)


def _dependence(one: Dependence, factor: float) -> Dependence:
    shown = [tuple(value * factor for value in values) for values in (one.expected, one.low, one.high)]
    return replace(one, expected=shown[0], low=shown[1], high=shown[2])
