"""Units at run time and the firing rule that all of them share.

A unit takes its next step when every input that begins a group there has its tokens and every output that
puts one there has a free slot. Steps are taken in order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from ..tensors import Array
from .accesses import OrderCheck
from .channels import ChannelRun
from .events import Calendar
from .memory import Data, MemoryMap
from .ports import Order, Port, steps_per_pass
from .program import Unit

NEVER = -1
"""Step of a port that has nothing left to do."""


@dataclass(frozen=True)
class Surroundings:
    """What the units of a run share."""

    calendar: Calendar
    memory: MemoryMap
    data: Data | None
    """None in a run without data."""
    order: OrderCheck
    socket: int
    """That the units are on."""
    sockets: int
    """Of the machine."""


class InputState:
    """Where an input port is: the step that begins its next group, and the group it holds."""

    __slots__ = ("begin", "channel", "fresh", "held_until", "last", "needed", "port")

    def __init__(self, port: Port, channel: ChannelRun):
        self.port = port
        self.channel = channel
        self.fresh = False
        """Whether the group has not been looked at."""
        self.place(0)

    def place(self, step: int) -> None:
        """Be where the port is before a step."""
        port, groups = self.port, self.port.groups_before(step)
        self.begin = port.step_of(groups) if groups < port.groups else NEVER
        self.needed = (groups + 1) * port.size
        """Tokens that must have arrived for the next group."""
        self.held_until = port.step_of(groups - 1) + port.hold - 1 if groups else NEVER
        self.last = (groups // port.burst + 1) * port.burst * port.size
        """The same for the last group of its burst."""

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
        self.begin = port.step_of(groups) if groups < port.groups else NEVER
        self.needed += port.size
        self.last += port.burst * port.size

    def tiles(self) -> list[Array]:
        """The tiles of the group that is held."""
        size = self.port.size
        return self.channel.tiles(self.needed - 2 * size, size)


class OutputState:
    """Where an output port is: the step that puts its next token."""

    __slots__ = ("begin", "channel", "last", "ordinal", "port")

    def __init__(self, port: Port, channel: ChannelRun):
        self.port = port
        self.channel = channel
        self.place(0)

    def place(self, step: int) -> None:
        """Be where the port is before a step."""
        port, groups = self.port, self.port.groups_before(step)
        self.begin = port.step_of(groups) if groups < port.groups else NEVER
        self.ordinal = self.channel.reserved = groups
        """Number of the next token; a slot is reserved for those before it."""
        self.last = (groups // port.burst + 1) * port.burst
        """The number behind the last one of its burst."""

    def reserve(self) -> int:
        """Reserve a slot for the next token; its number."""
        ordinal = self.ordinal
        self.channel.reserved += 1
        self.ordinal = ordinal + 1
        if self.ordinal < self.last:
            self.begin += self.port.period
        else:
            port = self.port
            self.begin = port.step_of(self.ordinal) if self.ordinal < port.groups else NEVER
            self.last += port.burst
        return ordinal


@dataclass(frozen=True)
class Place:
    """A unit's place in a run."""

    index: int
    """In the kernel: program order."""
    steps: int
    """In a call."""
    order: Order
    """Of its passes among those of all units."""
    inputs: tuple[InputState, ...]
    outputs: tuple[OutputState, ...]
    around: Surroundings


class UnitRun(ABC):
    """The state of a unit: the step it is at, and its ports."""

    def __init__(self, unit: Unit, place: Place):
        self.unit = unit
        self.index = place.index
        self.steps = place.steps
        self.order = place.order
        self.step = 0
        """The next one."""
        self.busy = False
        self.inputs = place.inputs
        self.outputs = place.outputs
        self.around = place.around

    def __str__(self) -> str:
        return f"{type(self.unit).__name__.lower()} '{self.unit.name}'"

    def advance(self, now: int) -> None:
        """Take as many steps as can be taken now."""
        while self.step < self.steps and not self.busy:
            step = self.step
            for port in self.inputs:
                if port.begin == step and port.channel.arrived < port.needed:
                    return
            for port in self.outputs:
                if port.begin == step:
                    channel = port.channel
                    if channel.reserved - channel.released >= channel.depth:
                        return
            for port in self.inputs:
                if port.begin == step:
                    port.take(now)
            self.step = step + 1
            self.fire(now, step)

    @abstractmethod
    def fire(self, now: int, step: int) -> None:
        """Do a step: its tokens are taken; reserve the slots of what it puts and let it happen."""

    @property
    def is_done(self) -> bool:
        """Whether all steps are taken."""
        return self.step == self.steps

    def iteration_of(self, channel: ChannelRun, ordinal: int) -> int:
        """The iteration in which it puts a token."""
        port = next(port.port for port in self.outputs if port.channel is channel)
        return port.step_putting(ordinal) // steps_per_pass(self.unit)
