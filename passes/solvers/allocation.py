"""How many units each buffer or stage of a kernel gets: a pure solver.

At decode the stages of a layer form a chain: each waits for the one before it. A task that moves w units of
work with n machine units takes w / n, so the chain takes the sum of all w / n, and of all ways to share
N units the sum is least where n is proportional to the square root of w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt


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
    spare = min(available, max(target, needed)) - needed
    ideal = _ideal(tasks, needed + spare)
    for number, wanted in enumerate(ideal):
        shares[number] = max(shares[number], int(wanted))
    left = needed + spare - sum(shares)
    assert left >= 0, "the ideal shares sum to the units there are, and are rounded down"
    working = [number for number, task in enumerate(tasks) if task.work > 0]
    for _ in range(left if working else 0):
        shares[max(working, key=lambda number: _gain(tasks[number].work, shares[number]))] += 1
    return tuple(shares)


def _ideal(tasks: Sequence[Task], units: int) -> list[float]:
    """Real-valued shares: square-root shares, where a task below its minimum is fixed there."""
    fixed: set[int] = {number for number, task in enumerate(tasks) if task.work <= 0}
    while True:
        left = units - sum(tasks[number].minimum for number in fixed)
        weight = sum(sqrt(task.work) for i, task in enumerate(tasks) if i not in fixed)
        shares = [
            float(task.minimum) if i in fixed else left * sqrt(task.work) / weight
            for i, task in enumerate(tasks)
        ]
        below = {i for i, task in enumerate(tasks) if i not in fixed and shares[i] < task.minimum}
        if not below:
            return shares
        fixed |= below


def _gain(work: float, units: int) -> float:
    """How much sooner a task ends with one unit more; without any unit it never ends."""
    return work / units - work / (units + 1) if units else float("inf")
