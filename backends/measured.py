"""Measured times: samples of one thing, and of several that were measured in turn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb

MISSES = 20
"""Of so many intervals of a median at most one does not hold it, however the samples are distributed."""
FEWEST_FOR_INTERVAL = 6
"""Samples of which the smallest and the largest hold the median so often: 2 / 2^6 is one of 32."""


@dataclass(frozen=True)
class Ratio:
    """How many times as fast as another one something is: the median over pairs measured side by side."""

    times: float
    low: float
    """Of the interval of the median, as `median_interval` has it."""
    high: float
    pairs: int

    @property
    def is_slower(self) -> bool:
        """Whether it is slower beyond doubt."""
        return self.pairs >= FEWEST_FOR_INTERVAL and self.high < 1


@dataclass(frozen=True)
class Measured:
    """Repeated measurements of a call, one at least."""

    samples: tuple[float, ...]
    """Seconds of each call, in the order of time; of programs measured together there is one a round."""

    @cached_property
    def median(self) -> float:
        """Seconds that half of the calls take at most."""
        from statistics import median

        return median(self.samples)

    def percentile(self, share: float) -> float:
        """The smallest sample that at least this share of all does not exceed; `share` is 0 to 1."""
        ordered = sorted(self.samples)
        return next(one for number, one in enumerate(ordered, 1) if number >= share * len(ordered))

    def ratio(self, base: Measured, scale: float = 1.0) -> Ratio:
        """How many times as fast as `base` this is, round by round; `scale` multiplies each ratio."""
        from statistics import median

        pairs = zip(base.samples, self.samples, strict=True)
        ratios = tuple(scale * other / own for other, own in pairs)
        low, high = median_interval(ratios)
        return Ratio(median(ratios), low, high, len(ratios))


def median_interval(samples: tuple[float, ...]) -> tuple[float, float]:
    """Two of the samples between which the median lies but once in `MISSES`, by the binomial distribution.

    Below `FEWEST_FOR_INTERVAL` samples no two do; these are then the smallest and the largest.
    """
    ordered, count = sorted(samples), len(samples)
    # The median is below the k-th smallest one where fewer than k samples are below it; so at the other end.
    cut, cases = 0, 1
    while 2 * cases * MISSES <= 2**count:
        cut += 1
        cases += comb(count, cut)
    return ordered[max(cut, 1) - 1], ordered[-max(cut, 1)]
