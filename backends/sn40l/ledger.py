"""What a run of a kernel takes, and what can be noted of it.

The ledger: every cycle belongs to one entry. The details: its iterations, its stages, all firings of its
units. The spans: when its memories, links and stages are busy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from operator import add
from typing import NamedTuple, TypeVar

from ..intervals import Span
from .idling import Idle

HBM, DDR, LINKS = -1, -2, -3
"""Tracks of a trace for the servers; those of units are their places in the kernel."""


@dataclass(frozen=True)
class Ledger:
    """Cycles by what happens in them; they sum to the whole time, to the cycle."""

    memory_full_rate: int = 0
    """HBM would transfer what is asked for so long at its full bandwidth, rounded down per call."""
    memory_below_full_rate: int = 0
    """HBM transfers for so much longer: streams do not reach its bandwidth, short requests have gaps."""
    launch: int = 0
    """Commands run: program and argument loads, starts with their synchronisation, the host's reads."""
    fill: int = 0
    """A kernel runs and has not used HBM yet."""
    drain: int = 0
    """A kernel runs and does not use HBM any more."""
    exposed: int = 0
    """HBM idles in between: compute or a dependence takes longer; all the time of a kernel without HBM."""
    collectives: int = 0
    """HBM idles, at whatever time of a kernel, while tiles are on their way between sockets."""
    router: int = 0
    """HBM idles besides while a load has room for the next slices of a stack and waits for their ids."""

    @property
    def memory_busy(self) -> int:
        """HBM transfers data."""
        return self.memory_full_rate + self.memory_below_full_rate

    @property
    def total(self) -> int:
        """The whole time."""
        return sum(vars(self).values())

    def __add__(self, other: Ledger) -> Ledger:
        return Ledger(*map(add, vars(self).values(), vars(other).values()))


@dataclass(frozen=True)
class Traffic:
    """Bytes that a socket's streams ask for, by memory and direction, and that it sends to others."""

    hbm_read: int = 0
    hbm_written: int = 0
    ddr_read: int = 0
    ddr_written: int = 0
    link_sent: int = 0
    sram_read: int = 0
    """These are bytes of resident weights."""

    @property
    def hbm(self) -> int:
        """Bytes from and to HBM."""
        return self.hbm_read + self.hbm_written

    @property
    def ddr(self) -> int:
        """Bytes from and to DDR."""
        return self.ddr_read + self.ddr_written

    @property
    def without_resident_weights(self) -> Traffic:
        """The same if no weight were resident: HBM brings what comes from SRAM."""
        return replace(self, hbm_read=self.hbm_read + self.sram_read, sram_read=0)

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(*map(add, vars(self).values(), vars(other).values()))


Counts = TypeVar("Counts", Ledger, Traffic)


def summed(kind: type[Counts], parts: Iterable[Counts]) -> Counts:
    """The sum of many, number by number, without one for each on the way."""
    return kind(*map(sum, zip(*(vars(part).values() for part in parts), strict=True)))


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
    hbm_bytes: int
    """HBM transfers so many of those that are asked for; of a transfer at an edge, its share."""
    router: int = 0
    """HBM idles besides while a load waits for ids."""

    @property
    def idle(self) -> int:
        """HBM idles for any other reason: `fill`, `drain` or `exposed` in the ledger."""
        return self.cycles - self.memory_busy - self.collectives - self.router


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


@dataclass(frozen=True)
class BusySpans:
    """When what a kernel has is busy, from the begin of its run on."""

    hbm: tuple[Span, ...]
    ddr: tuple[Span, ...]
    links: tuple[Span, ...]
    stages: tuple[tuple[str, tuple[Span, ...]], ...] = ()
    """By name, in program order."""


@dataclass(frozen=True)
class Made:
    """What a call has made that rows have ended early in, at a stop token."""

    steps: int
    tokens: int
    """Of rows that were not done when their step began."""


@dataclass(frozen=True)
class KernelTiming:
    """What one execution of a kernel takes, without its launch."""

    cycles: int
    ledger: Ledger
    traffic: Traffic
    flops: int
    details: Details | None = None
    made: Made | None = None
    """None where it is all that the kernel can make."""
    busy: BusySpans | None = None
    wide_flops: int = 0
    """Of the FLOPs, those of products of numbers of 32 bits or more."""


def split(
    cycles: int,
    first_busy: int | None,
    last_busy: int,
    busy: int,
    full_rate: int,
    collectives: Idle | None = None,
    router: Idle | None = None,
) -> Ledger:
    """The ledger of a kernel that took `cycles` and used HBM for `busy` from `first_busy` to `last_busy`.

    At its full bandwidth that would have taken `full_rate`. `collectives` are the idle cycles in which tiles
    are on their way between sockets, `router` others in which loads wait for ids.
    """
    sent, named = collectives or Idle(), router or Idle()
    part = sent + named
    if first_busy is None:
        return Ledger(exposed=cycles - part.total, collectives=sent.total, router=named.total)
    full = min(busy, full_rate)
    return Ledger(
        memory_full_rate=full,
        memory_below_full_rate=busy - full,
        fill=first_busy - part.before,
        drain=cycles - last_busy - part.after,
        exposed=last_busy - first_busy - busy - part.between,
        collectives=sent.total,
        router=named.total,
    )
