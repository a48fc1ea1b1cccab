"""Run a kernel in time only, without replaying iterations that are like the ones before.

At the beginning of each iteration the state of the run is compared with those of some iterations before, of
the same decode step, and at the beginning of each step with those of some steps before. If it is the same,
relative to the cycle and the iteration, what came between happens again and again, and the run moves on by as
many such periods as no end effect reaches; from there on it goes event by event again. Cycles and counts are
those of the full replay, to the last one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from .engine import KernelRun
from .period import period_between
from .shift import move_on
from .snapshot import Book, Snapshot
from .stretch import Marker, Stretch
from .units import UnitRun

LONGEST_PERIOD = 16
"""Laps between states that are compared; longer periods are replayed."""

LOOKS = 4
"""Of as many iterations, those that are looked at after a while without a period; the others cost nothing."""


def run_in_iterations(
    run: KernelRun, books: Sequence[Book] = (), *, jump: bool = True, replayed: int = 0
) -> None:
    """Run to the end, keeping the books; the first `replayed` iterations are replayed in any case.

    Raises: HazardError, DeadlockError.
    """
    kernel = run.call.kernel
    length = kernel.iterations_per_step
    steps, layers = _Search(Stretch.of_steps(kernel)), _Search(Stretch.of(kernel, 0))
    for iteration in _iterations(run, books):
        for book in books:
            book.begin(iteration)
        if not jump or iteration < replayed:
            continue
        step, number = divmod(iteration, length)
        if number == 0 and step > 0 and steps.move_on(run, step, books):
            continue
        if iteration >= layers.stretch.end:
            layers = _Search(Stretch.of(kernel, step))
        layers.move_on(run, iteration, books)
    _go_on(run, books)
    run.run()


class _Search:
    """The search for a period among the laps of a stretch."""

    def __init__(self, stretch: Stretch):
        self.stretch = stretch
        self._seen: deque[Snapshot] = deque(maxlen=LONGEST_PERIOD)
        """The states at the beginnings of laps."""
        self._fruitless = 0
        """Laps since the last period."""

    def move_on(self, run: KernelRun, lap: int, books: Sequence[Book]) -> bool:
        """Let a run that begins a lap move on by all periods that it can; whether there are any."""
        self._fruitless += 1
        if not _is_worth_a_look(self._fruitless):
            return False
        now = Snapshot.of(run, lap, self.stretch.strides, books)
        periods = (period_between(run, before, now, self.stretch) for before in reversed(self._seen))
        period = next((period for period in periods if period is not None), None)
        if period is None:
            self._seen.append(now)
            return False
        move_on(run, period, books)
        self._seen.clear()
        self._fruitless = 0
        return True


def _is_worth_a_look(fruitless: int) -> bool:
    """Whether to look for a period after so many iterations without one: only now and then after a while."""
    return fruitless < LONGEST_PERIOD or fruitless % LONGEST_PERIOD < LOOKS


def _iterations(run: KernelRun, books: Sequence[Book]) -> Iterator[int]:
    """Run from the beginning of one iteration to that of the next; their numbers, as far as there are any."""
    marker, iterations = Marker.of(run), run.call.kernel.iterations
    if marker is None:
        return
    while (begun := marker.begun()) < iterations:
        first = marker.step_of(begun)
        _go_on(run, books, marker.run, first + 1)
        if marker.run.step <= first:
            return
        yield marker.begun() - 1


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
