"""Regularised least squares of logarithms, and what it says of groups that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..targets import TargetError
from .constants import Constant, Observation, Values, applies, predicted, timed

NOISE = 0.05
"""Assumed: measured steps scatter by so much; what a prior weighs against them depends on it."""
_STEP = 0.02
"""Relative step of the derivatives: parameters of machines are whole numbers."""


@dataclass(frozen=True)
class Prediction:
    """A measured step, and what constants say of it."""

    observation: Observation
    seconds: float
    values: Values
    """The constants."""

    @property
    def error(self) -> float:
        """Relative, above 0 if it was faster than said."""
        return self.seconds / self.observation.seconds - 1


def fitted(observations: Sequence[Observation], constants: Sequence[Constant], start: Values) -> Values:
    """The constants that fit best, begun at `start`; those on which no step depends stay what they are.

    Minimised is the sum of (log(ours / measured) / NOISE)² and, for each constant, (log(value / prior) /
    log(factor))².

    Raises: TargetError without scipy.
    """
    least_squares = _least_squares()
    seen = [(one, [its for its in constants if applies(its, one)]) for one in observations]
    used = {its.name for _, all_its in seen for its in all_its}
    free = [one for one in constants if one.name in used]

    def values(x: Sequence[float]) -> Values:
        return {**start, **{one.name: one.prior * math.exp(part) for one, part in zip(free, x, strict=True)}}

    def misfit(one: Observation, its: Sequence[Constant], x: Sequence[float]) -> float:
        return math.log(timed(one, its, values(x)) / one.seconds) / NOISE

    def residuals(x: Sequence[float]) -> list[float]:
        data = [misfit(one, its, x) for one, its in seen]
        return [*data, *(part / math.log(one.factor) for one, part in zip(free, x, strict=True))]

    def slope(one: Observation, its: Sequence[Constant], x: Sequence[float], number: int) -> float:
        """By central differences."""
        if free[number] not in its:
            return 0.0
        high, low = (
            misfit(one, its, [part + step * (at == number) for at, part in enumerate(x)])
            for step in (_STEP, -_STEP)
        )
        return (high - low) / (2 * _STEP)

    def derivatives(x: Sequence[float]) -> list[list[float]]:
        data = [[slope(one, its, x, number) for number in range(len(free))] for one, its in seen]
        kept = [
            [(at == number) / math.log(one.factor) for at in range(len(free))]
            for number, one in enumerate(free)
        ]
        return [*data, *kept]

    begin = [math.log(start[one.name] / one.prior) for one in free]
    most = [math.log(_most(one, observations) / one.prior) - 2 * _STEP for one in free]
    inside = [min(part, high - _STEP) for part, high in zip(begin, most, strict=True)]
    least = [-10.0] * len(free)
    found = least_squares(residuals, inside, derivatives, bounds=(least, most), xtol=1e-4, ftol=1e-6)
    return values(found.x)


def _least_squares() -> Callable[..., Any]:
    try:
        from scipy.optimize import least_squares
    except ImportError:
        raise TargetError(
            "fitting needs scipy, which is not installed", way_out="pip install 'kernel-looping[calibrate]'"
        ) from None
    return least_squares


def _most(constant: Constant, observations: Sequence[Observation]) -> float:
    """The most that a machine can have of it; as a share, all of the whole."""
    machine = next(seen.machine for seen in observations if applies(constant, seen))
    return 1.0 if constant.of else machine.bound_of(constant.parameter)[0]


def priors(constants: Sequence[Constant]) -> Values:
    """Each constant as it is known before."""
    return {one.name: one.prior for one in constants}


def predictions(
    observations: Iterable[Observation], constants: Sequence[Constant], values: Values
) -> Iterator[Prediction]:
    """What constants say of measured steps."""
    return (Prediction(one, predicted(one, constants, values), values) for one in observations)


def groups_of(observations: Sequence[Observation]) -> tuple[str, ...]:
    """The groups, in the order of what is measured."""
    return tuple(dict.fromkeys(one.group for one in observations))


def held_out(observations: Sequence[Observation], constants: Sequence[Constant]) -> list[Prediction]:
    """Each group by constants that are fitted to the others: it has no part in them."""
    found: list[Prediction] = []
    for group in groups_of(observations):
        others = [one for one in observations if one.group != group]
        values = fitted(others, constants, priors(constants))
        found += predictions((one for one in observations if one.group == group), constants, values)
    return found


def with_one_point(
    observations: Sequence[Observation], constants: Sequence[Constant]
) -> Iterator[tuple[Observation, list[Prediction]]]:
    """Each group by the others and one point of its own, which is each in turn: the point, and all but it."""
    for group in groups_of(observations):
        others = [one for one in observations if one.group != group]
        own = [one for one in observations if one.group == group]
        start = fitted(others, constants, priors(constants))
        for known in own:
            values = fitted([*others, known], constants, start)
            rest = (one for one in own if one is not known)
            yield known, list(predictions(rest, constants, values))
