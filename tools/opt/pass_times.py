"""Where the time goes: `--time-passes` as a table."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..observer import OUTPUT, PARSE, VERIFICATION, Observer
from ..terminal import print_table


class PassTimes(Observer):
    """Adds up seconds: of each pass by its place in the pipeline, over all pieces of the input."""

    def __init__(self) -> None:
        self.passes = defaultdict[tuple[int, str], float](float)
        self.others = defaultdict[str, float](float)
        self.number = 0

    def begin(self, module: ModuleOp) -> None:
        self.number = 0

    def before(self, module_pass: ModulePass, module: ModuleOp) -> None:
        self.number += 1

    @contextmanager
    def timing(self, what: ModulePass | str) -> Generator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            if isinstance(what, str):
                self.others[what] += seconds
            else:
                self.passes[self.number, what.name] += seconds

    def finish(self) -> None:
        rows = [
            (PARSE, self.others[PARSE]),
            *((name, seconds) for (_, name), seconds in self.passes.items()),
            (VERIFICATION, self.others[VERIFICATION]),
            (OUTPUT, self.others[OUTPUT]),
        ]
        total = sum(seconds for _, seconds in rows)
        if total > 0:
            shown = [
                (name, f"{seconds * 1e3:.2f}", f"{seconds / total:.1%}")
                for name, seconds in (*rows, ("total", total))
            ]
            print_table(("time of", "ms", "share"), shown, file=sys.stderr)
