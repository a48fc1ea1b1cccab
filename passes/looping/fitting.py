"""Which loops of a run the machine has room for: loops of loops, or one loop over all calls of a round."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from ...dialects.kernel import FuncOp
from ...dialects.machine import Machine
from ..units.traffic import shortage
from .looped_kernel import LoopedKernel, build_looped_kernel
from .run_loops import RunLoops, flat_loops, nested_loops
from .run_scan import Run


@dataclass
class LoopFitter:
    """Builds looped kernels and asks whether they fit; it asks once for all runs that are alike."""

    kernels: Mapping[str, FuncOp]
    machine: Machine
    _troubles: dict[Hashable, str | None] = field(default_factory=dict[Hashable, str | None])

    def objection(self, run: Run) -> str | None:
        """Why neither loops of loops nor a loop over all calls of the round fit; None if one of them does."""
        flat = self._trouble(run, None)
        if flat is None or (loops := self._nested(run)) is None:
            return flat
        nested = self._trouble(run, loops)
        return nested and f"{flat}; as loops of loops: {nested}"

    def build(self, run: Run) -> LoopedKernel:
        """The looped kernel of a run that nothing speaks against, with loops of loops where they fit."""
        loops = self._nested(run)
        if loops is None or self._trouble(run, loops) is not None:
            loops = flat_loops(run)
        return build_looped_kernel(run, self._of(run), loops)

    def _of(self, run: Run) -> Sequence[FuncOp]:
        """The kernels of a round."""
        return [self.kernels[call.callee.string_value()] for call in run.calls[: run.period]]

    def _nested(self, run: Run) -> RunLoops | None:
        """The loops of loops of a run, if there are any."""
        kernels = self._of(run)
        if len(set(kernels)) == len(kernels):
            return None
        loops = nested_loops(run, kernels)
        return None if loops.is_flat else loops

    def _trouble(self, run: Run, loops: RunLoops | None) -> str | None:
        """What the machine has against these loops; None stands for the flat ones."""
        likeness = run.likeness, loops and loops.shape
        if likeness not in self._troubles:
            func = build_looped_kernel(run, self._of(run), loops or flat_loops(run)).func
            self._troubles[likeness] = shortage(func, self.machine)
        return self._troubles[likeness]
