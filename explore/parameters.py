"""The parameters of a search space.

All but `Real` are discrete: their values are numbered from 0 on, in order where there is one. Numeric and
ordinal values have a span on the unit range [0, 1], one behind the other: models see its middle, a prior
gives each value its share of the span. On the log scale equal ratios have equal spans.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, factorial, log
from typing import Literal

from .errors import SpaceError
from .priors import Prior, check_prior

Value = float | int | str | bool | tuple[int, ...]
"""What a parameter can be; a tuple is a permutation."""

Scale = Literal["linear", "log"]
IntegerScale = Literal["linear", "log", "pow2"]

MOST_WHOLE = 2**62
"""Bounds of integers are not beyond it, so that how many values there are fits into 64 bits."""
MOST_REAL = 1e300
"""Bounds of real numbers are not beyond it, so that what lies between two of them is finite."""
MOST_LENGTH = 1_000
"""Of a permutation; the number of its orders has 2,568 digits then."""

HALF_WINDOW = 0.005
"""Half the part of the unit range in which the prior of a real value is averaged: densities have no bound."""


@dataclass(frozen=True)
class Condition:
    """A parameter is there only while `parent` is there and has one of `values`."""

    parent: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Real:
    """A real number from `low` to `high`."""

    name: str
    low: float
    high: float
    scale: Scale = "linear"
    prior: Prior = "uniform"
    when: Condition | None = None

    def __post_init__(self) -> None:
        _check_range(self.name, self.low, self.high, self.scale, ("linear", "log"), MOST_REAL)
        check_prior(self.name, self.prior)
        if not self.low < self.high:
            raise SpaceError(f"parameter {self.name!r} has an empty range: {self.low} to {self.high}")

    def at(self, place: float) -> float:
        """The value at a place of the unit range."""
        if self.scale == "log":
            value = exp(log(self.low) + place * (log(self.high) - log(self.low)))
        else:
            value = self.low + place * (self.high - self.low)
        return min(max(value, self.low), self.high)

    def place(self, value: Value) -> float:
        """Where in the unit range a value lies.

        Raises: SpaceError where it is outside the range.
        """
        if not isinstance(value, (int, float)) or not self.low <= value <= self.high:
            raise SpaceError(f"{self.name} = {value!r} is not between {self.low} and {self.high}")
        if self.scale == "log":
            place = (log(value) - log(self.low)) / (log(self.high) - log(self.low))
        else:
            place = (value - self.low) / (self.high - self.low)
        return min(max(place, 0.0), 1.0)

    def span(self, value: Value) -> tuple[float, float]:
        """A small part of the unit range around a value."""
        place = self.place(value)
        return max(place - HALF_WINDOW, 0.0), min(place + HALF_WINDOW, 1.0)


@dataclass(frozen=True)
class Integer:
    """A whole number from `low` to `high`, both included; on the scale `pow2` only powers of two."""

    name: str
    low: int
    high: int
    scale: IntegerScale = "linear"
    prior: Prior = "uniform"
    when: Condition | None = None

    def __post_init__(self) -> None:
        for bound in (self.low, self.high):
            if not isinstance(bound, int):  # pyright: ignore[reportUnnecessaryIsInstance]  # JSON may hold others
                raise SpaceError(f"integer {self.name!r} has the bound {bound!r}")
        _check_range(self.name, self.low, self.high, self.scale, ("linear", "log", "pow2"), MOST_WHOLE)
        check_prior(self.name, self.prior)
        if self.size < 1:
            raise SpaceError(f"parameter {self.name!r} has an empty range: {self.low} to {self.high}")

    @property
    def size(self) -> int:
        """How many values there are."""
        if self.scale == "pow2":
            return self.high.bit_length() - self._first_exponent
        return self.high - self.low + 1

    @property
    def _first_exponent(self) -> int:
        return (self.low - 1).bit_length()

    def value(self, index: int) -> int:
        """The value with a number."""
        return 1 << (self._first_exponent + index) if self.scale == "pow2" else self.low + index

    def index(self, value: Value) -> int:
        """The number of a value.

        Raises: SpaceError where it is none of the values.
        """
        if isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high:
            if self.scale != "pow2":
                return value - self.low
            if value & (value - 1) == 0:
                return value.bit_length() - 1 - self._first_exponent
        kind = "a power of two" if self.scale == "pow2" else "an integer"
        raise SpaceError(f"{self.name} = {value!r} is not {kind} between {self.low} and {self.high}")

    def span(self, value: Value) -> tuple[float, float]:
        """The part of the unit range that belongs to a value."""
        index = self.index(value)
        if self.scale != "log":
            return index / self.size, (index + 1) / self.size
        first, last = log(self.low - 0.5), log(self.high + 0.5)
        low = log(self.low + index - 0.5)
        return (low - first) / (last - first), (log(self.low + index + 0.5) - first) / (last - first)

    def nearest(self, place: float) -> int:
        """The number of the value whose span holds a place of the unit range."""
        if self.scale != "log":
            return min(int(place * self.size), self.size - 1)
        first, last = log(self.low - 0.5), log(self.high + 0.5)
        value = round(exp(first + place * (last - first)))
        return min(max(value, self.low), self.high) - self.low


class _Listed:
    """A parameter whose values are written out."""

    name: str
    values: tuple[float | int | str | bool, ...]

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.values)

    def value(self, index: int) -> Value:
        """The value with a number."""
        return self.values[index]

    def index(self, value: Value) -> int:
        """The number of a value.

        Raises: SpaceError where it is none of the values.
        """
        for index, known in enumerate(self.values):
            if known == value and isinstance(known, bool) == isinstance(value, bool):
                return index
        raise SpaceError(f"{self.name} = {value!r} is none of {', '.join(map(repr, self.values))}")


@dataclass(frozen=True)
class Ordinal(_Listed):
    """One of some values that have an order; what counts is the order, not the distance."""

    name: str
    values: tuple[float | int | str, ...]
    prior: Prior = "uniform"
    when: Condition | None = None

    def __post_init__(self) -> None:
        _check_values(self.name, self.values)
        check_prior(self.name, self.prior)

    def span(self, value: Value) -> tuple[float, float]:
        """The part of the unit range that belongs to a value."""
        index = self.index(value)
        return index / self.size, (index + 1) / self.size

    def nearest(self, place: float) -> int:
        """The number of the value whose span holds a place of the unit range."""
        return min(int(place * self.size), self.size - 1)


@dataclass(frozen=True)
class Categorical(_Listed):
    """One of some values without an order; `prior` has a share for each, by default the same."""

    name: str
    values: tuple[float | int | str | bool, ...]
    prior: tuple[float, ...] | None = None
    when: Condition | None = None

    def __post_init__(self) -> None:
        _check_values(self.name, self.values)
        if self.prior is None:
            return
        if len(self.prior) != len(self.values):
            raise SpaceError(
                f"the prior of {self.name!r} has {len(self.prior)} shares for {len(self.values)} values"
            )
        if min(self.prior) < 0 or not sum(self.prior) > 0:
            raise SpaceError(f"the prior of {self.name!r} needs shares of 0 or more, one above 0")


@dataclass(frozen=True)
class Permutation:
    """An order of the numbers 0 to `length` - 1, as a tuple; numbered in dictionary order."""

    name: str
    length: int
    when: Condition | None = None

    def __post_init__(self) -> None:
        if type(self.length) is not int or not 1 <= self.length <= MOST_LENGTH:
            bound = f"at least 1 is needed, and at most {MOST_LENGTH}"
            raise SpaceError(f"permutation {self.name!r} has length {str(self.length)[:40]}, {bound}")

    @property
    def size(self) -> int:
        """How many orders there are."""
        return factorial(self.length)

    def value(self, index: int) -> tuple[int, ...]:
        """The order with a number."""
        left = list(range(self.length))
        order: list[int] = []
        for remaining in range(self.length - 1, -1, -1):
            place, index = divmod(index, factorial(remaining))
            order.append(left.pop(place))
        return tuple(order)

    def index(self, value: Value) -> int:
        """The number of an order.

        Raises: SpaceError where it is no permutation.
        """
        if not isinstance(value, tuple) or sorted(value) != list(range(self.length)):
            raise SpaceError(f"{self.name} = {value!r} is no order of 0 to {self.length - 1}")
        left = list(range(self.length))
        index = 0
        for remaining, item in zip(range(self.length - 1, -1, -1), value, strict=True):
            place = left.index(item)
            index += place * factorial(remaining)
            left.pop(place)
        return index


Discrete = Integer | Ordinal | Categorical | Permutation
Parameter = Real | Discrete


def _check_range(name: str, low: float, high: float, scale: str, known: tuple[str, ...], most: float) -> None:
    if scale not in known:
        raise SpaceError(f"parameter {name!r} has the unknown scale {scale!r}; known are {', '.join(known)}")
    if low != low or high != high or abs(low) == float("inf") or abs(high) == float("inf"):
        raise SpaceError(f"parameter {name!r} needs finite bounds, has {low} and {high}")
    if max(abs(low), abs(high)) > most:
        raise SpaceError(f"parameter {name!r} has a bound beyond {most}")
    if low > high:
        raise SpaceError(f"parameter {name!r} has an empty range: {low} to {high}")
    if scale != "linear" and low <= 0:
        raise SpaceError(f"parameter {name!r} on the scale {scale!r} must begin above 0, begins at {low}")


def _check_values(name: str, values: tuple[Value, ...]) -> None:
    if not values:
        raise SpaceError(f"parameter {name!r} has no values")
    if len(set(values)) != len(values):
        raise SpaceError(f"parameter {name!r} has a value twice")
