"""Whether stages work out nothing in vain: a value that nobody uses is one that should have been."""

from __future__ import annotations

from .errors import require
from .kernel import Kernel
from .program import Program
from .units.stage import Stage


def check_bodies(program: Program) -> None:
    """That each input, state and result of a stage's body is used by what it puts out, and no state stays
    what it is.

    Raises: ProgramError naming the kernel, the stage and the value.
    """
    for kernel in program.kernels:
        for unit in kernel.units:
            if isinstance(unit, Stage):
                _check_body(kernel, unit)


def _check_body(kernel: Kernel, stage: Stage) -> None:
    where, inputs, states = f"kernel '{kernel.name}': {stage}", len(stage.inputs), len(stage.states)
    for number, following in enumerate(stage.next_states, start=inputs):
        require(following != number, f"{where}: state {number} never changes", stage.location)
    used = _used(stage)
    for number in range(inputs + states + len(stage.body)):
        if number not in used:
            what = "input" if number < inputs else "state" if number < inputs + states else "result"
            if what == "result":
                what += f" of {stage.body[number - inputs - states].operation}"
            require(False, f"{where}: value {number}, {what}, is used by nothing", stage.location)


def _used(stage: Stage) -> set[int]:
    """The values that an output needs, in this firing or in one that follows."""
    inputs, states = len(stage.inputs), len(stage.states)
    waiting, used = [port.value for port in stage.outputs], set[int]()
    while waiting:
        number = waiting.pop()
        if number in used:
            continue
        used.add(number)
        if number >= inputs + states:
            waiting += stage.body[number - inputs - states].operands
        elif number >= inputs:
            waiting.append(stage.next_states[number - inputs])
    return used
