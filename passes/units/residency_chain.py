"""How long a pass through the units of a section takes, and what it waits for: a pure solver.

A unit fires as often as it makes tiles, one after another, each time as slow as the slowest of what it reads
and writes. What is the same for all firings it reads once before, what it adds up it writes once behind. A
reader that takes tiles as they come begins with the first of them, and has ended a firing after the last: so
of two units in a row one hides behind the other, but for a firing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .residency_kernels import Section, Step, Wait

MIDDLE = 0.5
"""What waits for a unit that is so far counts as waiting for its last firing, else for its first."""


@dataclass(frozen=True)
class Rhythm:
    """What the channels of a section take in a pass, by the number of the read."""

    pace: Sequence[float]
    """Cycles of a byte."""
    comes: Sequence[float]
    """Cycles in which HBM brings what is not loaded ahead, one after another, as soon as it is read."""
    ready: Sequence[int]
    """Cycles before which it cannot begin."""
    behind: float = 0.0
    """Cycles that a transfer waits for the tile that HBM is at."""


@dataclass(frozen=True)
class _Times:
    """A step: when its first and its last firing are done, and what that is made of."""

    first: float
    last: float
    beat: int
    """The read that sets its interval, as the next ones; -1 if none does."""
    held: int
    late: int
    start: Wait | None
    """What its first firing waits for."""
    end: Wait | None
    """What its last one waits for; None where that is its first one, and the interval."""

    def at(self, lead: float) -> float:
        """When it is so far."""
        return self.first + (self.last - self.first) * lead


def chain(section: Section, rhythm: Rhythm) -> tuple[float, dict[int, float]]:
    """Cycles of the longest way through the units of a section, and what of each read is on it, of 1."""
    times, brought = list[_Times](), 0.0
    for step in section.steps:
        now, brought = _times(section, step, rhythm, times, brought)
        times.append(now)
    if not times:
        return 0.0, {}
    at = max(range(len(times)), key=lambda number: times[number].last)
    return times[at].last, _on_the_way(section.steps, times, at)


def _times(
    section: Section, step: Step, rhythm: Rhythm, before: Sequence[_Times], brought: float
) -> tuple[_Times, float]:
    """A step behind others, and until when HBM has brought what it reads; `brought` is so of those before."""
    reads, firings = section.reads, step.firings
    beat = (step.interval, -1)
    held = late = (0.0, -1)
    for n in step.reads:
        took = reads[n].work * rhythm.pace[n], n
        if reads[n].is_held:
            held = max(held, took)
        else:
            beat = max(beat, (took[0] / firings, n))
    for n in step.writes:
        wrote = reads[n].written * rhythm.pace[n]
        beat = max(beat, (wrote / firings, n))
        if reads[n].is_late:
            late = max(late, (wrote, n))
    begins, start = float(max((rhythm.ready[n] for n in step.reads), default=0)), None
    for wait in step.after:
        if wait.lead is not None and (there := before[wait.step].at(wait.lead)) >= begins:
            begins, start = there, wait
    ends, end = begins + firings * beat[0], None
    for wait in step.after:
        if (there := before[wait.step].last + wait.behind * beat[0]) > ends:
            ends, end = there, wait
    for n in step.reads:
        if rhythm.comes[n] > 0:
            brought = max(brought, begins) + rhythm.comes[n]
            if brought > ends:
                ends, end, beat = brought, None, (beat[0], n)
    behind = step.cycles + held[0] + late[0] + (rhythm.behind if step.is_transfer else 0.0)
    return _Times(begins + beat[0] + behind, ends + behind, beat[1], held[1], late[1], start, end), brought


def _on_the_way(steps: Sequence[Step], times: Sequence[_Times], at: int) -> dict[int, float]:
    """What of each read lies on the way to the last firing of a step."""
    shares, is_last = dict[int, float](), True
    while True:
        now, firings = times[at], steps[at].firings
        end = now.end if is_last else None
        count = end.behind if end is not None else firings if is_last else 1
        for read, share in ((now.beat, count / firings), (now.held, 1.0), (now.late, 1.0)):
            if read >= 0:
                shares[read] = max(share, shares.get(read, 0.0))
        wait = end or now.start
        if wait is None:
            return shares
        at, is_last = wait.step, end is not None or (wait.lead or 0.0) >= MIDDLE
