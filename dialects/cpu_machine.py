"""This computer as a machine: how many threads a program has, how its products are added up. No xDSL.

What it takes is measured, so there is nothing else to say of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .parameters import MachineParameters, parameter


@dataclass(frozen=True)
class CpuMachine(MachineParameters):
    """The processor that a program is compiled for and runs on: one socket."""

    threads: int = parameter(
        0,
        "threads",
        "Assumed: 0 stands for all the cores that the process may use, as one thread each does best",
        least=0,
    )
    sum_bits: int = parameter(
        64,
        "bits of a sum",
        "64 is what the reference adds products up in; with 32 sums are of f32, in any order, and not exact",
        least=32,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sum_bits not in (32, 64):
            raise ValueError(f"machine parameter sum_bits is {self.sum_bits}; it must be 32 or 64")
        if self.sockets != 1:
            raise ValueError(
                f"machine parameter sockets is {self.sockets}; this computer counts as one socket"
            )


THIS_COMPUTER = CpuMachine()
"""The default machine of this class."""
