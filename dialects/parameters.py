"""What machines of all classes have in common: whole numbers, each with its unit, bounds and source.

No xDSL here: passes and backends share the classes of machines, and the IR carries them as attributes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

BOUNDS = {
    "sockets": (65_536, "four thousand times the largest published system"),
    "threads": (1_024, "more than any processor has"),
    "bits of a sum": (64, "f64"),
    "units": (16_384, "sixteen times those of an SN40L, and what goes to each is routed"),
    "dies": (64, "thirty-two times those of an SN40L"),
    "columns": (1_024, "forty times those of an SN40L"),
    "rows": (65_536, "five hundred times those of a GPU's products"),
    "Hz": (10**12, "light goes 0.3 mm in such a cycle"),
    "FLOP/cycle": (10**9, "a million times those of an SN40L's unit"),
    "FLOP/s": (10**20, "ten thousand times the peak of a B200"),
    "bytes": (2**60, "an exbibyte, so that addresses fit into 64 bits"),
    "bytes/cycle": (10**9, "a million times those of an SN40L's unit"),
    "bytes/s": (10**18, "half a million times the bandwidth of an SN40L's HBM"),
    "1/1000": (10**6, "a thousand times the whole"),
    "share/1000": (1_000, "the whole"),
    "0 or 1": (1, "it is there or not"),
    "cycles": (10**9, "a second at 1 GHz"),
    "ns": (10**12, "a quarter of an hour"),
}
"""Most of a parameter by its unit, and why. Assumed: far beyond any machine, so that cycles and addresses of
models fit into 64 bits, and nothing takes time or memory that no machine needs."""
_MAY_BE_ZERO = ("_ns", "_cycles")
"""How names of parameters end that are times."""


def parameter(default: int, unit: str, source: str, *, least: int | None = None) -> Any:
    """A machine parameter: an integer from `least` to what `BOUNDS` has, with its unit and its source.

    If `least` is None, times begin at 0 and all else at 1.
    """
    return field(default=default, metadata={"unit": unit, "source": source, "least": least})


@dataclass(frozen=True)
class MachineParameters:
    """A machine as data: a parameter each field."""

    sockets: int = parameter(1, "sockets", "1 is the smallest machine")

    def __post_init__(self) -> None:
        """Raises: ValueError for a value out of its bounds."""
        for one in fields(self):
            name, value, least = one.name, getattr(self, one.name), one.metadata["least"]
            if least is None:
                least = 0 if name.endswith(_MAY_BE_ZERO) else 1
            if value < least:
                wanted = "0 or more" if least == 0 else "positive"
                raise ValueError(f"machine parameter {name} is {value}; it must be {wanted}")
            most, reason = self.bound_of(name)
            if value > most:
                shown = str(value) if value < 10**30 else "a number of more than 30 digits"
                raise ValueError(f"machine parameter {name} is {shown}; the most is {most}: {reason}")

    @classmethod
    def bound_of(cls, name: str) -> tuple[int, str]:
        """The most of a parameter, and why."""
        return BOUNDS[next(one.metadata["unit"] for one in fields(cls) if one.name == name)]

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of all parameters, in the order of the class."""
        return tuple(one.name for one in fields(cls))

    def items(self) -> Iterable[tuple[str, int]]:
        """Name and value of every parameter, in the order of the class."""
        return {name: getattr(self, name) for name in self.names()}.items()

    def with_values(self, values: dict[str, int]) -> Self:
        """This machine with some parameters changed.

        Raises: ValueError for an unknown name (lists the known ones) or a value that is no positive integer.
        """
        changed = self.changed(values)
        return self if changed is None else replace(self, **changed)

    def changed(self, values: dict[str, int]) -> dict[str, int] | None:
        """All values with some of them changed; None where nothing changes.

        Raises: as `with_values`, but for values out of bounds.
        """
        known = self.names()
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"unknown machine parameter '{name}'; known: {', '.join(known)}")
            if type(value) is not int:
                raise ValueError(f"machine parameter {name} is {value!r}; it must be an integer")
        before = dict(self.items())
        return None if {**before, **values} == before else {**before, **values}
