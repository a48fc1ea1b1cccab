"""Stretches of a run whose laps can be like one another: the iterations of a decode step, and the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .engine import KernelRun
from .ports import is_looped, passes_of, steps_per_pass
from .program import Carry, Kernel, Load, Stage, Store
from .units import UnitRun


@dataclass(frozen=True)
class Stretch:
    """The iterations of a decode step, or all decode steps: its laps."""

    end: int
    """The lap behind the last one."""
    iterations: int
    """Of a lap."""
    strides: Sequence[int]
    """The steps of a lap of each unit; 0 of one that does not run in every lap."""
    bounds: Sequence[int]
    """The step of each unit with which its part in the stretch ends."""
    is_of_steps: bool = False
    """Whether the laps are decode steps."""

    @property
    def last_iteration(self) -> int:
        """The last one of the last lap."""
        return self.end * self.iterations - 1

    @staticmethod
    def of_steps(kernel: Kernel) -> Stretch:
        """All decode steps of a call."""
        steps = [passes_of(unit, kernel) * steps_per_pass(unit) for unit in kernel.units]
        strides = [
            0 if isinstance(unit, Load | Store) and unit.once else count // kernel.steps
            for unit, count in zip(kernel.units, steps, strict=True)
        ]
        for number, unit in enumerate(kernel.units):
            if isinstance(unit, Carry) and unit.per_step:
                strides[number] = unit.tiles  # the pass that ends the call is no step's
        return Stretch(kernel.steps, kernel.iterations_per_step, strides, steps, is_of_steps=True)

    @staticmethod
    def of(kernel: Kernel, decode_step: int) -> Stretch:
        """The iterations of a decode step."""
        steps = [passes_of(unit, kernel) * steps_per_pass(unit) for unit in kernel.units]
        bounds = [
            count // kernel.steps * (decode_step + 1) if is_looped(unit) else count
            for unit, count in zip(kernel.units, steps, strict=True)
        ]
        return Stretch((decode_step + 1) * kernel.iterations_per_step, 1, strides_of(kernel), bounds)


def strides_of(kernel: Kernel) -> list[int]:
    """The steps of an iteration of each unit; 0 of one that does not run in every iteration."""
    return [
        steps_per_pass(unit) if is_looped(unit) and passes_of(unit, kernel) > 1 else 0
        for unit in kernel.units
    ]


@dataclass(frozen=True)
class Marker:
    """The unit whose first step in an iteration is where that begins."""

    run: UnitRun
    round_steps: int
    """Of a decode step; a carry ends each with a pass in which no iteration begins."""
    round_iterations: int

    @staticmethod
    def of(run: KernelRun) -> Marker | None:
        """The first carry, which waits for what the iteration before has made; else the first stage.

        Or else the first unit that is there; None if no unit runs in a loop.
        """
        kernel = run.call.kernel
        looped = [unit for unit, stride in zip(run.units, strides_of(kernel), strict=True) if stride]
        carries = [unit for unit in looped if isinstance(unit.unit, Carry)]
        stages = [unit for unit in looped if isinstance(unit.unit, Stage)]
        unit = next(iter((*carries, *stages, *looped)), None)
        if unit is None:
            return None
        return Marker(unit, unit.steps // kernel.steps, kernel.iterations_per_step)

    def begun(self) -> int:
        """How many iterations have begun."""
        rounds, step = divmod(self.run.step, self.round_steps)
        in_round = min(self.round_iterations, -(-step // steps_per_pass(self.run.unit)))
        return rounds * self.round_iterations + in_round

    def step_of(self, iteration: int) -> int:
        """The step with which an iteration begins."""
        rounds, number = divmod(iteration, self.round_iterations)
        return rounds * self.round_steps + number * steps_per_pass(self.run.unit)
