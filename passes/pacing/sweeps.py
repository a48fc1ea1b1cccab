"""Longest paths, the earliest times of steps that come so long after one another: a pure solver.

Within an iteration what comes before what is an order; one sweep along it settles all that an iteration does
by itself, and only what comes over from other iterations takes more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Edge = tuple[int, int, int]
"""A step, one that comes after it, and the cycles between them."""


def in_order(steps: int, edges: Iterable[Edge]) -> list[int] | None:
    """All steps, each behind those that it comes after; None where the edges go round."""
    waiting = [0] * steps
    after: list[list[int]] = [[] for _ in range(steps)]
    for first, then, _ in edges:
        after[first].append(then)
        waiting[then] += 1
    order = [step for step in range(steps) if not waiting[step]]
    for step in order:
        for then in after[step]:
            waiting[then] -= 1
            if not waiting[then]:
                order.append(then)
    return order if len(order) == steps else None


def settle(
    times: list[int], edges: Iterable[Edge], order: Sequence[int], ends: Sequence[tuple[int, int]]
) -> bool:
    """Make times as late as the edges want; False where no times do, or a step comes later than its end."""
    before: list[list[tuple[int, int]]] = [[] for _ in times]
    for first, then, cycles in edges:
        before[then].append((first, cycles))
    rules = [(step, before[step]) for step in order if before[step]]
    for _ in range(len(times) + 2):
        changed = False
        for step, earlier in rules:
            time = times[step]
            for first, cycles in earlier:
                if times[first] + cycles > time:
                    time, changed = times[first] + cycles, True
            times[step] = time
        if any(times[step] > end for step, end in ends):
            return False
        if not changed:
            return True
    return False
