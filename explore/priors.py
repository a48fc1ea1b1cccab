"""Where good values are expected: Beta distributions by name, on the unit range of a parameter.

The names and shapes are those of "Practical Design Space Exploration" (MASCOTS 2019, arXiv 1810.05236). All
four have distribution functions in closed form.
"""

from __future__ import annotations

from math import asin, pi, sqrt
from typing import Literal

PriorName = Literal["uniform", "gaussian", "decay", "exponential"]

BETA_SHAPES: dict[PriorName, tuple[float, float]] = {
    "uniform": (1.0, 1.0),
    "gaussian": (3.0, 3.0),
    "decay": (0.5, 1.5),
    "exponential": (1.5, 0.5),
}
"""The two shape numbers of each: gaussian favours the middle, decay the low end, exponential the high end."""


def prior_share(name: PriorName, low: float, high: float) -> float:
    """How much of a prior lies between two places of the unit range."""
    return _below(name, high) - _below(name, low)


def _below(name: PriorName, place: float) -> float:
    """The distribution function of a prior."""
    match name:
        case "uniform":
            return place
        case "gaussian":
            return place**3 * (10.0 - 15.0 * place + 6.0 * place**2)
        case "decay":
            return (asin(sqrt(place)) + sqrt(place * (1.0 - place))) * 2.0 / pi
        case "exponential":
            return 1.0 - _below("decay", 1.0 - place)
