"""Remarks by the pass that makes them: `--remarks` and `--remarks=REGEX`."""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..diagnostics import Diagnostic
from ..driver import remarks_of
from ..observer import Observer
from .asked import expression

Tell = Callable[[Diagnostic, str | None], None]
"""Takes a remark and the name of its pass; None for one that the input has brought."""


class FreshRemarks:
    """Knows which remarks were there before."""

    def __init__(self) -> None:
        self.seen = set[Diagnostic]()

    def of(self, module: ModuleOp) -> list[Diagnostic]:
        """Those that were not there at the last look."""
        fresh = [one for one in dict.fromkeys(remarks_of(module)) if one not in self.seen]
        self.seen.update(fresh)
        return fresh


class Remarks(Observer):
    """Tells the remarks of passes whose names match; those of the input, too, where all do."""

    def __init__(self, pattern: str, tell: Tell):
        self.pattern = expression("--remarks", pattern)
        self.tell = tell
        self.fresh = FreshRemarks()

    def begin(self, module: ModuleOp) -> None:
        for remark in self.fresh.of(module):
            if not self.pattern.pattern:
                self.tell(remark, None)

    def after(self, module_pass: ModulePass, module: ModuleOp) -> None:
        for remark in self.fresh.of(module):
            if self.pattern.search(module_pass.name):
                self.tell(remark, module_pass.name)
