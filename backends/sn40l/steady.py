"""Run a kernel in time only, without replaying iterations that are like the ones before.

At the beginning of each iteration the state of the run is compared with those of some iterations before. If
it is the same, relative to the cycle and the iteration, what came between happens again and again, and the
run moves on by as many such periods as no end effect reaches; from there on it goes event by event again.
Cycles and counts are those of the full replay, to the last one.
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

LOOKS = 4
"""Of as many iterations, those that are looked at after a while without a period; the others cost nothing."""


def marker_of(run: KernelRun) -> UnitRun | None:
    """The unit whose first step in an iteration is where that begins; None if no unit runs in a loop.

    The first carry, which waits for what the iteration before has made; without one the first stage, or else
    the first unit that is there.
    """
    looped = [unit for unit, stride in zip(run.units, strides_of(run.call.kernel), strict=True) if stride]
    for kind in (Carry, Stage):
        for unit in looped:
            if isinstance(unit.unit, kind):
                return unit
    return looped[0] if looped else None


def run_in_iterations(
    run: KernelRun, books: Sequence[Book] = (), *, jump: bool = True, replayed: int = 0
) -> None:
    """Run to the end, keeping the books; the first `replayed` iterations are replayed in any case.

    Raises: HazardError, DeadlockError.
    """
    strides = strides_of(run.call.kernel)
    seen: deque[Snapshot] = deque(maxlen=LONGEST_PERIOD)
    fruitless = 0
    for iteration in _iterations(run, books):
        for book in books:
            book.begin(iteration)
        if not jump or iteration < replayed:
            continue
        fruitless += 1
        if not _is_worth_a_look(fruitless):
            continue
        now = Snapshot.of(run, iteration, strides, books)
        periods = (period_between(run, before, now, strides) for before in reversed(seen))
        period = next((period for period in periods if period is not None), None)
        if period is None:
            seen.append(now)
        else:
            move_on(run, period, books)
            seen.clear()
            fruitless = 0
    _go_on(run, books)
    run.run()


def _is_worth_a_look(fruitless: int) -> bool:
    """Whether to look for a period after so many iterations without one: only now and then after a while."""
    return fruitless < LONGEST_PERIOD or fruitless % LONGEST_PERIOD < LOOKS


def _iterations(run: KernelRun, books: Sequence[Book]) -> Iterator[int]:
    """Run from the beginning of one iteration to that of the next; their numbers, as far as there are any."""
    marker, iterations = marker_of(run), run.call.kernel.iterations
    if marker is None:
        return
    steps = steps_per_pass(marker.unit)
    while (begun := -(-marker.step // steps)) < iterations:
        _go_on(run, books, marker, begun * steps + 1)
        if marker.step <= begun * steps:
            return
        yield (marker.step - 1) // steps


def _go_on(run: KernelRun, books: Sequence[Book], marker: UnitRun | None = None, step: int = 0) -> None:
    """Run until a unit has taken `step` steps, or to the end; cycle by cycle where there are books."""
    if not books:
        run.proceed(None, marker, step)
        return
    run.proceed(run.now)
    events = run.calendar.events
    while True:
        for book in books:
            book.look()
        if not events or (marker is not None and marker.step >= step):
            return
        run.proceed(events[0][0])


def strides_of(kernel: Kernel) -> list[int]:
    """The steps of an iteration of each unit; 0 of one that runs once a call."""
    return [steps_per_pass(unit) if passes_of(unit, kernel.iterations) > 1 else 0 for unit in kernel.units]
