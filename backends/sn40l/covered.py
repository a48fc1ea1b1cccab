"""What a stream touches of its parameter's tensor, in slices of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from operator import mul


@dataclass(frozen=True)
class Covered:
    """What a stream touches of a tensor: in each pass all of it, or all of one slice along its first axis.

    Slices, and what a pass has of each, come in the order of the tensor's elements.
    """

    slices: int
    """The tensor has so many; 1 where a pass touches all of it."""
    first: int
    """The slice of the first pass."""
    moves: tuple[tuple[int, int], ...]
    """Of each loop around, the outermost first: iterations, and slices that it moves on in each."""
    positions: int | None = None
    """A pass has one of so many indices along the axis of positions; None of a stream without a position."""

    @property
    def passes(self) -> int:
        """Passes of a call."""
        return prod(count for count, _ in self.moves)

    @property
    def span(self) -> tuple[int, int]:
        """The lowest and the highest slice that it touches."""
        ends = [(count - 1) * stride for count, stride in self.moves]
        return self.first + sum(min(0, end) for end in ends), self.first + sum(max(0, end) for end in ends)

    @property
    def order(self) -> str:
        """The slices in words."""
        moves = "".join(f", {count} times {stride} further" for count, stride in self.moves if count > 1)
        return f"from {self.first} on{moves}"

    def without(self, loops: Iterable[bool]) -> Covered:
        """What it touches in one iteration of these loops."""
        rest = (move for move, left_out in zip(self.moves, loops, strict=True) if not left_out)
        return replace(self, moves=tuple(rest))

    @property
    def is_once(self) -> bool:
        """Whether no slice is touched in two passes."""
        reached = 0
        for stride, count in sorted((abs(stride), count) for count, stride in self.moves if count > 1):
            if stride <= reached:
                break
            reached += (count - 1) * stride
        else:
            return True  # each loop leaps over all that those with smaller strides touch
        return self.passes <= self.slices and len(self._touched()) == self.passes

    def _touched(self) -> set[int]:
        """The slices one by one: loops of strides that are in one another's way are few and short."""
        each = product(*(range(count) for count, _ in self.moves))
        strides = [stride for _, stride in self.moves]
        return {self.first + sum(map(mul, numbers, strides)) for numbers in each}
