"""Run a kernel in time only, without replaying iterations that are like the ones before.

At the beginning of each iteration the state of the run is compared with those of some iterations before. If it
is the same, relative to the cycle and the iteration, what came between happens again and again, and the run
moves on by as many such periods as no end effect reaches; from there on it goes event by event again. Cycles
and counts are those of the full replay, to the last one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from .engine import KernelRun
from .period import period_between
from .ports import passes_of, steps_per_pass
from .program import Carry, Kernel, Stage
from .shift import move_on
from .snapshot import Book, Snapshot
from .units import UnitRun

LONGEST_PERIOD = 16
"""Iterations between states that are compared; longer periods are replayed."""


def marker_of(run: KernelRun) -> UnitRun | None:
    """The unit whose first step in an iteration is where that begins; None if no unit runs in a loop.

    The first carry, which waits for what the iteration before has made; without one the first stage, or else
    the first unit that is there.
    """
    iterations = run.call.kernel.iterations
    looped = [unit for unit in run.units if passes_of(unit.unit, iterations) > 1]
    for kind in (Carry, Stage, object):
        for unit in looped:
            if isinstance(unit.unit, kind):
                return unit
    return None


def run_in_iterations(run: KernelRun, books: Sequence[Book] = (), *, jump: bool = True) -> None:
    """Run to the end, keeping the books.

    Raises: HazardError, DeadlockError.
    """
    seen: deque[Snapshot] = deque(maxlen=LONGEST_PERIOD)
    for iteration in _iterations(run) if jump else ():
        now = Snapshot.of(run, iteration, _starts(run, iteration), books)
        if any(_jumped(run, before, now, books) for before in reversed(seen)):
            seen.clear()
        else:
            seen.append(now)
    run.run()


def _iterations(run: KernelRun) -> Iterator[int]:
    """Run from the beginning of one iteration to that of the next; their numbers, as far as there are any."""
    marker = marker_of(run)
    if marker is None:
        return
    steps = steps_per_pass(marker.unit)
    while marker.step <= (run.call.kernel.iterations - 2) * steps:
        run.proceed(None, marker, marker.step // steps * steps + 1)
