"""What is checked of programs whose times are drawn at random."""

from __future__ import annotations

from kl.backends.sn40l.check import CHECKS
from kl.backends.sn40l.program import Program


def check_but_pace(program: Program) -> None:
    """Make all checks of a program but the one that it is no faster than its machine.

    Raises: ProgramError.
    """
    for check in CHECKS:
        if check.name != "pace":
            check.run(program)
