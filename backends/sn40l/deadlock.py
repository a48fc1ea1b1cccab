"""A deadlock is told by who waits for whom, and by the depth that would break the circle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .errors import DeadlockError
from .firing import ChannelRun, InputState, OutputState, UnitRun


@dataclass(frozen=True)
class _Wait:
    """A unit cannot fire because a port has no tokens, or no free slot."""

    unit: UnitRun
    port: InputState | OutputState

    @property
    def channel(self) -> ChannelRun:
        return self.port.channel

    @property
    def other(self) -> UnitRun:
        """The unit at the other end of the channel."""
        return self.channel.producer if isinstance(self.port, InputState) else self.channel.consumer

    def __str__(self) -> str:
        channel = self.channel
        name, depth = f"channel '{channel.channel.name}'", channel.depth
        if isinstance(self.port, OutputState):
            return f"{self.unit} waits for {self.other} to free a slot of {name}, depth {depth}"
        size = self.port.port.size
        there = channel.arrived - (self.port.needed - size)
        what = "a token" if size == 1 else f"{size} tokens ({there} there)"
        return f"{self.unit} waits for {what} of {self.other} on {name}, depth {depth}"

    def firing_of_other(self) -> int:
        """The firing of the other unit that ends the wait."""
        channel, other = self.channel, self.other
        if isinstance(self.port, InputState):
            port = next(state.port for state in other.outputs if state.channel is channel)
            return port.firing_putting(self.port.needed - 1)
        port = next(state.port for state in other.inputs if state.channel is channel)
        return port.firing_freeing(channel.released)


def deadlock(units: Sequence[UnitRun], now: int) -> DeadlockError:
    """The error for units that have work left although nothing can happen any more."""
    waits = {unit.index: _wait_of(unit) for unit in units if not unit.is_done}
    chains = [_follow(waits, start) for start in waits]
    chain = next((chain for chain in chains if _is_circle(chain)), chains[0])
    last = chain[-1]
    way_out = _way_out(chain) if _is_circle(chain) else f"{last.other} has taken all its steps"
    text = "; ".join(map(str, chain))
    return DeadlockError(f"deadlock at cycle {now}: {text}; {way_out}", last.unit.unit.location)


def _wait_of(unit: UnitRun) -> _Wait:
    for port in unit.inputs:
        if port.begin == unit.firing and port.channel.arrived < port.needed:
            return _Wait(unit, port)
    full = (port for port in unit.outputs if port.begin == unit.firing and port.channel.is_full)
    return _Wait(unit, next(full))


def _follow(waits: Mapping[int, _Wait], start: int) -> list[_Wait]:
    """Who waits for whom, from a unit on: a circle, or a chain that ends at a unit without work left."""
    path, here = list[int](), start
    while here in waits and here not in path:
        path.append(here)
        here = waits[here].other.index
    if here in path:
        path = path[path.index(here) :]
    return [waits[index] for index in path]


def _is_circle(chain: Sequence[_Wait]) -> bool:
    return chain[-1].other is chain[0].unit


def _way_out(circle: Sequence[_Wait]) -> str:
    """The cheapest depth that lets one unit of the circle go on until the unit that waits for it can."""
    choices: list[tuple[int, int, str]] = []
    for before, wait in zip((circle[-1], *circle[:-1]), circle, strict=True):
        if isinstance(wait.port, OutputState):
            channel = wait.channel
            depth = wait.port.port.tokens_by(before.firing_of_other()) - channel.released
            more_bytes = (depth - channel.depth) * channel.channel.tile_bytes
            choices.append((more_bytes, depth, channel.channel.name))
    if not choices:
        return "no depth breaks this circle, each waits for a token"
    _, depth, name = min(choices)
    return f"depth {depth} of channel '{name}' breaks the circle"
