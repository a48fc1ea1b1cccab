"""Errors summed up."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """Absolute relative errors, summed up."""

    count: int
    mean: float
    median: float
    p90: float
    worst: float

    @staticmethod
    def of(errors: Iterable[float]) -> Summary:
        """Of at least one error; p90 is the smallest that nine tenths of the errors do not exceed."""
        sizes = sorted(abs(error) for error in errors)
        ninety = sizes[math.ceil(0.9 * len(sizes)) - 1]
        return Summary(len(sizes), statistics.mean(sizes), statistics.median(sizes), ninety, sizes[-1])

    @property
    def cells(self) -> tuple[str, ...]:
        """Number, mean, median, p90 and worst."""
        shares = (self.mean, self.median, self.p90, self.worst)
        return (str(self.count), *(f"{share:.1%}" for share in shares))


SUMMARY_COLUMNS = ("points", "mean", "median", "p90", "worst")
