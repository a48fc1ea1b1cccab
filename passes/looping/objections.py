"""What speaks against a loop that is right: that the machine or the passes to come cannot build it."""

from __future__ import annotations

from collections.abc import Collection

from xdsl.ir import SSAValue
from xdsl.utils.exceptions import PassFailedException

from ...dialects.kernel import FuncOp
from ...dialects.machine import Machine
from ...dialects.nn import size_bytes_of
from ..memory.layout import ALIGNMENT
from ..units.fit import footprint
from .call_arguments import Gathered, describe
from .kernel_memory import Root, root_of
from .run_scan import Run


def machine_trouble(func: FuncOp, machine: Machine) -> str | None:
    """Why a looped kernel has no form as a network of stages, or does not fit the machine.

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


def stack_trouble(run: Run, stacked: Collection[Root]) -> str | None:
    """Why the weights and states that a loop gathers cannot stand one behind another in memory.

    `stacked` holds those that stand in stacks already.
    """
    found = set(stacked)
    for parts in gathered_parts(run):
        if size_bytes_of(parts[0]) % ALIGNMENT:
            return (
                f"{describe(parts[0])} and the like have {size_bytes_of(parts[0])} bytes, no multiple of "
                f"{ALIGNMENT}, and cannot stand at a constant stride; declare one stacked weight"
            )
        for part in parts:
            if root_of(part) in found:
                return f"{describe(part)} would stand in two stacks; it has one place in memory"
        found |= set(map(root_of, parts))
    return None


def gathered_parts(run: Run) -> list[tuple[SSAValue, ...]]:
    """The stacks that a loop gathers, each once."""
    arguments = dict.fromkeys(argument for row in run.arguments for argument in row)
    return [argument.parts for argument in arguments if isinstance(argument, Gathered)]


def _size(size_bytes: int) -> str:
    if size_bytes < 1024 * 1024:
        return f"{size_bytes} bytes"
    return f"{size_bytes / 1024**2:.1f} MiB"
