"""Which weights stay in SRAM: an exact 0/1 knapsack, a pure solver.

What streams from HBM in every step saves its bytes if it stays. Weights take whole PMUs, of which a socket
has about a thousand, so the table over weights and PMUs is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    """A weight: the PMUs that it takes, and the bytes that a step reads of it."""

    name: str
    pmus: int
    read_bytes: int


def choose_weights(candidates: Sequence[Candidate], capacity: int) -> tuple[int, ...]:
    """Numbers of the weights to keep, in order: the most bytes read a step, in the fewest PMUs.

    Nothing is kept that a step does not read.
    """
    best = [0] * (capacity + 1)
    """Most bytes that the weights so far bring in so many PMUs."""
    taken: list[list[bool]] = []
    for candidate in candidates:
        row = [False] * (capacity + 1)
        for room in range(capacity, candidate.pmus - 1, -1):
            brought = best[room - candidate.pmus] + candidate.read_bytes
            if brought > best[room]:
                best[room], row[room] = brought, True
        taken.append(row)
    room, chosen = best.index(best[capacity]), list[int]()
    for number in range(len(candidates) - 1, -1, -1):
        if taken[number][room]:
            chosen.append(number)
            room -= candidates[number].pmus
    return tuple(reversed(chosen))
