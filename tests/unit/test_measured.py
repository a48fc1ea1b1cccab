"""Medians of measured times, their intervals, and ratios of what was measured side by side."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest

from kl.backends.measured import FEWEST_FOR_INTERVAL, MISSES, Measured, median_interval
from kl.backends.targets import Timing
from kl.tools.commands.compare import speedup_text
from kl.tools.comparison import slower_than
from kl.tools.variants import VARIANTS, Timed


@pytest.mark.parametrize("count", range(1, 60))
def test_an_interval_is_the_narrowest_that_misses_so_seldom(count: int):
    low, high = median_interval(tuple(map(float, reversed(range(1, count + 1)))))
    cut = int(low)
    assert high == count + 1 - cut

    def missed(places: int) -> Fraction:
        """How often so many of the smallest samples, or of the largest ones, lie all on one side."""
        return 2 * sum((Fraction(comb(count, below), 2**count) for below in range(places)), Fraction())

    assert (missed(cut) <= Fraction(1, MISSES)) == (count >= FEWEST_FOR_INTERVAL)
    assert missed(cut + 1) > Fraction(1, MISSES)


def test_ratios_are_those_of_rounds():
    base, other = Measured((4.0, 8.0, 40.0)), Measured((2.0, 4.0, 10.0))
    ratio = other.ratio(base)
    assert (ratio.times, ratio.low, ratio.high, ratio.pairs) == (2.0, 2.0, 4.0, 3)
    assert other.ratio(base, scale=8).times == 16.0


def test_what_is_slower_is_so_in_all_of_the_interval():
    base = Measured((1.0,) * 9)
    assert Measured((1.1,) * 9).ratio(base).is_slower
    assert not Measured((0.9, 0.9, *(1.1,) * 7)).ratio(base).is_slower
    assert not Measured((1.1,) * 5).ratio(Measured((1.0,) * 5)).is_slower


def timed(name: str, steps: int, *samples: float) -> Timed:
    """A variant whose calls of so many steps took so long."""
    timing = Timing(name, 0, samples[0], steps=steps, measured=Measured(samples) if samples[1:] else None)
    return Timed(name, VARIANTS[name].choice, timing)


def test_variants_are_held_against_one_another_by_step():
    fused, stepped = timed("fused", 1, *(3.0,) * 6), timed("stepped", 8, *(12.0,) * 6)
    ratio = stepped.ratio(fused)
    assert ratio is not None
    assert ratio.times == 2.0
    assert speedup_text(stepped, [fused, stepped]) == "2.00x (2.00 to 2.00)"
    assert fused.ratio(fused) is None
    assert timed("looped", 1, 3.0).ratio(fused) is None


def test_a_variant_is_slower_beyond_doubt():
    fused, looped = timed("fused", 1, *(3.0,) * 6), timed("looped", 1, *(4.0,) * 6)
    assert slower_than(looped, [fused, looped]) == (fused, 4 / 3)
    doubtful = timed("looped", 1, 2.9, *(4.0,) * 5)
    assert slower_than(doubtful, [fused, doubtful]) is None


def test_percentiles_are_samples():
    measured = Measured((5.0, 1.0, 4.0, 2.0, 3.0))
    assert measured.median == 3.0
    assert [measured.percentile(share) for share in (0.1, 0.2, 0.21, 0.9, 1.0)] == [1.0, 1.0, 2.0, 5.0, 5.0]
