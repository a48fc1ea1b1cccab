"""What a call gives a kernel: the arguments, and what they decide of each unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .address import Walk


@dataclass(frozen=True)
class Arguments:
    """The arguments of a call: an address for each parameter."""

    addresses: tuple[int, ...]
    scalar: Callable[[int], int]
    """It reads the integer at an address, and raises an ExecutionError if that is not known."""
    present: Mapping[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])
    """Without data: the slots that loads by index read in each pass, by the place of the load."""

    def position(self, parameter: int) -> int:
        """The scalar that a parameter points to."""
        return self.scalar(self.addresses[parameter])


@dataclass(frozen=True)
class Bound:
    """What the arguments of a call decide of a unit."""

    walk: Walk | None = None
    """It goes through memory like this; a unit without memory has none."""
    gates: tuple[int, ...] = (0,)
    """In each decode step, this tile of a pass is the first that waits for the token of a gate."""
    first: int = 0
    """It counts from this number on; no time depends on it."""
    present: tuple[int, ...] = ()
    """Of a load by index without data: the slots that are read in each pass; () are all."""

    def moved(self, by: int) -> Bound:
        """The same of a unit whose memory is so many bytes further on."""
        return (
            self
            if self.walk is None or by == 0
            else Bound(self.walk.moved(by), self.gates, self.first, self.present)
        )
