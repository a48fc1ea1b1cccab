"""What can be noted of a run of a kernel: its iterations, its stages, all firings of its units."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

HBM, DDR, LINKS = -1, -2, -3
"""Tracks of a trace for the servers; those of units are their places in the kernel."""


@dataclass(frozen=True)
class LayerTime:
    """Cycles of an iteration of a kernel, from its start to the start of the next one or the end.

    The first one starts with the kernel.
    """

    cycles: int
    memory_busy: int
    """HBM transfers data."""
    collectives: int
    """HBM idles while tiles are on their way between sockets."""

    @property
    def idle(self) -> int:
        """HBM idles for any other reason: `fill`, `drain` or `exposed` in the ledger."""
        return self.cycles - self.memory_busy - self.collectives


@dataclass(frozen=True)
class Wait:
    """Cycles for which a stage waits at one of its ports, for the unit at the other end of the channel."""

    channel: str
    unit: str
    cycles: int


@dataclass(frozen=True)
class StageUse:
    """What a stage does in the cycles of a kernel: it is busy, waits, or has nothing left to do."""

    stage: str
    location: str
    pcus: int
    pmus: int
    """So many hold its input channels."""
    firings: int
    ii_cycles: int
    inputs: tuple[Wait, ...]
    """It waits for tiles, per input; where several are missing, the first one counts."""
    outputs: tuple[Wait, ...]
    """It waits for free slots, per output, with all tiles there."""
    done_cycles: int
    """They come after its last firing."""

    @property
    def busy_cycles(self) -> int:
        """In which it computes."""
        return self.firings * self.ii_cycles

    @property
    def input_wait_cycles(self) -> int:
        """In which it waits for tiles."""
        return sum(wait.cycles for wait in self.inputs)

    @property
    def output_wait_cycles(self) -> int:
        """In which it waits for free slots."""
        return sum(wait.cycles for wait in self.outputs)

    @property
    def utilisation(self) -> float:
        """Share of the kernel's cycles in which it is busy, 0 to 1."""
        return self.busy_cycles / self.cycles if self.cycles else 0.0

    @property
    def longest_wait(self) -> Wait:
        """The port where it waits longest."""
        return max((*self.inputs, *self.outputs), key=lambda wait: wait.cycles)

    @property
    def cycles(self) -> int:
        """Of the kernel."""
        return self.busy_cycles + self.input_wait_cycles + self.output_wait_cycles + self.done_cycles

    def __add__(self, other: StageUse) -> StageUse:
        return replace(
            self,
            firings=self.firings + other.firings,
            inputs=_added(self.inputs, other.inputs),
            outputs=_added(self.outputs, other.outputs),
            done_cycles=self.done_cycles + other.done_cycles,
        )


def _added(waits: tuple[Wait, ...], others: tuple[Wait, ...]) -> tuple[Wait, ...]:
    pairs = zip(waits, others, strict=True)
    return tuple(Wait(a.channel, a.unit, a.cycles + b.cycles) for a, b in pairs)


class Slice(NamedTuple):
    """A piece of time on a track of a trace: a firing of a stage, a transfer."""

    track: int
    unit: int
    """It is this unit's firing, by its place in the kernel."""
    firing: int
    start: int
    cycles: int


class Fill(NamedTuple):
    """How many tokens a channel, by its place in the kernel, holds from a cycle on."""

    channel: int
    cycle: int
    tokens: int


@dataclass(frozen=True)
class KernelTrace:
    """What units and channels do; cycles count from the start of the kernel."""

    slices: tuple[Slice, ...]
    fills: tuple[Fill, ...]
    left_out: tuple[int, int] | None
    """The first and the last iteration of which nothing is noted."""


@dataclass(frozen=True)
class Details:
    """What a run was watched for; servers are busy in so many of its cycles."""

    layers: tuple[LayerTime, ...]
    stages: tuple[StageUse, ...]
    ddr_busy_cycles: int
    link_busy_cycles: int
    trace: KernelTrace | None
