"""Places where few are left, or where weights stay: a stage lies beside its largest input. A pure solver.

A stage that has as many PCUs as its largest input has PMUs takes its tiles from the PMUs beside it, so that
the busiest flows, those of streams and weights, load no link but those by which they come. Units follow one
another in program order from the first place on, and so lie near those that they wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .floorplan import Placement


@dataclass(frozen=True)
class Bay:
    """A unit and the channels that it reads."""

    pcus: int
    """0 of a unit that is no stage."""
    blocks: tuple[int, ...]
    """Numbers of the channels."""


@dataclass
class _Line:
    """The places so far."""

    next: int = 0
    """The first free place."""
    spare: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Places whose PCUs are free: the first ones and how many."""

    def take(self, width: int) -> int:
        first, self.next = self.next, self.next + width
        return first

    def leave(self, first: int, count: int) -> None:
        """Note PCUs that are free."""
        if count > 0:
            self.spare.append((first, count))

    def take_pcus(self, count: int) -> int:
        """PCUs without PMUs: spare ones, the last that there are, or the next places."""
        for number in range(len(self.spare) - 1, -1, -1):
            first, free = self.spare[number]
            if free >= count:
                self.spare[number] = first + count, free - count
                return first
        return self.take(count)


def place_side_by_side(bays: Sequence[Bay], counts: Sequence[int], places: int) -> Placement | None:
    """Places for units in order and the channels of so many PMUs that they read; None if they are too many.

    Each channel is read by one of the units. The stages of the placement are the units with PCUs.
    """
    line, stages, starts = _Line(), list[int](), [0] * len(counts)
    for bay in bays:
        blocks = sorted(bay.blocks, key=counts.__getitem__)
        widest = blocks.pop() if bay.pcus and blocks and counts[blocks[-1]] else None
        for block in blocks:  # on the way to the unit
            starts[block] = line.take(counts[block])
            line.leave(starts[block], counts[block])
        if widest is not None:
            starts[widest] = line.take(max(counts[widest], bay.pcus))
            line.leave(starts[widest] + bay.pcus, counts[widest] - bay.pcus)
        if bay.pcus:
            stages.append(line.take_pcus(bay.pcus) if widest is None else starts[widest])
    return Placement(tuple(stages), tuple(starts)) if line.next <= places else None
