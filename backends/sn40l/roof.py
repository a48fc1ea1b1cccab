"""The roofline: the time below which no program of a machine can be."""

from __future__ import annotations

from ...dialects.machine import Machine
from .errors import RoofError
from .ledger import Traffic


def ddr_cycles(machine: Machine, size_bytes: int) -> int:
    """Cycles for which a transfer occupies the DDR of a socket, rounded up."""
    return -(-size_bytes * machine.clock_hz // machine.ddr_bandwidth)


def sram_cycles(machine: Machine, size_bytes: int, pmus: int) -> int:
    """Cycles for which a transfer occupies the read ports of the PMUs that hold a weight, rounded up."""
    return -(-size_bytes // (pmus * machine.pmu_port_bytes_per_cycle))


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
