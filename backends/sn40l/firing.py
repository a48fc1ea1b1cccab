"""Units and channels at run time, and the firing rule that all of them share.

A unit fires when every input that begins a group there has its tokens and every output that puts one there
has a free slot. Firings follow one another in order. Channels are rings of real slots, with tags that show
whether a token is the right one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from ...dialects.loop_tree import Placement
from ...dialects.machine import Machine
from ..tensors import Array
from .accesses import OrderCheck
from .binding import Bound
from .ending import Ending
from .errors import HazardError
from .idling import Reasons
from .kernel import Channel, Unit
from .memory import Data, MemoryMap
from .ports import Port
from .servers import Calendar, Exchange, Server

EMPTY = -1
"""Tag of a slot without a token."""
NEVER = -1
"""Firing of a port that has nothing left to do."""


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
        tile = channel.tile if with_data else None
        self.slots = None if tile is None else [tile.zeros()] * channel.depth
        """The tile that came last into each; nobody writes it, so it may be a view of a weight."""
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
        if (old := self.tags[slot]) != EMPTY:
            self._fail(now, f"{self._name(tag)} overwrites {self._name(old)}, which has not been read")
        self.tags[slot] = tag
        if self.slots is not None and tile is not None:
            self.slots[slot] = tile
        self.arrived += 1
        if not self.consumer.busy:
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
        """The tiles of `count` tokens, which are not to be written."""
        assert self.slots is not None, "only runs with data read tiles, and only from channels that have them"
        return [self.slots[tag % self.depth] for tag in range(first, first + count)]

    def release(self, now: int, count: int, _: object = None) -> None:
        """The oldest `count` tokens leave and their producer may fire."""
        for tag in range(self.released, self.released + count):
            self.tags[tag % self.depth] = EMPTY
        self.released += count
        if not self.producer.busy:
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


class InputState:
    """Where an input port is: the firing that begins its next group, and the group it holds."""

    __slots__ = ("begin", "channel", "fresh", "held_until", "last", "needed", "port")

    def __init__(self, port: Port, channel: ChannelRun):
        self.port = port
        self.channel = channel
        self.fresh = False
        """It says whether the group has not been looked at."""
        self.place(0)

    def place(self, firing: int) -> None:
        """Be where the port is before a firing."""
        port, groups = self.port, self.port.groups_before(firing)
        self.begin = port.firing_of(groups) if groups < port.groups else NEVER
        self.needed = (groups + 1) * port.size
        """So many tokens must have arrived for the next group."""
        self.held_until = port.firing_of(groups - 1) + port.hold - 1 if groups else NEVER
        self.last = (groups // port.burst + 1) * port.burst * port.size
        """So many must have for the last group of its burst."""

    def take(self, now: int) -> None:
        """Begin a group."""
        port = self.port
        self.channel.take(now, self.needed - port.size, port.size)
        self.held_until = self.begin + port.hold - 1
        self.fresh = True
        if self.needed < self.last:
            self.begin += port.period
            self.needed += port.size
        else:
            self._begin_burst()

    def _begin_burst(self) -> None:
        """The next group is the first of the next burst, if there is one."""
        port, groups = self.port, self.needed // self.port.size
        self.begin = port.firing_of(groups) if groups < port.groups else NEVER
        self.needed += port.size
        self.last += port.burst * port.size

    def tiles(self) -> list[Array]:
        """The tiles of the group that is held."""
        size = self.port.size
        return self.channel.tiles(self.needed - 2 * size, size)


class OutputState:
    """Where an output port is: the firing that puts its next token."""

    __slots__ = ("begin", "channel", "last", "ordinal", "port")

    def __init__(self, port: Port, channel: ChannelRun):
        self.port = port
        self.channel = channel
        self.place(0)

    def place(self, firing: int) -> None:
        """Be where the port is before a firing."""
        port, groups = self.port, self.port.groups_before(firing)
        self.begin = port.firing_of(groups) if groups < port.groups else NEVER
        self.ordinal = self.channel.reserved = groups
        """This is the number of the next token; a slot is reserved for those before it."""
        self.last = (groups // port.burst + 1) * port.burst
        """This number is behind the last one of its burst."""

    def reserve(self) -> int:
        """Reserve a slot for the next token; its number."""
        ordinal = self.ordinal
        self.channel.reserved += 1
        self.ordinal = ordinal + 1
        if self.ordinal < self.last:
            self.begin += self.port.period
        else:
            port = self.port
            self.begin = port.firing_of(self.ordinal) if self.ordinal < port.groups else NEVER
            self.last += port.burst
        return ordinal


@dataclass(frozen=True)
class Surroundings:
    """What the units of a run share."""

    calendar: Calendar
    memory: MemoryMap
    data: Data | None
    """It is None in a run without data."""
    order: OrderCheck
    machine: Machine
    socket: int
    """The units are on this one."""
    hbm: Server
    ddr: Server
    link: Server
    resident: Mapping[str, Server]
    """These are the PMUs of the resident weights that the call reads, by region."""
    reasons: Reasons
    exchange: Exchange
    ending: Ending


@dataclass(frozen=True)
class Place:
    """A unit's place in a run."""

    index: int
    """Its index in the kernel is its program order."""
    firings: int
    """It fires so often in a call."""
    placement: Placement
    """This is where its passes stand among those of all units."""
    inputs: tuple[InputState, ...]
    outputs: tuple[OutputState, ...]
    bound: Bound
    around: Surroundings


class UnitRun(ABC):
    """The state of a unit: how often it has fired, and its ports."""

    ii = 0
    """A firing occupies the unit for so many cycles; 0 where it is a server that says when it is done."""
    is_watched = False
    """It says whether reports tell what the unit does in each cycle."""

    def __init__(self, unit: Unit, place: Place):
        self.unit = unit
        self.index = place.index
        self.firings = place.firings
        self.placement = place.placement
        self.firings_per_pass = unit.firings_per_pass
        self.firing = 0
        """This is the number of the next one."""
        self.busy = False
        self.inputs = place.inputs
        self.outputs = place.outputs
        self.around = place.around

    def __str__(self) -> str:
        return str(self.unit)

    def advance(self, now: int) -> None:
        """Fire as often as can be now."""
        while self.firing < self.firings and not self.busy:
            firing = self.firing
            for port in self.inputs:
                if port.begin == firing and port.channel.arrived < port.needed:
                    return
            for port in self.outputs:
                if port.begin == firing:
                    channel = port.channel
                    if channel.reserved - channel.released >= channel.depth:
                        return
            for port in self.inputs:
                if port.begin == firing:
                    port.take(now)
            self.firing = firing + 1
            self.fire(now, firing)

    @abstractmethod
    def fire(self, now: int, firing: int) -> None:
        """Fire: the tokens are taken; reserve the slots of what is put and let it happen."""

    @property
    def is_done(self) -> bool:
        """Whether it has fired for the last time, or further, where a stop token has ended the call."""
        return self.firing >= self.firings

    def number(self, firing: int) -> int:
        """The number of the pass of a firing in program order."""
        return self.placement.number(firing // self.firings_per_pass)

    def iteration_of(self, channel: ChannelRun, ordinal: int) -> int:
        """The iteration in which it puts a token."""
        port = next(port.port for port in self.outputs if port.channel is channel)
        return port.firing_putting(ordinal) // self.unit.firings_per_pass
