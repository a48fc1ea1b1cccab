"""How fast a stage can fire at most: formulas that passes plan with and checks hold programs to.

A stage fires again when its PCUs have computed, its inputs have come and its results have gone, each at the
rate of the units that it has: the slowest of the three is its interval. What stays the same for several
firings is read once, and what is summed over several is written once, while the others go on; both count in
the latency. Nothing here knows how a stage is written down: the IR and a program say it in their own ways.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .machine import Machine


@dataclass(frozen=True)
class Read:
    """What a firing reads at an input of its stage."""

    size_bytes: int
    pmus: int
    """The channel has so many; 0 is the input FIFO."""
    changes: bool
    """It is new in each firing; else it is read once and kept in the PCUs."""


@dataclass(frozen=True)
class Write:
    """What a stage writes at an output, in one of so many firings."""

    size_bytes: int
    pmus: int
    """The channel has so many; 0 is the input FIFO of its reader."""
    period: int


@dataclass(frozen=True)
class StagePace:
    """The fewest cycles that the parts of a stage take for a firing."""

    compute: int
    inputs: int
    """For those that are new in each firing."""
    outputs: int
    """On average over the firings of a period."""
    held: int
    """For the inputs that stay the same for several firings."""
    late: int
    """For the outputs that come once in several."""
    pipeline: int

    @property
    def interval(self) -> int:
        """Fewest cycles from one firing to the next."""
        return max(1, self.compute, self.inputs, self.outputs)

    @property
    def latency(self) -> int:
        """Fewest cycles from a firing's start to its results."""
        return max(1, self.interval + self.held + self.late + self.pipeline)

    def trouble(self, interval: int, latency: int) -> str | None:
        """What a plan with this interval and latency claims that no stage can do; None where it can."""
        if interval < self.interval:
            parts = f"inputs {self.inputs}, compute {self.compute}, outputs {self.outputs}"
            return (
                f"an II of {interval} cycles; its body and its ports take {self.interval} at least ({parts})"
            )
        if latency < self.latency:
            parts = f"II {self.interval}, held inputs {self.held}, late outputs {self.late}"
            return (
                f"a latency of {latency} cycles; its body and its ports take {self.latency} at least "
                f"({parts}, pipeline {self.pipeline})"
            )
        return None


def port_cycles(machine: Machine, size_bytes: int, pmus: int) -> int:
    """Cycles in which a channel's PMUs move so many bytes, rounded up; a FIFO moves them as one PMU does."""
    return -(-size_bytes // (max(pmus, 1) * machine.pmu_port_bytes_per_cycle))


def stage_pace(machine: Machine, compute: int, reads: Iterable[Read], writes: Iterable[Write]) -> StagePace:
    """The pace of a stage whose PCUs compute a firing in so many cycles."""
    inputs = held = outputs = late = 0
    for read in reads:
        cycles = port_cycles(machine, read.size_bytes, read.pmus)
        if read.changes:
            inputs = max(inputs, cycles)
        else:
            held = max(held, cycles)
    for write in writes:
        cycles = port_cycles(machine, write.size_bytes, write.pmus)
        outputs = max(outputs, -(-cycles // write.period))
        if write.period > 1:
            late = max(late, cycles)
    return StagePace(compute, inputs, outputs, held, late, machine.stage_latency_cycles)
