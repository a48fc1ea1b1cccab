"""Shares of the chip: a pure solver.

At decode the stages of a layer form a chain: each waits for the one before it. A task that moves
w units of work with n machine units takes w / n, so the chain takes the sum of all w / n, and of all ways to
share N units the sum is least where n is proportional to the square root of w. In whole units, each one goes
to the task that it shortens most: the gain of a further unit falls with every unit, so no other way is
shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
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


def spread(least: Sequence[float], works: Sequence[float], available: float) -> list[float]:
    """Shares of `available`, each not below its least, so that the sum of works / shares is least.

    What has no work gets its least. The leasts together must not exceed `available`.
    """
    roots, shares = [sqrt(work) for work in works], list(least)
    free = [n for n, root in enumerate(roots) if root > 0]
    room = available - sum(least[n] for n, root in enumerate(roots) if root <= 0)
    while free:
        unit = room / sum(roots[n] for n in free)
        short = {n for n in free if unit * roots[n] < least[n]}
        if not short:
            for n in free:
                shares[n] = unit * roots[n]
            break
        room -= sum(least[n] for n in short)
        free = [n for n in free if n not in short]
    return shares
