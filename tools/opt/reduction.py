"""Reduction: the smallest module that keeps what is interesting about another one.

Runs of operations are taken out, long ones first, as delta debugging does; then single moves are tried, over
and over. The end is a module none of whose moves leads to one that is interesting, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from xdsl.dialects.builtin import ModuleOp

from .moves import moves
from .removal import Move, Removal


@dataclass
class Reduction:
    """A module as it gets smaller."""

    module: ModuleOp
    """The smallest one so far; it is replaced, not changed."""
    text: str
    """Its text, which is what is interesting."""
    as_text: Callable[[ModuleOp], str]
    """The text of a module; it raises an Exception for one that is not valid."""
    is_interesting: Callable[[str], bool]
    tests: int = 0
    """How often `is_interesting` was asked."""
    seen: set[str] = field(default_factory=set[str])
    """Texts that are not."""

    def run(self) -> None:
        """Make the module as small as the moves can."""
        self._take_out_runs()
        while self._take_single_moves():
            self._take_out_runs()

    @property
    def operations(self) -> int:
        """How many the module has, itself not counted."""
        return sum(1 for _ in self.module.walk()) - 1

    def _take_out_runs(self) -> None:
        length = self.operations // 2
        while length > 1:
            end = self.operations + 1
            while end > 1:
                start = max(1, end - length)
                self._takes(Removal(range(start, end)))
                end = start
            length //= 2

    def _take_single_moves(self) -> bool:
        """Try each move once; whether any was taken."""
        taken, number, known = False, 0, list(moves(self.module))
        while number < len(known):
            if self._takes(known[number]):
                taken, known = True, list(moves(self.module))
            else:
                number += 1
        return taken

    def _takes(self, move: Move) -> bool:
        copy = self.module.clone()
        if not move.apply(copy):
            return False
        try:
            text = self.as_text(copy)
        except Exception:  # whatever checks and prints it, other packages' code too, takes valid IR alone
            return False
        if text in self.seen:
            return False
        self.tests += 1
        if not self.is_interesting(text):
            self.seen.add(text)
            return False
        self.module, self.text = copy, text
        return True
