"""The roofline: the least that a program can take, and the check that none takes less."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Literal

from ...dialects.machine import Machine
from .errors import RoofError
from .ledger import Traffic

Part = Literal["HBM", "SRAM", "PCUs", "DDR", "links"]
"""What of a machine can set a bound; where two do, the first of them is named."""


def roofline_cycles(
    machine: Machine, traffic: Traffic, flops: int, wide_flops: int = 0, *, attainable: bool = False
) -> int:
    """Fewest cycles for the bytes that a program's streams ask for or send and the FLOPs of its stages.

    Of the FLOPs, the wide ones are products of numbers of 32 bits or more, which have a peak of their own.
    HBM, DDR, the ports of all PMUs, links and PCUs each at their peak, at the same time, without start or
    end; rounded down, as `roofline_time` is not. The bytes are those of the program as it stands: a tile that
    is read twice counts twice, the gaps inside short memory requests do not count. What is attainable has HBM
    at the share of its bandwidth that streams reach, `hbm_efficiency_permille`, and all else the same.
    """
    return floor(roofline_time(machine, traffic, flops, wide_flops, attainable=attainable))


def roofline_time(
    machine: Machine, traffic: Traffic, flops: int, wide_flops: int = 0, *, attainable: bool = False
) -> Fraction:
    """The same as an exact number of cycles; 0 only where nothing is moved and nothing computed."""
    return max(_cycles(machine, traffic, flops, wide_flops, attainable=attainable).values())


def limit(
    machine: Machine, traffic: Traffic, flops: int, wide_flops: int = 0, *, attainable: bool = False
) -> Part:
    """The part of the machine that sets the roofline, or what is attainable."""
    cycles = _cycles(machine, traffic, flops, wide_flops, attainable=attainable)
    return max(cycles, key=lambda part: cycles[part])


def _cycles(
    machine: Machine, traffic: Traffic, flops: int, wide_flops: int, *, attainable: bool
) -> dict[Part, Fraction]:
    """How long each part takes at its peak, in cycles."""
    reached = machine.hbm_efficiency_permille if attainable else 1000
    return {
        "HBM": Fraction(traffic.hbm * machine.clock_hz * 1000, machine.hbm_bandwidth * reached),
        "SRAM": Fraction(traffic.sram_read, machine.pmus * machine.pmu_port_bytes_per_cycle),
        "PCUs": machine.compute_roof_cycles(flops, wide_flops),
        "DDR": Fraction(traffic.ddr * machine.clock_hz, machine.ddr_bandwidth),
        "links": Fraction(traffic.link_sent * machine.clock_hz, machine.p2p_bandwidth),
    }


def check_roof(what: str, cycles: int, roof: int) -> None:
    """Raises: RoofError if a time is below the roofline."""
    if cycles < roof:
        raise RoofError(f"{what} takes {cycles} cycles, the roofline of its bytes and FLOPs is {roof} cycles")
