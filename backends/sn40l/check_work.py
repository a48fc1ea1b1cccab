"""Whether stages do the work that they say."""

from __future__ import annotations

from .errors import require
from .kernel import Kernel
from .program import Program
from .units.stage import Stage


def check_work(program: Program) -> None:
    """That the FLOPs of each stage are those of its instructions.

    A stage with operations of another package, whose work nobody knows without it, has those of ours at
    least.

    Raises: ProgramError naming the stage.
    """
    for kernel in program.kernels:
        for unit in kernel.units:
            if isinstance(unit, Stage):
                _check_work(kernel, unit)


def _check_work(kernel: Kernel, stage: Stage) -> None:
    work = stage.derived_work()
    for given, derived, what in (
        (stage.flops, work.flops, "FLOPs"),
        (stage.wide_flops, work.wide_flops, "FLOPs of wide products"),
    ):
        fits = given == derived if work.is_all else given >= derived
        least = "" if work.is_all else " or more, as some are of other packages"
        said = f"kernel '{kernel.name}': {stage} says {given} {what} a firing"
        require(fits, f"{said}, its instructions do {derived}{least}", stage.location)
