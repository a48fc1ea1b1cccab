"""Time a call of a kernel, with as many details as are asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .books import LayerBook, StageBook
from .engine import KernelRun
from .ledger import Details, KernelTiming
from .steady import run_in_iterations
from .trace import TraceBook


@dataclass(frozen=True)
class Timer:
    """How runs without data are timed, and what is noted of them."""

    jump: bool = True
    """Do not replay iterations that are like the ones before; all numbers stay the same."""
    details: bool = False
    """Note the iterations and the stages."""
    trace_iterations: int = 0
    """Note each step of each unit in so many first iterations, and in the last one."""

    def time(self, run: KernelRun) -> KernelTiming:
        """Run a call to its end.

        Raises: HazardError, DeadlockError.
        """
        if not self.details and not self.trace_iterations:
            run_in_iterations(run, jump=self.jump)
            return run.timing()
        layers, stages, trace = LayerBook(run), StageBook(run), TraceBook(run, self.trace_iterations)
        books = ([layers, stages] if self.details else []) + ([trace] if self.trace_iterations else [])
        run_in_iterations(run, books, jump=self.jump, replayed=self.trace_iterations)
        ...
