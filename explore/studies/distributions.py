"""Points as Optuna knows them: parameters with distributions.

Numbers keep their values, so that plots and dashboards show them; a power of two is an integer on a log
scale. Ordinals and categoricals are choices. An order of n items is n integers named as constraints name
them: `order[0]` is the item in the first place. Parameters that are not there have no value.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial

from ..errors import SpaceError, StudyError
from ..parameters import Categorical, Integer, Ordinal, Parameter, Permutation, Real, Value
from ..space import Point, Space
from ..trees import is_active

LARGEST = 2**53
"""Storages keep integers as double-precision numbers, which are exact up to here."""


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The distribution of each Optuna parameter of a space.

    Raises: StudyError where two have the same name, or an integer is too large to be stored.
    """
    found: dict[str, BaseDistribution] = {}
    for parameter in space.parameters:
        for name in _names(parameter):
            if name in found:
                raise StudyError(f"two parameters are stored as {name!r}; rename {parameter.name!r}")
            found[name] = _distribution(parameter)
    return found


def to_params(space: Space, point: Mapping[str, Value]) -> dict[str, Any]:
    """The values of the Optuna parameters of a point."""
    return {
        name: value
        for p in space.parameters
        if p.name in point
        for name, value in zip(_names(p), _values(point[p.name]), strict=True)
    }


def to_point(space: Space, params: Mapping[str, Any]) -> Point | None:
    """The point that Optuna parameters stand for; None where they are not all there, or are no point."""
    point: Point = {}
    try:
        for parameter in space.ordered:
            if is_active(parameter, point):
                point[parameter.name] = _value(parameter, params)
        point = {p.name: point[p.name] for p in space.parameters if p.name in point}
        space.check(point)
    except (KeyError, SpaceError):
        return None
    return point


def suggest(space: Space, trial: Trial) -> Point:
    """The point that an Optuna trial is to evaluate; its values become the parameters of the trial.

    Raises: StudyError where it is no point of the space, since the queue or another sampler has set it.
    """
    point: Point = {}
    for parameter in space.ordered:
        if is_active(parameter, point):
            values = {name: _suggest(trial, name, _distribution(parameter)) for name in _names(parameter)}
            with suppress(SpaceError):
                point[parameter.name] = _value(parameter, values)
    found = to_point(space, trial.params)
    if found is None:
        raise StudyError(f"trial {trial.number} is no point of the space: {trial.params}")
    return found


def _suggest(trial: Trial, name: str, distribution: BaseDistribution) -> Any:
    match distribution:
        case FloatDistribution(low=low, high=high, log=log):
            return trial.suggest_float(name, low, high, log=log)
        case IntDistribution(low=low, high=high, log=log):
            return trial.suggest_int(name, low, high, log=log)
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(name, choices)
        case _:
            raise AssertionError("there are no other distributions here")


def _names(parameter: Parameter) -> list[str]:
    if isinstance(parameter, Permutation):
        return [f"{parameter.name}[{place}]" for place in range(parameter.length)]
    return [parameter.name]


def _distribution(parameter: Parameter) -> BaseDistribution:
    match parameter:
        case Real(low=low, high=high, scale=scale):
            return FloatDistribution(low, high, log=scale == "log")
        case Integer(scale="pow2"):
            return IntDistribution(parameter.value(0), parameter.value(parameter.size - 1), log=True)
        case Integer(name=name, low=low, high=high, scale=scale):
            if max(abs(low), abs(high)) > LARGEST:
                raise StudyError(f"{name!r} goes up to {high}, a storage keeps integers up to {LARGEST}")
            return IntDistribution(low, high, log=scale == "log")
        case Ordinal(values=values) | Categorical(values=values):
            return CategoricalDistribution(values)
        case Permutation(length=length):
            return IntDistribution(0, length - 1)


def _values(value: Value) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _value(parameter: Parameter, params: Mapping[str, Any]) -> Value:
    """The value of a parameter, of the type that it has in points.

    Raises: KeyError where it is missing; SpaceError where it is none of the values.
    """
    match parameter:
        case Real():
            return float(params[parameter.name])
        case Permutation():
            return tuple(params[name] for name in _names(parameter))
        case _:
            return parameter.value(parameter.index(params[parameter.name]))
