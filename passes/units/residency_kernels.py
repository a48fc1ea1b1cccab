"""What the model of `residency.py` knows of kernels: their units in order, and the channels they read."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Read:
    """A channel that a unit reads in each pass."""

    pmus: int
    """Fewest that hold it where it is no resident weight; 0 for one in a FIFO."""
    work: float
    """Bytes of a pass that take as long at a PMU's port as reading and computing take there."""
    streamed_bytes: int = 0
    """Bytes of a pass that HBM brings; 0 where a stage makes them."""
    weight: int | None = None
    """The candidate that it streams, whose PMUs are the channel if it stays."""
    tile_bytes: int = 0
    """Of a tile that HBM brings."""
    written: float = 0.0
    """Bytes of a pass that take as long at a PMU's port as its producer writes there."""
    is_held: bool = False
    """Whether it is read once a pass and kept in the PCUs, for all firings of its reader."""
    is_late: bool = False
    """Whether its producer adds up what it writes, and writes it once, when all is done."""


@dataclass(frozen=True)
class Wait:
    """How a unit waits for one before it."""

    step: int
    """The number of its step, smaller than that of the one that waits."""
    lead: float | None = 1.0
    """How far it is when the first firing may begin: 0 when its own first is done, 1 when its last is; None
    if only later ones wait."""
    behind: int = 1
    """Firings that its last one has to be done for."""


@dataclass(frozen=True)
class Step:
    """A unit of the chain."""

    cycles: float
    """From when a firing has read until what it makes is there."""
    reads: tuple[int, ...] = ()
    """Numbers of the section's reads."""
    after: tuple[Wait, ...] = ()
    """The units that it waits for."""
    writes: tuple[int, ...] = ()
    """Numbers of the section's reads whose channels it fills."""
    firings: int = 1
    """Of a pass."""
    interval: float = 0.0
    """Cycles from one to the next at least."""
    is_transfer: bool = False
    """Whether HBM does it, behind the tile that it is at."""


@dataclass(frozen=True)
class Section:
    """What runs equally often in a kernel."""

    passes: int
    """Of all calls of a step, or of a call of several steps."""
    reads: tuple[Read, ...] = ()
    steps: tuple[Step, ...] = ()
    is_once: bool = False
    """Whether it runs once a call around loops, so that HBM has nothing to load ahead."""
    rounds: int = 1
    """How often it begins anew behind others, while which streams are loaded ahead."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """A network: its sections, one after another. It is equal to itself alone."""

    sections: tuple[Section, ...]
    stages: tuple[int | None, ...] = ()
    """The stages, each with the candidate beside whose PMUs it has its PCUs if that stays."""
    other_bytes: int = 0
    """Bytes from and to HBM in all passes that no read of a section counts."""
    is_looped: bool = True
    """Whether streams load ahead; without loops their first tiles come a latency after a call has begun."""

    @cached_property
    def reads(self) -> tuple[Read, ...]:
        """The reads of all sections."""
        return tuple(read for section in self.sections for read in section.reads)

    @cached_property
    def weights(self) -> tuple[int, ...]:
        """The candidates among them, by their number."""
        return tuple(sorted({read.weight for read in self.reads if read.weight is not None}))

    @cached_property
    def counted(self) -> tuple[tuple[Read, float], ...]:
        """The same, each with its work in all passes: reading or writing, what takes longer."""
        return tuple(
            (one, max(one.work, one.written) * section.passes)
            for section in self.sections
            for one in section.reads
        )

    def needed(self, kept: Set[int]) -> int:
        """Fewest places beside the weights that stay: each has a PMU, and a PCU for one stage."""
        stages = sum(weight is None or weight not in kept for weight in self.stages)
        return max(sum(read.pmus for read in self.reads if read.weight not in kept), stages)
