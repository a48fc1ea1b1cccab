"""Ends of channels: when a unit takes or puts how many tokens."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass


@dataclass(frozen=True)
class Port:
    """One end of a channel: tokens are taken or put in groups, a group every `period` firings.

    The groups come in as many equal bursts as there are `starts`: most ports have one; the value of a loop
    has one whenever the loop begins anew, a gated stream one in each decode step.
    """

    channel: int
    groups: int
    """There are so many in a call."""
    period: int = 1
    size: int = 1
    """A group has so many tokens."""
    hold: int = 1
    """From a group's begin to its release it takes so many firings."""
    starts: tuple[int, ...] = (0,)
    """With these firings the first group of each burst begins."""

    @property
    def tokens(self) -> int:
        """Tokens in a call."""
        return self.groups * self.size

    @property
    def burst(self) -> int:
        """Groups of a burst."""
        return max(1, self.groups // len(self.starts))

    def firing_of(self, group: int) -> int:
        """The firing that begins a group."""
        burst, number = divmod(group, self.burst)
        return self.starts[burst] + number * self.period

    def groups_before(self, firing: int) -> int:
        """How many groups have begun before a firing."""
        burst = bisect_left(self.starts, firing) - 1
        if burst < 0:
            return 0
        return burst * self.burst + min(self.burst, -((self.starts[burst] - firing) // self.period))

    def firing_putting(self, ordinal: int) -> int:
        """The firing in which an output puts its token number `ordinal`."""
        return self.firing_of(ordinal // self.size)

    def firing_freeing(self, ordinal: int) -> int:
        """The firing after which an input lets its token number `ordinal` go."""
        return self.firing_putting(ordinal) + self.hold - 1

    def tokens_by(self, firing: int) -> int:
        """Tokens that an output has put once `firing` is done."""
        return self.groups_before(firing + 1) * self.size
