"""How tiles of one extent make those of another: a pure solver in numbers, for dialects and passes."""

from __future__ import annotations


def cuts_fit(extent: int, one: int, other: int) -> bool:
    """Whether tiles of one extent along an axis of `extent` indices make those of the other.

    Either is whole, or the larger ones are of as many smaller ones each, the last one like all others.
    """
    small, large = sorted((one, other))
    whole, times = large == extent, large // small
    return whole or (large == times * small and -(-extent // small) == times * -(-extent // large))
