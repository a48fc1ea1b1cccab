"""How many tokens each unit takes and puts at which of its steps: the static side of the firing rule.

A step of a stage is a firing, of a stream or a collective one tile, of a carry one copied tile.
"""

from __future__ import annotations

from dataclasses import dataclass

from .program import Carry, Collective, Gather, Load, Stage, Store, Unit


@dataclass(frozen=True)
class Port:
    """One end of a channel: its group g of tokens is taken or put at step `first + g * period`."""

    channel: int
    groups: int
    """In a call."""
    period: int = 1
    size: int = 1
    """Tokens in a group."""
    hold: int = 1
    """Steps from a group's begin to its release."""
    first: int = 0

    @property
    def tokens(self) -> int:
        """Tokens in a call."""
        return self.groups * self.size

    def step_putting(self, ordinal: int) -> int:
        """The step in which an output puts its token number `ordinal`."""
        return self.first + ordinal // self.size * self.period

    def step_freeing(self, ordinal: int) -> int:
        """The step after which an input lets its token number `ordinal` go."""
        return self.step_putting(ordinal) + self.hold - 1

    def tokens_by(self, step: int) -> int:
        """Tokens that an output has put once `step` is done."""
        groups = (step - self.first) // self.period + 1
        return max(0, min(groups, self.groups)) * self.size


def steps_per_pass(unit: Unit) -> int:
    """Steps of an iteration; of a unit that runs once a call, all its steps."""
    match unit:
        case Load() | Store():
            return unit.pattern.tiles
        case Gather():
            return 1
        case Stage():
            return unit.firings
        case Carry() | Collective():
            return unit.tiles


def passes_of(unit: Unit, iterations: int) -> int:
    """How often a unit's steps are repeated in a call; a carry ends with a pass that puts out `final`."""
    match unit:
        case Load() | Store():
            return 1 if unit.once else iterations
        case Gather() | Stage() | Collective():
            return iterations
        case Carry():
            return iterations + 1


def inputs_of(unit: Unit, iterations: int, gate_tile: int = 0) -> tuple[Port, ...]:
    """The input ports of a unit; `gate_tile` is the first tile of a pass that waits for a load's gate."""
    passes, steps = passes_of(unit, iterations), steps_per_pass(unit)
    match unit:
        case Load():
            gate = unit.gate
            return () if gate is None else (Port(gate.channel, passes, period=steps, first=gate_tile),)
        case Gather():
            return (Port(unit.ids, passes),)
        case Store():
            return (Port(unit.channel, passes * steps),)
        case Stage():
            total = passes * steps
            return tuple(
                Port(p.channel, -(-total // p.period), p.period, p.gathered, p.period) for p in unit.inputs
            )
        case Carry():
            return (Port(unit.init, steps), Port(unit.next, iterations * steps, first=steps))
        case Collective():
            return (Port(unit.source, passes * steps),)


def outputs_of(unit: Unit, iterations: int) -> tuple[Port, ...]:
    """The output ports of a unit."""
    passes, steps = passes_of(unit, iterations), steps_per_pass(unit)
    match unit:
        case Load() | Collective():
            return tuple(Port(channel, passes * steps) for channel in unit.channels)
        case Gather():
            return tuple(Port(channel, passes) for channel in unit.channels)
        case Store():
            return tuple(Port(channel, passes, period=steps, first=steps - 1) for channel in unit.done)
        case Stage():
            total = passes * steps
            return tuple(
                Port(p.channel, total // p.period, p.period, first=p.period - 1) for p in unit.outputs
            )
        case Carry():
            current = tuple(Port(channel, iterations * steps) for channel in unit.current)
            return (*current, Port(unit.final, steps, first=iterations * steps))
