"""What calibrating a machine to measured steps takes and gives, for targets that can; plain data."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class MeasuredStep:
    """A decode step that was measured."""

    name: str
    program: Any
    """What it runs, a program of the target with the machine that it is for."""
    position: int
    """Of its token."""
    seconds: float
    group: str
    """What is held out together."""


@dataclass(frozen=True)
class MeasuredMachine:
    """This computer as a machine of a class whose time is modelled."""

    kind: str
    """The name of that class."""
    values: Mapping[str, int]
    """All of its parameters."""
    sources: Mapping[str, str]
    """Where each comes from."""


@dataclass(frozen=True)
class FittedConstant:
    """A constant of the machine, before and behind the fit."""

    name: str
    parameter: str
    """Of the machine, which it is, or is a part of."""
    prior: float
    factor: float
    """From prior / factor to prior · factor is one standard deviation."""
    value: float


@dataclass(frozen=True)
class FittedStep:
    """A measured step, and what the constants say of it."""

    measured: MeasuredStep
    seconds: float
    """By constants that are fitted to all steps."""
    held_out_seconds: float | None
    """By constants that its group has no part in; None where there is one group."""

    @property
    def error(self) -> float:
        """Relative, above 0 if it was faster than said."""
        return self.seconds / self.measured.seconds - 1

    @property
    def held_out_error(self) -> float | None:
        """The same by the constants without its group."""
        return None if self.held_out_seconds is None else self.held_out_seconds / self.measured.seconds - 1


@dataclass(frozen=True)
class Calibration:
    """A calibrated machine, and how far it is off."""

    machine: Any
    constants: tuple[FittedConstant, ...]
    """Those on which some step depends."""
    steps: tuple[FittedStep, ...]


@dataclass(frozen=True)
class Summary:
    """Absolute relative errors, summed up."""

    count: int
    mean: float
    median: float
    p90: float
    worst: float

    @staticmethod
    def of(errors: Iterable[float]) -> Summary:
        """Of at least one error; p90 is the smallest that nine tenths of the errors do not exceed."""
        sizes = sorted(abs(error) for error in errors)
        ninety = sizes[math.ceil(0.9 * len(sizes)) - 1]
        return Summary(len(sizes), statistics.mean(sizes), statistics.median(sizes), ninety, sizes[-1])

    @property
    def cells(self) -> tuple[str, ...]:
        """Number, mean, median, p90 and worst."""
        shares = (self.mean, self.median, self.p90, self.worst)
        return (str(self.count), *(f"{share:.1%}" for share in shares))


SUMMARY_COLUMNS = ("points", "mean", "median", "p90", "worst")
