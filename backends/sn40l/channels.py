"""Channels at run time: rings of real slots, with the tags that show whether a token is the right one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import numpy as np

from ..tensors import Array
from .errors import HazardError
from .program import Channel

if TYPE_CHECKING:
    from .units import UnitRun

EMPTY = -1
"""Tag of a slot without a token."""


class ChannelRun:
    """The state of a channel: `depth` slots, and how many tokens have passed each point since the call began.

    A token's tag is its number as its producer counts. A producer reserves a slot when it fires; the token
    is there once delivered, and its slot is free again once released.
    """

    __slots__ = (
        "arrived",
        "channel",
        "consumer",
        "depth",
        "latency",
        "producer",
        "released",
        "reserved",
        "slots",
        "tags",
    )

    def __init__(self, channel: Channel, *, with_data: bool):
        self.channel = channel
        self.depth = channel.depth
        self.latency = channel.latency_cycles
        self.reserved = 0
        self.arrived = 0
        self.released = 0
        self.tags = [EMPTY] * channel.depth
        self.slots: Array | None = None
        if with_data and channel.tile is not None:
            self.slots = np.zeros((channel.depth, *channel.tile.shape), channel.tile.numpy_dtype)
        self.producer: UnitRun
        self.consumer: UnitRun

    @property
    def is_full(self) -> bool:
        """Whether a producer finds no slot to reserve."""
        return self.reserved - self.released >= self.depth

    def deliver(self, now: int, tag: int, tile: Array | None) -> None:
        """A token arrives in its slot and its consumer may fire.

        Raises: HazardError if the slot holds a token that nobody has released.
        """
        slot = self.arrived % self.depth
        if self.tags[slot] != EMPTY:
            self._fail(
                now, f"{self._name(tag)} overwrites {self._name(self.tags[slot])}, which has not been read"
            )
        self.tags[slot] = tag
        if self.slots is not None:
            self.slots[slot] = tile
        self.arrived += 1
        self.consumer.advance(now)

    def take(self, now: int, first: int, count: int) -> None:
        """The consumer begins to read `count` tokens; they stay in their slots.

        Raises: HazardError if a slot is empty or holds another token.
        """
        for tag in range(first, first + count):
            found = self.tags[tag % self.depth]
            if found != tag:
                what = "nothing" if found == EMPTY else self._name(found)
                self._fail(now, f"{self._name(tag)} is due, its slot holds {what}")

    def tiles(self, first: int, count: int) -> list[Array]:
        """The tiles of `count` tokens, as views of their slots."""
        assert self.slots is not None, (
            "only runs with data read tiles, and only from channels that carry them"
        )
        return [self.slots[tag % self.depth] for tag in range(first, first + count)]

    def release(self, now: int, count: int, _: object = None) -> None:
        """The oldest `count` tokens leave and their producer may fire."""
        for _number in range(count):
            self.tags[self.released % self.depth] = EMPTY
            self.released += 1
        self.producer.advance(now)

    def _fail(self, now: int, what: str) -> NoReturn:
        ends = f"from {self.producer} to {self.consumer}"
        raise HazardError(
            f"hazard at cycle {now}: channel '{self.channel.name}' {ends}: {what}",
            self.consumer.unit.location,
        )

    def _name(self, tag: int) -> str:
        """A token by its number and the iteration that its producer put it in."""
        return f"token {tag} of iteration {self.producer.iteration_of(self, tag)}"
