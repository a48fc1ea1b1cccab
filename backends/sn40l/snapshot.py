"""The state of a run at the end of a cycle, with what a later one must be compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from .engine import KernelRun
from .events import Event
from .ledger import Idle
from .servers import Server

DONE = -(1 << 62)
"""What stands for the step of a unit that has taken all."""


class Book(Protocol):
    """What a run is watched for."""

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

    Ports and slots are where the steps and the tokens that have passed say; a stage is busy while the event
    of its finish is to come; of the requests that wait at servers, the steps not yet served are the ones.
    """

    now: int
    iteration: int
    likeness: int
    """Hash of the units' steps from the first one of the iteration on."""
    steps: list[int]
    """Per unit."""
    arrived: list[int]
    """Per channel, as `released`."""
    released: list[int]
    events: list[Event]
    """To come, a heap."""
    servers: list[ServerState]
    idle: Idle
    in_flight: tuple[int, int, int]
    accesses: tuple[int, ...]
    books: list[Sequence[int]]

    @staticmethod
    def of(run: KernelRun, iteration: int, strides: Sequence[int], books: Sequence[Book]) -> Snapshot:
        """As the run is now; `strides` are the units' steps of an iteration, 0 of one that is in no loop."""
        now = run.now
        steps = [unit.step for unit in run.units]
        likeness = tuple(
            DONE if step == unit.steps else step - iteration * stride
            for unit, step, stride in zip(run.units, steps, strides, strict=True)
        )
        return Snapshot(
            now,
            iteration,
            hash(likeness),
            steps,
            [channel.arrived for channel in run.channels],
            [channel.released for channel in run.channels],
            run.calendar.events.copy(),
            [ServerState.of(server) for server in run.servers],
            run.in_flight.idle(),
            run.in_flight.state(),
            run.order.counts(),
            [book.counts() for book in books],
        )
