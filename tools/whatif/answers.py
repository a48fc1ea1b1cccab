"""What was asked and answered, as plain data for pictures and tables; no xDSL here."""

from __future__ import annotations

from dataclasses import dataclass

from ..parameters import Parameter


@dataclass(frozen=True)
class Time:
    """What `kl time` says of a point."""

    change: str
    """Options of `kl time` in place of those of the same name; empty for the point as given."""
    seconds: float
    """Of a decode step."""
    tokens_per_second: float
    calls: float
    """Executions of kernels in a step: where they change, so has the program."""
    roof: float | None
    """The roofline in tokens/s, at the full bandwidth; None where the target knows none."""
    attainable: float | None
    """The roofline in tokens/s at the bandwidth that memory streams attain."""


@dataclass(frozen=True)
class Refused:
    """A point that has no time."""

    change: str
    reason: str
    """Why, as `kl time` says it."""


Answer = Time | Refused


@dataclass(frozen=True)
class Sensitivity:
    """What half and twice the value of a machine parameter would change."""

    parameter: Parameter
    """As it is."""
    halved: Answer
    doubled: Answer

    def factors(self, base: Time) -> tuple[float | None, float | None]:
        """How many times as long a step takes halved and doubled; None where that is refused."""
        low, high = (
            one.seconds / base.seconds if isinstance(one, Time) and base.seconds else None
            for one in (self.halved, self.doubled)
        )
        return low, high

    def effect(self, base: Time) -> float:
        """How much longer or shorter a step gets at most, as a share of it; 0 where nothing changes."""
        return max((abs(factor - 1) for factor in self.factors(base) if factor is not None), default=0.0)

    @property
    def refusals(self) -> tuple[tuple[str, Refused], ...]:
        """What is refused of `halved` and `doubled`, by these names."""
        both = (("halved", self.halved), ("doubled", self.doubled))
        return tuple((name, one) for name, one in both if isinstance(one, Refused))


@dataclass(frozen=True)
class Curve:
    """What a model takes over several values of one thing, all else as it is."""

    axis: str
    """`sockets`, or a parameter of the model."""
    given: int | None
    """The value of the model and machine as they are; None where it is not known."""
    points: tuple[tuple[int, Answer], ...]
    """By value, in rising order."""
    note: str = ""
    """Why there are no points."""


@dataclass(frozen=True)
class Matrix:
    """Models by numbers of sockets."""

    sockets: tuple[int, ...]
    rows: tuple[tuple[str, tuple[Answer, ...]], ...]
    """Names of models, with an answer for each number of sockets."""


@dataclass(frozen=True)
class WhatIf:
    """All questions about a model, and their answers."""

    model: str
    variant: str
    """Which one is timed, with its level: `looped (-O2)`."""
    conditions: str
    """Under which the model as given is timed: `8 sockets, hardware-orchestrated`."""
    base: Answer
    """The model as given."""
    sensitivities: tuple[Sensitivity, ...]
    """Of every parameter of the machine; none where the model as given is refused."""
    curves: tuple[Curve, ...]
    matrix: Matrix

    @property
    def ordered(self) -> tuple[Sensitivity, ...]:
        """The sensitivities, those that change most first."""
        base = self.base
        if isinstance(base, Refused):
            return self.sensitivities
        return tuple(sorted(self.sensitivities, key=lambda one: -one.effect(base)))
