"""The state of a run at the end of a cycle, with what a later one must be compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ..engine import KernelRun
from ..ledger import Idle
from ..servers import Event, Server

DONE = -(1 << 62)
"""It stands for the firing of a unit that has fired for the last time."""


class Observer(Protocol):
    """What watches a run, and must keep its counts when the run is moved on."""

    def begin(self, iteration: int) -> None:
        """In the cycle that is over an iteration has begun."""
        ...

    def look(self) -> None:
        """A cycle in which something happened is over."""
        ...

    def counts(self) -> Sequence[int]:
        """Numbers that grow as the run goes on."""
        ...

    def repeat(self, since: Sequence[int], times: int) -> None:
        """The run has moved on by `times` periods like the last one, which began at the counts `since`."""
        ...


class ServerState(NamedTuple):
    """A server: when it will be free, and its counts."""

    free_at: int
    busy_cycles: int
    read_bytes: int
    written_bytes: int

    @staticmethod
    def of(server: Server) -> ServerState:
        """As it is now."""
        return ServerState(server.free_at, server.busy_cycles, server.read_bytes, server.written_bytes)


class Snapshot(NamedTuple):
    """All from which the state of a run follows, once it is known how much each unit has moved on.

    Ports and slots are where the firings and the tokens that have passed say; a unit is busy while the event
    of its finish is to come; the requests that wait at servers are the firings not yet served.
    """

    now: int
    turn: int
    """It is the one of the loop that begins."""
    phase: int
    """It is a hash of the units' firings from the first one of the turn on."""
    firings: list[int]
    """There is one for each unit."""
    arrived: list[int]
    """There is one for each channel, as of `released`."""
    released: list[int]
    events: list[Event]
    """They are to come, and a heap."""
    servers: list[ServerState]
    idle: Idle
    in_flight: tuple[int, int, int]
    accesses: tuple[int, ...]
    observed: list[Sequence[int]]

    @staticmethod
    def of(run: KernelRun, turn: int, strides: Sequence[int], observers: Sequence[Observer]) -> Snapshot:
        """As the run is now; `strides` are the units' firings of a turn, 0 of one that is in no loop."""
        firings = [unit.firing for unit in run.units]
        phase = tuple(
            DONE if firing == unit.firings else firing - turn * stride
            for unit, firing, stride in zip(run.units, firings, strides, strict=True)
        )
        return Snapshot(
            run.now,
            turn,
            hash(phase),
            firings,
            [channel.arrived for channel in run.channels],
            [channel.released for channel in run.channels],
            run.calendar.events.copy(),
            [ServerState.of(server) for server in run.servers],
            run.in_flight.idle(),
            run.in_flight.state(),
            run.order.counts(),
            [observer.counts() for observer in observers],
        )
