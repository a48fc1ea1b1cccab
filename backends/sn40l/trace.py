"""Watch a run for its trace: which unit does what when, and how full the channels are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from .details import DDR, HBM, LINKS, Fill, KernelTrace, Slice
from .engine import KernelRun
from .pipelines import PipelineRun


class TraceBook:
    """All steps of the first iterations of a run and of the last one."""

    def __init__(self, run: KernelRun, iterations: int):
        self._run = run
        self._first = iterations
        self._last = run.call.kernel.iterations - 1
        self._is_on = True
        self._pipelines = [unit for unit in run.units if isinstance(unit, PipelineRun)]
        self._steps = [0] * len(self._pipelines)
        self._busy = [0] * len(run.servers)
        self._tokens = [0] * len(run.channels)
        """What has been seen, per pipeline, server and channel."""
        self._begun: list[Slice] = []
        """In the last cycle."""
        self._slices: list[Slice] = []
        self._fills: list[Fill] = []

    def trace(self) -> KernelTrace:
        """What has been noted."""
        left_out = (self._first, self._last - 1) if self._first < self._last else None
        return KernelTrace(tuple(self._slices), tuple(self._fills), left_out)

    def begin(self, iteration: int) -> None:
        """What begins in the same cycle as an iteration belongs to it."""
        was_on, self._is_on = self._is_on, iteration < self._first or iteration == self._last
        if self._is_on and not was_on:
            self._note()

    def look(self) -> None:
        """A cycle is over."""
        self._begun = [*self._pipelines_begun(), *self._transfers_begun()]
        if self._is_on:
            self._note()

    def counts(self) -> Sequence[int]:
        """Nothing is counted."""
        return ()

    def repeat(self, since: Sequence[int], times: int) -> None:
        """What is repeated is not noted: it is neither among the first iterations nor the last one."""
        self.look()

    def _note(self) -> None:
        now = self._run.now
        self._slices += self._begun
        for index, channel in enumerate(self._run.channels):
            tokens = channel.arrived - channel.released
            if tokens != self._tokens[index]:
                self._tokens[index] = tokens
                self._fills.append(Fill(index, now, tokens))

    def _pipelines_begun(self) -> Iterator[Slice]:
        for number, unit in enumerate(self._pipelines):
            if unit.step != self._steps[number]:
                self._steps[number] = unit.step
                yield Slice(unit.index, unit.index, unit.step - 1, self._run.now, unit.ii)

    def _transfers_begun(self) -> Iterator[Slice]:
        # Resident weights have no track of their own: each is read by the units that show it.
        for number, (server, track) in enumerate(zip_longest(self._run.servers, (HBM, DDR, LINKS))):
            if server.busy_cycles != self._busy[number] and server.last is not None:
                self._busy[number] = server.busy_cycles
                unit, step = server.last
                for shown in (track, unit.index):
                    if shown is not None:
                        yield Slice(shown, unit.index, step, self._run.now, unit.service_cycles)
