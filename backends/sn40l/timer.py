"""How a call is timed without data, and what is noted of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .engine import KernelRun
from .fast_forward import BusyObserver, LayerObserver, StageObserver, TraceObserver, run_in_iterations
from .fast_forward.turns import Observer
from .ledger import Details, KernelTiming


@dataclass(frozen=True)
class Timer:
    """How calls are timed without data, and what is noted of them."""

    jump: bool = True
    """Iterations that are like those before are not replayed; all numbers stay the same."""
    details: bool = False
    """The iterations and what stages do are noted."""
    trace_iterations: int = 0
    """With details, each firing of each unit is noted in so many first iterations, and in the last one."""

    spans: bool = False
    """When memories and links are busy is noted."""
    stage_spans: bool = False
    """With that, when stages are."""

    def time(self, run: KernelRun) -> KernelTiming:
        """Run a call to its end.

        Raises: HazardError, DeadlockError.
        """
        notes = _Notes(run, self.trace_iterations) if self.details else None
        busy = BusyObserver(run, stages=self.stage_spans) if self.spans else None
        observers = [*(notes.observers if notes else ()), *([busy] if busy else ())]
        run_in_iterations(run, observers, jump=self.jump, replayed=self.trace_iterations)
        return replace(
            run.timing(), details=notes.details() if notes else None, busy=busy.spans() if busy else None
        )


class _Notes:
    """What is noted for the details of a run."""

    def __init__(self, run: KernelRun, trace_iterations: int):
        self._run = run
        self._layers, self._stages = LayerObserver(run), StageObserver(run)
        self._trace = TraceObserver(run, trace_iterations) if trace_iterations else None

    @property
    def observers(self) -> list[Observer]:
        return [self._layers, self._stages, *([self._trace] if self._trace else ())]

    def details(self) -> Details:
        run, trace = self._run, self._trace
        return Details(
            self._layers.layers(),
            self._stages.stages(),
            run.ddr.busy_cycles,
            run.link.busy_cycles,
            None if trace is None else trace.trace(),
        )
