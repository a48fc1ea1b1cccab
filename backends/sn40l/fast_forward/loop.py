"""The loops of a run whose turns can be like one another: the iterations of a decode step, and the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..engine import KernelRun
from ..firing import UnitRun
from ..kernel import Kernel, Unit


@dataclass(frozen=True)
class Loop:
    """The iterations of a decode step, or all decode steps of a call: its turns."""

    end: int
    """This turn is the one behind the last."""
    iterations: int
    """A turn has so many."""
    strides: Sequence[int]
    """Each unit fires so often in a turn; 0 of one that does not run in every turn."""
    bounds: Sequence[int]
    """With this firing of each unit its part in the loop ends."""
    is_of_steps: bool = False
    """It says whether the turns are decode steps."""

    @property
    def last_iteration(self) -> int:
        """The last one of the last turn."""
        return self.end * self.iterations - 1

    @staticmethod
    def of_steps(kernel: Kernel) -> Loop:
        """All decode steps of a call."""
        firings = [unit.firings_per_call(kernel) for unit in kernel.units]
        strides = [_firings_per_step(unit, kernel) for unit in kernel.units]
        return Loop(kernel.steps, kernel.iterations_per_step, strides, firings, is_of_steps=True)

    @staticmethod
    def of_iterations(kernel: Kernel, decode_step: int) -> Loop:
        """The iterations of a decode step."""
        firings = [unit.firings_per_call(kernel) for unit in kernel.units]
        bounds = [
            count // kernel.steps * (decode_step + 1) if unit.is_looped else count
            for unit, count in zip(kernel.units, firings, strict=True)
        ]
        return Loop((decode_step + 1) * kernel.iterations_per_step, 1, strides_of(kernel), bounds)


def _firings_per_step(unit: Unit, kernel: Kernel) -> int:
    """Firings of a decode step; a pass that ends the call is no step's."""
    if unit.is_looped:
        return unit.firings_per_call(kernel) // kernel.steps
    return unit.firings_per_pass if unit.rate == "step" else 0


def strides_of(kernel: Kernel) -> list[int]:
    """The firings of an iteration of each unit; 0 of one that does not run in every iteration."""
    return [
        unit.firings_per_pass if unit.is_looped and unit.passes(kernel) > 1 else 0 for unit in kernel.units
    ]


@dataclass(frozen=True)
class Leader:
    """The unit whose first firing in an iteration is where that begins."""

    run: UnitRun
    round_firings: int
    """It fires so often in a decode step; a round may end with a pass in which no iteration begins."""
    round_iterations: int

    @staticmethod
    def of(run: KernelRun) -> Leader | None:
        """The first unit of the loop of the kind that leads best, see `Unit.leads`; None without a loop."""
        kernel = run.call.kernel
        looped = [unit for unit, stride in zip(run.units, strides_of(kernel), strict=True) if stride]
        unit = max(looped, key=lambda unit: unit.unit.leads, default=None)
        if unit is None:
            return None
        return Leader(unit, unit.firings // kernel.steps, kernel.iterations_per_step)

    def begun(self) -> int:
        """How many iterations have begun."""
        rounds, firing = divmod(self.run.firing, self.round_firings)
        in_round = min(self.round_iterations, -(-firing // self.run.unit.firings_per_pass))
        return rounds * self.round_iterations + in_round

    def firing_of(self, iteration: int) -> int:
        """The firing with which an iteration begins."""
        rounds, number = divmod(iteration, self.round_iterations)
        return rounds * self.round_firings + number * self.run.unit.firings_per_pass
