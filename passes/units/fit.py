"""Whether a kernel fits the machine: a trial of the passes to come, on a copy, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from ...dialects import dataflow, kernel
from ...dialects.machine import Machine
from ...dialects.rdu import set_machine
from .. import load_pass
from .traffic import network_pmus

TRIAL = ("convert-kernel-to-dataflow", "tile-stages")
"""The passes that make the units which are counted."""


@dataclass(frozen=True)
class Footprint:
    """Fewest units of a kernel: PMUs that hold its channels, and a PCU per stage."""

    pmus: int
    pcus: int


def footprint(func: kernel.FuncOp, machine: Machine) -> Footprint:
    """What `allocate-units` will need for a kernel.

    Raises: PassFailedException where the kernel has no form as a network.
    """
    trial = ModuleOp([func.clone()])
    set_machine(trial, machine)
    for name in TRIAL:
        load_pass(name)().apply(Context(), trial)
    (network,) = trial.ops
    assert isinstance(network, dataflow.KernelOp), "the trial makes networks of kernels"
    stages = sum(isinstance(unit, dataflow.StageOp) for unit in network.units())
    return Footprint(network_pmus(network, machine), stages)


def shortage(func: kernel.FuncOp, machine: Machine) -> str | None:
    """Why a looped kernel has no form as a network of stages, or does not fit the machine; None if it does.

    The tiles of the next iteration must find room beside those of this one.
    """
    try:
        needed = footprint(func, machine)
    except PassFailedException as error:
        return str(error)
    if needed.pmus > machine.pmus:
        sram_bytes = needed.pmus * machine.pmu_bytes
        return (
            f"with the tiles of the next iteration they need {_size(sram_bytes)} of SRAM, the machine has "
            f"{_size(machine.sram_bytes)}; raise pmus or pmu_bytes, or exclude the kernel"
        )
    if needed.pcus > machine.pcus:
        return f"together they have {needed.pcus} stages, the machine has {machine.pcus} PCUs; raise pcus"
    return None


def _size(size_bytes: int) -> str:
    if size_bytes < 1024 * 1024:
        return f"{size_bytes} bytes"
    return f"{size_bytes / 1024**2:.1f} MiB"
