"""When servers and stages of a run are busy: what was replayed as it was, the rest as repetition."""

from __future__ import annotations

from collections.abc import Sequence

from ...intervals import Span
from ...spans import compressed, end_of, moved, tiled
from ..engine import KernelRun
from ..ledger import BusySpans


class BusyTime:
    """The pieces of time in which something is busy; those that touch are one."""

    def __init__(self) -> None:
        self._done: list[Span] = []
        self._begin = 0
        self._end = 0
        """The last piece, from `_begin` on; it grows when another one follows at once."""

    def add(self, start: int, cycles: int) -> None:
        """It is busy once more, later than ever before."""
        if start != self._end:
            self._close()
            self._begin = start
        self._end = start + cycles

    def spans(self) -> tuple[Span, ...]:
        """All of it."""
        self._close()
        return compressed(self._done)

    def repeat(self, begin: int, end: int, times: int) -> None:
        """What it did from one cycle to before another it does again `times` times, one behind the other.

        What goes on at the end goes on behind the last of them.
        """
        rest = self._end - end
        self._end = min(self._end, end)
        pieces = self._since(begin)
        if pieces:
            self._again(pieces, begin, end, times)
        if rest > 0:
            self.add(end + times * (end - begin), rest)

    def _again(self, pieces: Sequence[Span], begin: int, end: int, times: int) -> None:
        period, first, last = end - begin, pieces[0], pieces[-1]
        if first.start == begin and first.cycles == period:
            self.add(end, times * period)
            return
        if first.start > begin or end_of(last) < end or first.count > 1 or last.count > 1:
            self._close()
            self._done += (one for span in pieces for one in tiled(moved(span, period), period, times))
            return
        # What is busy at the end of a period goes on at the begin of the next one.
        self.add(end, first.cycles)
        self._close()
        self._done += (one for span in pieces[1:-1] for one in tiled(moved(span, period), period, times))
        if times > 1:
            joint = Span(last.start + period, last.cycles + first.cycles)
            self._done += tiled(joint, period, times - 1)
        self.add(last.start + times * period, last.cycles)

    def _since(self, begin: int) -> list[Span]:
        """What there is from a cycle on, in the order of starts."""
        last = [Span(self._begin, self._end - self._begin)] if self._begin < self._end else []
        found = (span for span in (*self._done, *last) if end_of(span) > begin)
        return sorted((_from(begin, span) for span in found), key=lambda span: span.start)

    def _close(self) -> None:
        if self._begin < self._end:
            self._done.append(Span(self._begin, self._end - self._begin))
        self._begin = self._end


def _from(begin: int, span: Span) -> Span:
    """What is left of a piece that began before a cycle; repetitions never do."""
    return span if span.start >= begin else Span(begin, end_of(span) - begin)


class BusyObserver:
    """When memories and links are busy, and stages where they are watched, too."""

    def __init__(self, run: KernelRun, *, stages: bool):
        self._run = run
        self._servers = [(server, BusyTime()) for server in (run.hbm, run.ddr, run.link)]
        watched = [unit for unit in run.units if unit.is_watched] if stages else []
        self._stages = [(unit, BusyTime()) for unit in watched]
        self._busy = [0] * len(self._servers)
        self._fired = [0] * len(self._stages)
        """So much has been seen of each."""

    def spans(self) -> BusySpans:
        """Those of a finished run."""
        hbm, ddr, links = (time.spans() for _, time in self._servers)
        return BusySpans(
            hbm, ddr, links, tuple((unit.unit.name, time.spans()) for unit, time in self._stages)
        )

    def begin(self, iteration: int) -> None:
        """It does not mind where an iteration begins."""

    def look(self) -> None:
        """A cycle is over, in which a server has begun one transfer at most, and a stage one firing."""
        for number, (server, time) in enumerate(self._servers):
            if more := server.busy_cycles - self._busy[number]:
                time.add(server.free_at - more, more)
                self._busy[number] = server.busy_cycles
        for number, (unit, time) in enumerate(self._stages):
            if unit.firing != self._fired[number]:
                time.add(self._run.now, unit.ii)
                self._fired[number] = unit.firing

    def counts(self) -> Sequence[int]:
        """The cycle."""
        return (self._run.now,)

    def repeat(self, since: Sequence[int], times: int) -> None:
        """All did in each period what they did in one; the run has moved on already."""
        (begin,) = since
        end = begin + (self._run.now - begin) // (times + 1)
        for _, time in (*self._servers, *self._stages):
            time.repeat(begin, end, times)
        self._busy = [server.busy_cycles for server, _ in self._servers]
        self._fired = [unit.firing for unit, _ in self._stages]
