"""What watches a run: when its iterations begin, what each stage does in each cycle, all for a trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, zip_longest

from ..engine import KernelRun
from ..firing import InputState, OutputState, UnitRun
from ..ledger import DDR, HBM, LINKS, Fill, KernelTrace, LayerTime, Slice, StageUse, Wait

BUSY, DONE, FIRST_PORT = 0, 1, 2
"""What a stage can do, by number; from the third on: wait at that port."""


_Edge = tuple[int, int, int, int, int]
"""Where an iteration begins: its cycle; before it HBM's busy cycles, those of exchanges, HBM's bytes, and its
idle cycles for want of ids."""


class LayerObserver:
    """The iterations of a run."""

    def __init__(self, run: KernelRun):
        self._run = run
        self._begins: list[_Edge] = []
        """They are those of the iterations."""

    def layers(self) -> tuple[LayerTime, ...]:
        """The iterations of a finished run."""
        edges = [(0, 0, 0, 0, 0), *self._begins[1:], self._now()]
        differences = pairwise(edges)
        return tuple(LayerTime(*(b - a for a, b in zip(*pair, strict=True))) for pair in differences)

    def begin(self, iteration: int) -> None:
        """An iteration begins, and with it those before it that have not."""
        self._begins += [self._now()] * (iteration + 1 - len(self._begins))

    def look(self) -> None:
        """Between the iterations there is nothing to see."""

    def counts(self) -> Sequence[int]:
        """How many iterations have begun, and the edge of one that would begin now."""
        return [len(self._begins), *self._now()]

    def repeat(self, since: Sequence[int], times: int) -> None:
        """The iterations of a period follow one another as they did; the run has moved on already."""
        begun, *start = since
        period = self._begins[begun:]
        lengths = [(b - a) // (times + 1) for a, b in zip(start, self._now(), strict=True)]
        for number in range(1, times + 1):
            for begin in period:
                cycle, busy, sent, moved, named = (
                    a + number * b for a, b in zip(begin, lengths, strict=True)
                )
                self._begins.append((cycle, busy, sent, moved, named))

    def _now(self) -> _Edge:
        run, now = self._run, self._run.now
        sent, named = run.reasons.until(now)
        return now, run.hbm.busy_until(now), sent.total, run.hbm.bytes_until(now), named.total


class StageObserver:
    """The stages of a run, by cycle: busy, done, or waiting at a port."""

    def __init__(self, run: KernelRun):
        self._run = run
        self._stages = [unit for unit in run.units if unit.is_watched]
        self._cycles = [[0] * (FIRST_PORT + len(_ports(stage))) for stage in self._stages]
        self._doing = [DONE] * len(self._stages)
        self._counted = 0
        """So many cycles have been counted."""

    def stages(self) -> tuple[StageUse, ...]:
        """What they did in a finished run."""
        self._count()
        pairs = zip(self._stages, self._cycles, strict=True)
        return tuple(_use(stage, cycles) for stage, cycles in pairs)

    def begin(self, iteration: int) -> None:
        """Stages do not mind where an iteration begins."""

    def look(self) -> None:
        """A cycle is over: what each stage does from now on."""
        self._count()
        self._doing = [_doing(stage) for stage in self._stages]

    def counts(self) -> Sequence[int]:
        """All cycles up to now."""
        self._count()
        return [count for cycles in self._cycles for count in cycles]

    def repeat(self, since: Sequence[int], times: int) -> None:
        """Stages do in each period what they did in one; the run has moved on already."""
        before = iter(since)
        for cycles in self._cycles:
            for number, count in enumerate(cycles):
                cycles[number] += times * (count - next(before))
        self._counted = self._run.now

    def _count(self) -> None:
        passed = self._run.now - self._counted
        if passed:
            for cycles, doing in zip(self._cycles, self._doing, strict=True):
                cycles[doing] += passed
            self._counted = self._run.now


def _ports(stage: UnitRun) -> tuple[InputState | OutputState, ...]:
    return (*stage.inputs, *stage.outputs)


def _doing(stage: UnitRun) -> int:
    if stage.busy:
        return BUSY
    if stage.is_done:
        return DONE
    for number, port in enumerate(stage.inputs):
        if port.begin == stage.firing and port.channel.arrived < port.needed:
            return FIRST_PORT + number
    for number, port in enumerate(stage.outputs, len(stage.inputs)):
        if port.begin == stage.firing and port.channel.is_full:
            return FIRST_PORT + number
    raise AssertionError("a stage that is not busy waits for something")


def _use(run: UnitRun, cycles: Sequence[int]) -> StageUse:
    stage = run.unit
    waits = iter(cycles[FIRST_PORT:])
    inputs = tuple(_wait(port, str(port.channel.producer), waits) for port in run.inputs)
    outputs = tuple(_wait(port, str(port.channel.consumer), waits) for port in run.outputs)
    pmus = sum(port.channel.channel.pmus[1] for port in run.inputs)
    use = StageUse(
        stage.name,
        stage.location,
        stage.pcus_taken[1],
        pmus,
        run.firings,
        run.ii,
        inputs,
        outputs,
        cycles[DONE],
    )
    assert use.busy_cycles == cycles[BUSY], "a stage is busy for its II in each firing"
    return use


def _wait(port: InputState | OutputState, unit: str, cycles: Iterator[int]) -> Wait:
    return Wait(port.channel.channel.name, unit, next(cycles))


class TraceObserver:
    """All firings of the first iterations of a run and of the last one."""

    def __init__(self, run: KernelRun, iterations: int):
        self._run = run
        self._first = iterations
        self._last = run.call.kernel.iterations - 1
        self._is_on = True
        self._pipelines = [unit for unit in run.units if unit.ii]
        self._firings = [0] * len(self._pipelines)
        self._busy = [0] * len(run.servers)
        self._tokens = [0] * len(run.channels)
        """This has been seen of each pipeline, server and channel."""
        self._begun: list[Slice] = []
        """They have begun in the last cycle."""
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
            if unit.firing != self._firings[number]:
                self._firings[number] = unit.firing
                yield Slice(unit.index, unit.index, unit.firing - 1, self._run.now, unit.ii)

    def _transfers_begun(self) -> Iterator[Slice]:
        # Resident weights have no track of their own: each is read by the units that show it.
        for number, (server, track) in enumerate(zip_longest(self._run.servers, (HBM, DDR, LINKS))):
            if server.busy_cycles != self._busy[number] and server.last is not None:
                self._busy[number] = server.busy_cycles
                unit, firing = server.last
                for shown in (track, unit.index):
                    if shown is not None:
                        yield Slice(shown, unit.index, firing, self._run.now, unit.cost(firing)[0])
