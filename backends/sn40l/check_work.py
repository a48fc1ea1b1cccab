"""Whether stages do the work that they say, and none for nothing."""

from __future__ import annotations

from .errors import ProgramError, require
from .program import Program
from .units.body import check_read
from .units.stage import Stage


def check_work(program: Program) -> None:
    """That the FLOPs of each stage are those of its instructions, and that all that it computes is put out.

    A stage with operations of another package, whose work nobody knows without it, has those of ours at
    least.

    Raises: ProgramError naming the stage.
    """
    for kernel in program.kernels:
        for unit in kernel.units:
            if isinstance(unit, Stage):
                try:
                    _check_stage(unit)
                except ProgramError as error:
                    message = f"kernel '{kernel.name}': {unit}: {error.message}"
                    raise ProgramError(message, unit.location) from None


def _check_stage(stage: Stage) -> None:
    work = stage.derived_work()
    for given, derived, what in (
        (stage.flops, work.flops, "FLOPs"),
        (stage.wide_flops, work.wide_flops, "FLOPs of wide products"),
    ):
        fits = given == derived if work.is_all else given >= derived
        least = "" if work.is_all else " or more, as some are of other packages"
        require(fits, f"it says {given} {what} a firing, its instructions do {derived}{least}")
    outputs = [port.value for port in stage.outputs]
    check_read(len(stage.inputs), stage.body, outputs, stage.next_states)
