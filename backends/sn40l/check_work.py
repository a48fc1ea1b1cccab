"""Whether units do the work that they say, and none for nothing."""

from __future__ import annotations

from .errors import ProgramError, require
from .kernel import Kernel
from .program import Program
from .units.body import check_read
from .units.collective import Collective
from .units.stage import Stage


def check_work(program: Program) -> None:
    """That the FLOPs of each stage are those of its instructions, and that all that units make is needed.

    A stage with operations of another package, whose work nobody knows without it, has those of ours at
    least.

    Raises: ProgramError naming the unit.
    """
    for kernel in program.kernels:
        for unit in kernel.units:
            try:
                if isinstance(unit, Stage):
                    _check_stage(unit)
                elif isinstance(unit, Collective):
                    _check_exchange(kernel, unit, program.machine.sockets)
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


def _check_exchange(kernel: Kernel, exchange: Collective, sockets: int) -> None:
    """That an exchange whose result each socket has already is none: it would be the one of another kind."""
    same = kernel.channels[exchange.source].tile == kernel.channels[exchange.channels[0]].tile
    gathers = exchange.operation != "all_reduce"
    require(not (gathers and same) or sockets == 1, f"it gathers 1 part of {sockets} sockets, which is whole")
