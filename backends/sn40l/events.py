"""The calendar of a run: what happens at which cycle."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from itertools import count

from ..tensors import Array

Action = Callable[[int, int, Array | None], None]
"""What an event does; it gets the cycle and the number and the tile that were given with it."""

Event = tuple[int, int, Action, int, Array | None]
"""Cycle, a number that grows from event to event, the action and its arguments."""


class Calendar:
    """Events by cycle; those of one cycle in the order in which they were made."""

    __slots__ = ("_numbers", "events")

    def __init__(self) -> None:
        self.events: list[Event] = []
        """A heap."""
        self._numbers = count()

    def at(self, cycle: int, action: Action, number: int, tile: Array | None = None) -> None:
        """Let something happen at a cycle."""
        heappush(self.events, (cycle, next(self._numbers), action, number, tile))
