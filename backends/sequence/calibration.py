"""A machine of this class calibrated to measured steps."""

from __future__ import annotations

from collections.abc import Sequence

from ...dialects.sequence_machine import SequenceMachine
from ..calibration import Calibration, FittedConstant, FittedStep, MeasuredStep
from .constants import OF_A_MACHINE, Observation, applies, calibrated, predicted, rebased
from .fitting import fitted, groups_of, held_out, priors


def calibrate(machine: SequenceMachine, steps: Sequence[MeasuredStep]) -> Calibration:
    """The constants of a machine, drawn to what it has, by steps that were measured on it.

    Raises: TargetError without scipy.
    """
    seen = [
        Observation(one.name, one.program.work, one.program.machine, one.position, one.seconds, one.group)
        for one in steps
    ]
    constants = [one for one in rebased(OF_A_MACHINE, machine) if any(applies(one, step) for step in seen)]
    values = fitted(seen, constants, priors(constants))
    several = len(groups_of(seen)) > 1
    unseen = {one.observation.name: one.seconds for one in held_out(seen, constants)} if several else {}
    return Calibration(
        calibrated(machine, constants, values),
        tuple(
            FittedConstant(one.name, one.parameter, one.prior, one.factor, values[one.name])
            for one in constants
        ),
        tuple(
            FittedStep(one, predicted(step, constants, values), unseen.get(one.name))
            for one, step in zip(steps, seen, strict=True)
        ),
    )
