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
    written: float = 0.0
    """Bytes of a pass that take as long at a PMU's port as its producer writes there."""


@dataclass(frozen=True)
class Step:
    """A unit of the chain."""

    cycles: float
    """What a pass takes beside reading."""
    reads: tuple[int, ...] = ()
    """Numbers of the section's reads."""
    after: tuple[int, ...] = ()
    """Numbers of the steps that it waits for, all smaller than its own."""
    writes: tuple[int, ...] = ()
    """Numbers of the section's reads whose channels it fills."""


@dataclass(frozen=True)
class Section:
    """What runs equally often in a kernel."""

    passes: int
    """Of all calls of a step, or of a call of several steps."""
    reads: tuple[Read, ...] = ()
    steps: tuple[Step, ...] = ()
    is_once: bool = False
    """Whether it runs once a call around loops, so that HBM has nothing to load ahead."""


@dataclass(frozen=True)
class Kernel:
    """A network: its sections, one after another."""

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
