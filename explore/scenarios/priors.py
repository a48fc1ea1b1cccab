"""Priors of scenarios as shares of equal parts of a parameter's range."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import erf, isclose, sqrt

from .errors import ScenarioError

PARTS = 500
"""Parts in which densities of a real parameter are kept; within each they are even."""

TOLERANCE = 1e-6
"""How far shares may add up to something else than 1."""


def pmf_shares(shares: Sequence[float], size: int) -> tuple[float, ...]:
    """A share for each of some values.

    Raises: ScenarioError where their number or sum is wrong.
    """
    if len(shares) != size:
        raise ScenarioError(
            f"the prior has {len(shares)} shares for {size} values",
            "give a share for each value, or leave it out",
        )
    if min(shares) < 0:
        raise ScenarioError(f"the prior has the share {min(shares)}", "shares are 0 or more")
    if not isclose(sum(shares), 1, abs_tol=TOLERANCE):
        raise ScenarioError(f"the shares of the prior add up to {sum(shares):.6g}, not to 1")
    return tuple(map(float, shares))


def density_shares(densities: Sequence[float]) -> tuple[float, ...]:
    """The shares of a density given at places with equal distances along the range, straight between them.

    Raises: ScenarioError where there are fewer than two places, or no density is above 0.
    """
    if len(densities) < 2 or min(densities) < 0 or max(densities) <= 0:
        raise ScenarioError("the prior is no list of two or more densities, none below 0 and one above it")
    middles = [(part + 0.5) / PARTS * (len(densities) - 1) for part in range(PARTS)]
    return tuple(
        densities[int(place)] * (1 - place % 1) + densities[int(place) + 1] * (place % 1) for place in middles
    )


def gaussian_shares(
    low: float, high: float, means: Sequence[float], deviations: Sequence[float]
) -> tuple[float, ...]:
    """The shares of bell curves that count the same, cut at the bounds; the deviation -1 is half the range.

    Raises: ScenarioError where their numbers differ, or a deviation is none.
    """
    if len(means) != len(deviations):
        raise ScenarioError(f"custom_gaussian has {len(means)} means and {len(deviations)} deviations")
    actual = [(high - low) / 2 if deviation == -1 else deviation for deviation in deviations]
    if min(actual) <= 0:
        raise ScenarioError(f"custom_gaussian has the deviation {min(actual)}", "write -1 for half the range")
    edges = [low + (high - low) * part / PARTS for part in range(PARTS + 1)]
    pairs = list(zip(means, actual, strict=True))
    below = [sum(erf((edge - mean) / (deviation * sqrt(2))) for mean, deviation in pairs) for edge in edges]
    return tuple(after - before for before, after in pairwise(below))
