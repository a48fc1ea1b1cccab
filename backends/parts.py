"""Parts of tensors of a checkpoint, as they lie there: some of their rows, or of their columns."""

from __future__ import annotations

from dataclasses import dataclass

from .tensors import Array


@dataclass(frozen=True)
class Part:
    """Some of the rows or columns of a tensor: of every `each` those from `first` up to `last`."""

    first: int
    last: int
    """Behind the last one."""
    each: int | None = None
    """All of the axis if None."""

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.last or (self.each is not None and self.each < self.last):
            raise ValueError(f"{self} is no part: it needs 0 <= first < last, and each not below last")

    def __str__(self) -> str:
        return f"{self.first}..{self.last}" + (f" each {self.each}" if self.each is not None else "")

    def fits(self, extent: int) -> bool:
        """Whether an axis of this extent has the part."""
        return extent % self.each == 0 if self.each is not None else self.last <= extent

    def count(self, extent: int) -> int:
        """How many of such an axis it has."""
        return (self.last - self.first) * (extent // self.each if self.each is not None else 1)

    def of(self, array: Array, axis: int) -> Array:
        """The part of an array along an axis."""
        each = self.each if self.each is not None else array.shape[axis]
        before, behind = array.shape[:axis], array.shape[axis + 1 :]
        pieces = array.reshape(*before, array.shape[axis] // each, each, *behind)
        some = (*[slice(None)] * (axis + 1), slice(self.first, self.last))
        return pieces[some].reshape(*before, -1, *behind)

    def mask(self, extent: int) -> Array:
        """Which of an axis it has."""
        import numpy as np

        numbers = np.arange(extent) % (self.each or extent)
        return (self.first <= numbers) & (numbers < self.last)


Parts = tuple[Part | None, Part | None]
"""The rows and the columns of a tensor that are read; None is all of them. A vector has rows."""
