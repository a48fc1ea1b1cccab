"""How much a search for loops may look at before it ends with what it has found."""

from __future__ import annotations

from dataclasses import dataclass

BASE = 500_000
PER_OPERAND = 30
"""Assumed: a few seconds in all. Models look at less than 4,000 operands, and at each one a few times."""
PER_TRIED_OPERATION = 200
"""What it takes to ask whether a loop fits the machine, for each operation in it, in operands looked at.

Measured: a millisecond, where an operand takes five microseconds.
"""


@dataclass
class Effort:
    """What a search has spent, in operands looked at, and what it may."""

    operands: int = 0
    """Of all calls of the schedule."""
    spent: int = 0

    @property
    def limit(self) -> int:
        """It grows with the schedule, so that compile time grows no faster."""
        return BASE + PER_OPERAND * self.operands

    @property
    def is_over(self) -> bool:
        """Whether no more is looked at."""
        return self.spent >= self.limit

    @property
    def reason(self) -> str:
        """Why no more is looked at, in words."""
        return f"the search for loops ends after {self.limit} operands of calls; nothing more is tried"

    def try_operations(self, number: int) -> None:
        """So many operations are asked about."""
        self.spent += PER_TRIED_OPERATION * number
