"""How many tokens each unit takes and puts at which of its steps: the static side of the firing rule.

A step of a stage is a firing, of a stream or a collective one tile, of a carry one copied tile, of a
counter one number.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from .program import Carry, Collective, Counter, Gather, Kernel, Load, Stage, Store, Unit


@dataclass(frozen=True)
class Port:
    """One end of a channel: tokens are taken or put in groups, a group every `period` steps.

    The groups come in as many equal bursts as there are `starts`: most ports have one; a carry and a gated
    load have one in each decode step.
    """

    channel: int
    groups: int
    """In a call."""
    period: int = 1
    size: int = 1
    """Tokens in a group."""
    hold: int = 1
    """Steps from a group's begin to its release."""
    starts: tuple[int, ...] = (0,)
    """The step of the first group of each burst."""

    @property
    def tokens(self) -> int:
        """Tokens in a call."""
        return self.groups * self.size

    @property
    def burst(self) -> int:
        """Groups of a burst."""
        return max(1, self.groups // len(self.starts))

    def step_of(self, group: int) -> int:
        """The step that begins a group."""
        burst, number = divmod(group, self.burst)
        return self.starts[burst] + number * self.period

    def groups_before(self, step: int) -> int:
        """How many groups have begun before a step."""
        burst = bisect_left(self.starts, step) - 1
        if burst < 0:
            return 0
        begun = -((self.starts[burst] - step) // self.period)
        return burst * self.burst + min(self.burst, begun)

    def step_putting(self, ordinal: int) -> int:
        """The step in which an output puts its token number `ordinal`."""
        return self.step_of(ordinal // self.size)

    def step_freeing(self, ordinal: int) -> int:
        """The step after which an input lets its token number `ordinal` go."""
        return self.step_putting(ordinal) + self.hold - 1

    def tokens_by(self, step: int) -> int:
        """Tokens that an output has put once `step` is done."""
        return self.groups_before(step + 1) * self.size


def steps_per_pass(unit: Unit) -> int:
    """Steps of an iteration; of a unit that runs once a call or once a decode step, the steps of that."""
    match unit:
        case Load() | Store():
            return unit.pattern.tiles
        case Gather() | Counter():
            return 1
        case Stage():
            return unit.firings
        case Carry() | Collective():
            return unit.tiles


def is_looped(unit: Unit) -> bool:
    """Whether a unit runs in every iteration, not only once a decode step or once a call."""
    if isinstance(unit, Counter) or unit.per_step:
        return False
    return not (isinstance(unit, Load | Store) and unit.once)


def rounds_of(unit: Unit, kernel: Kernel) -> tuple[int, int]:
    """How often a unit begins anew in a call, and how often it runs then.

    A unit of the loop begins anew with each decode step; one that runs once a step just goes on.
    """
    if is_looped(unit):
        return kernel.steps, kernel.iterations_per_step
    return 1, 1 if isinstance(unit, Load | Store) and unit.once else kernel.steps


def passes_of(unit: Unit, kernel: Kernel) -> int:
    """How often a unit's steps are repeated in a call; a round of a carry ends with a pass for `final`."""
    rounds, passes = rounds_of(unit, kernel)
    return rounds * (passes + 1) if isinstance(unit, Carry) else rounds * passes


def inputs_of(unit: Unit, kernel: Kernel, gates: Sequence[int] = (0,)) -> tuple[Port, ...]:
    """The input ports of a unit; `gates` are the first tiles that wait for a load's gate, in each step."""
    passes, steps = passes_of(unit, kernel), steps_per_pass(unit)
    match unit:
        case Load():
            if unit.gate is None:
                return ()
            length = passes // len(gates) * steps
            starts = tuple(number * length + gate for number, gate in enumerate(gates))
            return (Port(unit.gate.channel, passes, period=steps, starts=starts),)
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
            rounds, length = rounds_of(unit, kernel)
            begins = _begins(rounds, (length + 1) * steps)
            init = Port(unit.init, rounds * steps, starts=begins)
            following = tuple(begin + steps for begin in begins)
            return (init, Port(unit.next, rounds * length * steps, starts=following))
        case Counter():
            return ()
        case Collective():
            return (Port(unit.source, passes * steps),)


def outputs_of(unit: Unit, kernel: Kernel) -> tuple[Port, ...]:
    """The output ports of a unit."""
    passes, steps = passes_of(unit, kernel), steps_per_pass(unit)
    match unit:
        case Load() | Collective():
            return tuple(Port(channel, passes * steps) for channel in unit.channels)
        case Gather() | Counter():
            return tuple(Port(channel, passes) for channel in unit.channels)
        case Store():
            return tuple(Port(channel, passes, period=steps, starts=(steps - 1,)) for channel in unit.done)
        case Stage():
            total = passes * steps
            return tuple(
                Port(p.channel, total // p.period, p.period, starts=(p.period - 1,)) for p in unit.outputs
            )
        case Carry():
            rounds, length = rounds_of(unit, kernel)
            begins = _begins(rounds, (length + 1) * steps)
            current = tuple(Port(c, rounds * length * steps, starts=begins) for c in unit.current)
            if unit.final is None:
                return current
            ends = tuple(begin + length * steps for begin in begins)
            return (*current, Port(unit.final, rounds * steps, starts=ends))


def _begins(rounds: int, steps: int) -> tuple[int, ...]:
    return tuple(number * steps for number in range(rounds))


@dataclass(frozen=True)
class Order:
    """Where the passes of a unit stand in program order: from iteration `first` on, every so many."""

    first: int
    every: int

    def iteration(self, number: int) -> int:
        """The iteration that a pass belongs to."""
        return self.first + number * self.every


def order_of(kernel: Kernel, index: int) -> Order:
    """Where unit `index` stands: what runs once belongs to the first iteration, or the last one.

    A store that runs once a call stands in its last iteration. What runs once a decode step stands in the
    first iteration of the step if all units of the loop are behind it, else in the last one.
    """
    unit = kernel.units[index]
    if is_looped(unit):
        return Order(0, 1)
    if isinstance(unit, Load | Store) and unit.once:
        return Order(kernel.iterations - 1 if isinstance(unit, Store) else 0, 1)
    behind = any(map(is_looped, kernel.units[:index]))
    return Order(kernel.iterations_per_step - 1 if behind else 0, kernel.iterations_per_step)
