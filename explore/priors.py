"""Where good values are expected: Beta distributions by name, or shares, on the unit range of a parameter.

The names and shapes are those of "Practical Design Space Exploration" (MASCOTS 2019, arXiv 1810.05236). All
four have distribution functions in closed form.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from math import asin, isfinite, pi, sqrt
from typing import Literal

from .errors import SpaceError

PriorName = Literal["uniform", "gaussian", "decay", "exponential"]

Prior = PriorName | tuple[float, ...]
"""A name, or a share for each of as many parts of the unit range, all of the same length."""

BETA_SHAPES: dict[PriorName, tuple[float, float]] = {
    "uniform": (1.0, 1.0),
    "gaussian": (3.0, 3.0),
    "decay": (0.5, 1.5),
    "exponential": (1.5, 0.5),
}
"""The two shape numbers of each: gaussian favours the middle, decay the low end, exponential the high end."""


def check_prior(name: str, prior: Prior) -> None:
    """Refuse what is no prior for the parameter with a name.

    Raises: SpaceError for unknown names, and for shares that are negative or all 0.
    """
    if isinstance(prior, tuple):
        if not prior or min(prior) < 0 or not sum(prior) > 0 or not all(map(isfinite, prior)):
            raise SpaceError(f"the prior of {name!r} needs shares of 0 or more, one above 0")
    elif prior not in BETA_SHAPES:
        known = ", ".join(BETA_SHAPES)
        raise SpaceError(f"parameter {name!r} has the unknown prior {prior!r}; known are {known}")


def prior_share(prior: Prior, low: float, high: float) -> float:
    """How much of a prior lies between two places of the unit range."""
    return _below(prior, high) - _below(prior, low)


def prior_place(prior: Prior, share: float) -> float:
    """The place of the unit range with a share of a prior below it, found by halving."""
    low, high = 0.0, 1.0
    for _ in range(53):  # the bits of a double
        middle = (low + high) / 2
        low, high = (middle, high) if _below(prior, middle) <= share else (low, middle)
    return low


@lru_cache
def _running(shares: tuple[float, ...]) -> tuple[float, ...]:
    """The sums of the shares up to each of them, of all as 1."""
    total = sum(shares)
    return (0.0, *(part / total for part in accumulate(shares)))


def _below(prior: Prior, place: float) -> float:
    """The distribution function of a prior."""
    if isinstance(prior, tuple):
        sums = _running(prior)
        part = min(int(place * len(prior)), len(prior) - 1)
        return sums[part] + (place * len(prior) - part) * (sums[part + 1] - sums[part])
    match prior:
        case "uniform":
            return place
        case "gaussian":
            return place**3 * (10.0 - 15.0 * place + 6.0 * place**2)
        case "decay":
            return (asin(sqrt(place)) + sqrt(place * (1.0 - place))) * 2.0 / pi
        case "exponential":
            return 1.0 - _below("decay", 1.0 - place)
