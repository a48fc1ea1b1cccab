"""Shares of the chip, and the weights that stay in SRAM: a pure solver for each.

**Shares.** At decode the stages of a layer form a chain: each waits for the one before it. A task that moves
w units of work with n machine units takes w / n, so the chain takes the sum of all w / n, and of all ways to
share N units the sum is least where n is proportional to the square root of w. In whole units, each one goes
to the task that it shortens most: the gain of a further unit falls with every unit, so no other way is
shorter.

**Weights that stay.** What streams from HBM in every step saves its bytes if it stays: an exact 0/1 knapsack.
Weights take whole PMUs, of which a socket has about a thousand, so the table over weights and PMUs is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace


@dataclass(frozen=True)
class Task:
    """Something that needs machine units: at least `minimum`, and more to do its `work` sooner."""

    name: str
    minimum: int
    work: float


@dataclass(frozen=True)
class Shortage(Exception):
    """The minima need more units than there are."""

    needed: int
    available: int


def share_units(tasks: Sequence[Task], available: int, target: int) -> tuple[int, ...]:
    """Units per task: the minima, and the rest up to `target` so that the sum of work / units is least.

    Raises: Shortage where the minima exceed `available`.
    """
    needed = sum(task.minimum for task in tasks)
    if needed > available:
        raise Shortage(needed, available)
    shares = [task.minimum for task in tasks]
    waiting = [(-_gain(task.work, task.minimum), n) for n, task in enumerate(tasks) if task.work > 0]
    heapify(waiting)
    for _ in range(min(available, max(target, needed)) - needed if waiting else 0):
        _, number = waiting[0]
        shares[number] += 1
        heapreplace(waiting, (-_gain(tasks[number].work, shares[number]), number))
    return tuple(shares)


def _gain(work: float, units: int) -> float:
    """How much sooner a task ends with one unit more; without any unit it never ends."""
    return work / units - work / (units + 1) if units else float("inf")


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
