"""Units that leave readable numbers: what is given in s is shown in µs where that suits it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from ..outcome import Outcome
from .record import StudyRecord
from .summary import ObjectiveLine

DECIMAL = (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))

UNITS: Mapping[str, Sequence[tuple[str, float]]] = {
    "s": (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)),
    "bytes": (*((f"{prefix}B", size) for prefix, size in DECIMAL), ("bytes", 1.0)),
    "bytes/s": (*((f"{prefix}B/s", size) for prefix, size in DECIMAL), ("bytes/s", 1.0)),
    "Hz": (*((f"{prefix}Hz", size) for prefix, size in DECIMAL), ("Hz", 1.0)),
}
"""For units that are given, those that may be shown, and how much each is of it; the largest first."""

BINARY = (("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10))
"""For parameters in bytes of which all values are multiples of 1024."""


def scaling(unit: str, values: Iterable[float], *, binary: bool = False) -> tuple[str, float]:
    """A unit that suits some values, and what they are multiplied by; one of powers of two only if asked."""
    sizes = [abs(value) for value in values if value]
    if not sizes or unit not in UNITS:
        return unit, 1.0
    is_binary = binary and unit == "bytes" and all(size % 1024 == 0 for size in sizes)
    shown = BINARY if is_binary else UNITS[unit]
    typical = median(sizes)
    found = next(((name, size) for name, size in shown if typical >= size), shown[-1])
    return found[0], 1 / found[1]


def heading(name: str, unit: str) -> str:
    """A name with its unit, for the head of a column and for an axis."""
    return f"{name} ({unit})" if unit else name


def volume_unit(objectives: Sequence[ObjectiveLine]) -> str:
    """The unit of a hypervolume; empty where an objective has none."""
    units = [one.unit for one in objectives]
    return " · ".join(units) if all(units) else ""


def in_units(record: StudyRecord) -> StudyRecord:
    """The same record with objectives, resources and details in units that suit their values.

    Parameters stay as they are: they are what one sets.
    """
    given = {name: unit for name, unit in record.about.units.items() if name not in record.space.by_name}
    found = {name: scaling(unit, _numbers(record, name)) for name, unit in given.items()}
    names = [objective.name for objective in record.objectives]

    def scaled(name: str, value: Any) -> Any:
        return value * found[name][1] if name in found and not isinstance(value, str) else value

    def outcome(told: Outcome) -> Outcome:
        return replace(
            told,
            values=told.values and tuple(map(scaled, names, told.values)),
            slacks={name: scaled(name, slack) for name, slack in told.slacks.items()},
            details={name: scaled(name, value) for name, value in told.details.items()},
        )

    limits = [one.capacity and scaled(one.name, one.capacity) for one in record.objectives]
    units = {**record.about.units, **{name: unit for name, (unit, _) in found.items()}}
    return replace(
        record,
        objectives=tuple(map(lambda one, limit: replace(one, capacity=limit), record.objectives, limits)),
        trials=tuple(replace(trial, outcome=outcome(trial.outcome)) for trial in record.trials),
        about=replace(record.about, units=units),
    )


def _numbers(record: StudyRecord, name: str) -> Iterator[float]:
    """The values of an objective, of feasible points if there are some; else the details and excesses."""
    names = [objective.name for objective in record.objectives]
    if name in names:
        known = [one for one in record.evaluations if one.values is not None]
        seen = [one for one in known if one.feasible] or known
        yield from (one.values[names.index(name)] for one in seen if one.values is not None)
        return
    for trial in record.trials:
        value, slack = trial.outcome.details.get(name), trial.outcome.slacks.get(name, 0.0)
        yield from (one for one in (value, max(slack, 0.0)) if one and not isinstance(one, str))
