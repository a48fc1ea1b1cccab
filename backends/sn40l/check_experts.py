"""Whether what is read by ids has as many slices as there are ids to name them."""

from __future__ import annotations

from ..routing import Chooser
from .errors import require
from .program import Execute, Program
from .selections import DISTINCT, selections_of
from .units import Load


def check_experts(program: Program) -> None:
    """That each stack whose slices ids name has as many as the `nn.distinct` that they come from knows.

    Raises: ProgramError naming the kernel and the load, with both numbers.
    """
    selections = selections_of(program)
    if selections is None:
        return
    kernels = {kernel.name: kernel for kernel in program.kernels}
    names = [command.kernel for command in program.commands if isinstance(command, Execute)]
    for name, loads in zip(names, selections.calls, strict=True):
        for place, numbers in loads.items():
            load = kernels[name].units[place]
            assert isinstance(load, Load), "selections are of loads"
            assert load.index is not None, "selections are of loads by index"
            for chooser in {selections.made[number].chooser for number in numbers} - {None}:
                assert chooser is not None, "those from elsewhere are left out"
                _check_chooser(chooser, load, load.index.slices, f"kernel '{name}'", program.machine.sockets)


def _check_chooser(chooser: Chooser, load: Load, given: int, where: str, sockets: int) -> None:
    known = chooser.experts // chooser.parts
    what = f"{where}: {load} reads a stack of {given} by ids"
    require(known == given, f"{what}, {DISTINCT} gives those of {known} experts", load.location)
    what = f"{where}: {DISTINCT} has experts in {chooser.parts} runs"
    require(chooser.parts in (1, sockets), f"{what}, the machine has {sockets} sockets", load.location)
