"""The scales on which models see objectives and slacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

UNIT_SHARES = (0.0, 0.1, 0.5)
"""The units of slacks that are tried: quantiles of their sizes."""

LEAST_UNIT = 1e-9
"""No unit is a smaller share of the largest size: what is below is rounding."""


@dataclass(frozen=True)
class Scale:
    """A growing function of a target.

    `arcsinh` is linear below its unit and a logarithm beyond: it tames extremes and keeps the sign.
    """

    kind: Literal["linear", "log", "arcsinh"]
    unit: float = 1.0

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Values on the scale."""
        match self.kind:
            case "linear":
                return values
            case "log":
                return np.log(values)
            case "arcsinh":
                return np.arcsinh(values / self.unit)


LINEAR = Scale("linear")
LOG = Scale("log")


def objective_scales(values: np.ndarray, use_logs: bool) -> tuple[Scale, ...]:
    """The scales of an objective: logarithms, too, where all values are above 0."""
    return (LINEAR, LOG) if use_logs and len(values) > 0 and bool((values > 0).all()) else (LINEAR,)


def slack_scales(slacks: np.ndarray) -> tuple[Scale, ...]:
    """The scales of a slack: fine ones show what happens near the limit, coarse ones the whole.

    Where all are above 0, a coarse one alone: fine ones would only put all of them far from the limit.
    """
    sizes = np.abs(slacks[slacks != 0])
    if len(sizes) == 0:
        return (LINEAR,)
    if (slacks > 0).all():
        return (Scale("arcsinh", float(np.quantile(sizes, UNIT_SHARES[-1]))),)
    units = dict.fromkeys(np.maximum(np.quantile(sizes, UNIT_SHARES), LEAST_UNIT * sizes.max()).tolist())
    return (LINEAR, *(Scale("arcsinh", unit) for unit in units))
