"""Watch a run: when its iterations begin, and what each stage does in each cycle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from .details import LayerTime, StageUse, Wait
from .engine import KernelRun
from .program import Stage
from .units import InputState, OutputState, UnitRun

BUSY, DONE, FIRST_PORT = 0, 1, 2
"""What a stage can do, by number; from the third on: wait at that port."""


class LayerBook:
    """The iterations of a run."""

    def __init__(self, run: KernelRun):
        self._run = run
        self._begins: list[tuple[int, int, int]] = []
        """Of each iteration, and HBM's busy cycles and those of collectives before it."""

    def layers(self) -> tuple[LayerTime, ...]:
        """The iterations of a finished run."""
        edges = [(0, 0, 0), *self._begins[1:], self._now()]
        differences = pairwise(edges)
        return tuple(LayerTime(*(b - a for a, b in zip(*pair, strict=True))) for pair in differences)

    def begin(self, iteration: int) -> None:
        """An iteration begins, and with it those before it that have not."""
        self._begins += [self._now()] * (iteration + 1 - len(self._begins))

    def look(self) -> None:
        """Between the iterations there is nothing to see."""

    def counts(self) -> Sequence[int]:
        """How many iterations have begun."""
        return [len(self._begins)]

    def repeat(self, since: Sequence[int], times: int) -> None:
        """The iterations of a period follow one another as they did."""
        start, *period = self._begins[since[0] - 1 :]
        lengths = [b - a for a, b in zip(start, period[-1], strict=True)]
        for number in range(1, times + 1):
            for begin in period:
                moved = (a + number * b for a, b in zip(begin, lengths, strict=True))
                self._begins.append((next(moved), next(moved), next(moved)))

    def _now(self) -> tuple[int, int, int]:
        run = self._run
        return run.now, run.hbm.busy_until(run.now), run.in_flight.total(run.now)


class StageBook:
    """The stages of a run, by cycle: busy, done, or waiting at a port."""

    def __init__(self, run: KernelRun):
        self._run = run
        self._stages = [unit for unit in run.units if isinstance(unit.unit, Stage)]
        self._cycles = [[0] * (FIRST_PORT + len(_ports(stage))) for stage in self._stages]
        self._doing = [DONE] * len(self._stages)
        self._counted = 0
        """Cycles that are in the books."""

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
        if port.begin == stage.step and port.channel.arrived < port.needed:
            return FIRST_PORT + number
    for number, port in enumerate(stage.outputs, len(stage.inputs)):
        if port.begin == stage.step and port.channel.is_full:
            return FIRST_PORT + number
    raise AssertionError("a stage that is not busy waits for something")


def _use(run: UnitRun, cycles: Sequence[int]) -> StageUse:
    stage = run.unit
    assert isinstance(stage, Stage), "only stages are watched"
    waits = iter(cycles[FIRST_PORT:])
    inputs = tuple(_wait(port, str(port.channel.producer), waits) for port in run.inputs)
    outputs = tuple(_wait(port, str(port.channel.consumer), waits) for port in run.outputs)
    pmus = sum(port.channel.channel.pmus[1] for port in run.inputs)
    use = StageUse(
        stage.name,
        stage.location,
        stage.pcus[1],
        pmus,
        run.steps,
        stage.ii_cycles,
        inputs,
        outputs,
        cycles[DONE],
    )
    assert use.busy_cycles == cycles[BUSY], "a stage is busy for its II in each firing"
    return use


def _wait(port: InputState | OutputState, unit: str, cycles: Iterator[int]) -> Wait:
    return Wait(port.channel.channel.name, unit, next(cycles))
