"""Shapes that rules compare: parts of others, and what slices make together."""

from __future__ import annotations

from collections.abc import Sequence


def ends_with(longer: Sequence[int], shorter: Sequence[int]) -> bool:
    """Whether a shape is that of the last axes of another one; that of a scalar is."""
    return len(shorter) <= len(longer) and [*longer[len(longer) - len(shorter) :]] == [*shorter]


def is_column(shape: Sequence[int], whole: Sequence[int]) -> bool:
    """Whether a shape is that of a single column for the rows of a matrix or more: `[B, 1]` for `[B, N]`."""
    return len(whole) > 1 and [*shape] == [*whole[:-1], 1] and whole[-1] != 1


def repeats(shape: Sequence[int], whole: Sequence[int]) -> bool:
    """Whether a shape is that of the whole, or of what is repeated over it: its last axes, or one column."""
    return ends_with(whole, shape) or is_column(shape, whole)


def gathered_shape(slice_: Sequence[int], along: int, count: int) -> tuple[int, ...]:
    """The shape of so many slices, put together along an axis of theirs."""
    return (*slice_[:along], count * slice_[along], *slice_[along + 1 :])
