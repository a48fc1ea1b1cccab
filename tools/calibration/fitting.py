"""Regularised least squares of logarithms, and what it says of groups that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..values import HELP_MARK, InputError
from .constants import Constant, Observation, Values, applies, predicted

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

    Raises: InputError without scipy.
    """
    least_squares = _least_squares()
    free = [one for one in constants if any(applies(one, seen) for seen in observations)]

    def values(x: Sequence[float]) -> Values:
        return {**start, **{one.name: one.prior * math.exp(part) for one, part in zip(free, x, strict=True)}}

    def residuals(x: Sequence[float]) -> list[float]:
        now = values(x)
        data = (math.log(predicted(seen, constants, now) / seen.seconds) / NOISE for seen in observations)
        return [*data, *(part / math.log(one.factor) for one, part in zip(free, x, strict=True))]

    def derivatives(x: Sequence[float]) -> list[list[float]]:
        columns = [_slope(residuals, x, number) for number in range(len(x))]
        return [list(row) for row in zip(*columns, strict=True)]

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
        raise InputError(
            f"fitting needs scipy, which is not installed{HELP_MARK}pip install 'kernel-looping[calibrate]'"
        ) from None
    return least_squares


def _slope(
    residuals: Callable[[Sequence[float]], list[float]], x: Sequence[float], number: int
) -> list[float]:
    """By central differences."""
    ends = [[part + (sign * _STEP if at == number else 0.0) for at, part in enumerate(x)] for sign in (1, -1)]
    high, low = map(residuals, ends)
    return [(one - other) / (2 * _STEP) for one, other in zip(high, low, strict=True)]


def _most(constant: Constant, observations: Sequence[Observation]) -> float:
    """The most that a machine can have of it; as a share, all of the whole."""
    machine = next(seen.machine for seen in observations if applies(constant, seen))
    return 1.0 if constant.of else machine.bound_of(constant.parameter)[0]


def priors(constants: Sequence[Constant]) -> Values:
    """Each constant as it is known before."""
    return {one.name: one.prior for one in constants}


def in_sample(observations: Sequence[Observation], constants: Sequence[Constant]) -> list[Prediction]:
    """All that is measured, by constants that are fitted to it."""
    values = fitted(observations, constants, priors(constants))
    return [Prediction(one, predicted(one, constants, values), values) for one in observations]


def groups_of(observations: Sequence[Observation]) -> tuple[str, ...]:
    """The groups, in the order of what is measured."""
    return tuple(dict.fromkeys(one.group for one in observations))


def held_out(observations: Sequence[Observation], constants: Sequence[Constant]) -> list[Prediction]:
    """Each group by constants that are fitted to the others: it has no part in them."""
    found: list[Prediction] = []
    for group in groups_of(observations):
        others = [one for one in observations if one.group != group]
        values = fitted(others, constants, priors(constants))
        its = (one for one in observations if one.group == group)
        found += [Prediction(one, predicted(one, constants, values), values) for one in its]
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
            rest = [one for one in own if one is not known]
            yield known, [Prediction(one, predicted(one, constants, values), values) for one in rest]
