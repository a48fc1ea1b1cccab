"""Time a call of a kernel, with as many details as are asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .books import LayerBook, StageBook
from .details import Details
from .engine import KernelRun
from .ledger import KernelTiming
from .steady import run_in_iterations
from .trace import TraceBook


@dataclass(frozen=True)
class Timer:
    """How calls are timed without data, and what is noted of them."""

    jump: bool = True
    """Do not replay iterations that are like those before; all numbers stay the same."""
    details: bool = False
    """Note the iterations and what stages do."""
    trace_iterations: int = 0
    """With details, note each step of each unit in so many first iterations, and in the last one."""

    def time(self, run: KernelRun) -> KernelTiming:
        """Run a call to its end.

        Raises: HazardError, DeadlockError.
        """
        if not self.details:
            run_in_iterations(run, jump=self.jump)
            return run.timing()
        layers, stages = LayerBook(run), StageBook(run)
        trace = TraceBook(run, self.trace_iterations) if self.trace_iterations else None
        books = [layers, stages] if trace is None else [layers, stages, trace]
        run_in_iterations(run, books, jump=self.jump, replayed=self.trace_iterations)
        details = Details(
            layers.layers(),
            stages.stages(),
            run.ddr.busy_cycles,
            run.link.busy_cycles,
            None if trace is None else trace.trace(),
        )
        return replace(run.timing(), details=details)
