"""Where the time goes: every cycle of a step belongs to one entry; and the roofline, the least it can be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import add

from ...dialects.machine import Machine
from .details import Details
from .errors import RoofError


@dataclass(frozen=True)
class Ledger:
    """Cycles by what happens in them; they sum to the whole time, to the cycle."""

    memory_busy: int = 0
    """HBM transfers data."""
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

    @property
    def total(self) -> int:
        """The whole time."""
        return self.memory_busy + self.launch + self.fill + self.drain + self.exposed + self.collectives

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


@dataclass(frozen=True)
class KernelTiming:
    """What one execution of a kernel takes, without its launch."""

    cycles: int
    ledger: Ledger
    traffic: Traffic
    flops: int
    details: Details | None = None


@dataclass(frozen=True)
class Idle:
    """Cycles in which HBM idles: before it is used first, between uses, after the last one."""

    before: int = 0
    between: int = 0
    after: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.before + self.between + self.after


def split(
    cycles: int, first_busy: int | None, last_busy: int, busy: int, collectives: Idle | None = None
) -> Ledger:
    """The ledger of a kernel that took `cycles` and used HBM for `busy` from `first_busy` to `last_busy`.

    `collectives` are the idle cycles in which tiles are on their way between sockets.
    """
    part = Idle() if collectives is None else collectives
    if first_busy is None:
        return Ledger(exposed=cycles - part.total, collectives=part.total)
    return Ledger(
        memory_busy=busy,
        fill=first_busy - part.before,
        drain=cycles - last_busy - part.after,
        exposed=last_busy - first_busy - busy - part.between,
        collectives=part.total,
    )


def roofline_cycles(machine: Machine, traffic: Traffic, flops: int) -> int:
    """Fewest cycles for the bytes that a program's streams ask for or send and the FLOPs of its stages.

    HBM, DDR, the ports of all PMUs, links and PCUs each at their peak, at the same time, without start or
    end; rounded down. The bytes are those of the program as it stands: a tile that is read twice counts
    twice, the gaps inside short memory requests do not count.
    """
    return max(
        machine.hbm_roof_cycles(traffic.hbm),
        traffic.ddr * machine.clock_hz // machine.ddr_bandwidth,
        traffic.sram_read // (machine.pmus * machine.pmu_port_bytes_per_cycle),
        traffic.link_sent * machine.clock_hz // machine.p2p_bandwidth,
        machine.compute_roof_cycles(flops),
    )


def check_roof(what: str, cycles: int, roof: int) -> None:
    """Raises: RoofError if a time is below the roofline."""
    if cycles < roof:
        raise RoofError(f"{what} takes {cycles} cycles, the roofline of its bytes and FLOPs is {roof} cycles")
