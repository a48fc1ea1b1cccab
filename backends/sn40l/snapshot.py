"""The state of a run at the end of a cycle, with what a later one must be compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .engine import KernelRun
from .events import Event
from .ledger import Idle
from .servers import Server


class Book(Protocol):
    """What a run is watched for: counts that grow as it goes on."""

    def counts(self, now: int) -> Sequence[int]:
        """All counts up to the end of cycle `now`."""
        ...

    def repeat(self, since: Sequence[int], times: int, cycles: int) -> None:
        """Count what came behind the counts `since` another `times` times; it took `cycles`."""
        ...


@dataclass(frozen=True)
class ServerState:
    """A server: when it will be free, and its counts."""

    free_at: int
    busy_cycles: int
    read_bytes: int
    written_bytes: int

    @staticmethod
    def of(server: Server) -> ServerState:
        """As it is now."""
        return ServerState(server.free_at, server.busy_cycles, server.read_bytes, server.written_bytes)


@dataclass(frozen=True)
class Snapshot:
    """All from which the state of a run follows, once it is known how much each unit has moved on.

    Ports and slots are where the steps and the tokens that have passed say; a stage is busy while the event
    of its finish is to come; of the requests that wait at servers, the steps not yet served are the ones.
    """

    now: int
    iteration: int
    likeness: tuple[int, ...]
    """Per unit the step, counted from the iteration's; different where two states cannot be alike."""
    steps: list[int]
    arrived: list[int]
    """Per channel, as `released`."""
    released: list[int]
    events: list[Event]
    """To come, in this order."""
    servers: tuple[ServerState, ...]
    idle: Idle
    in_flight: tuple[int, int, int]
    accesses: tuple[int, ...]
    books: tuple[Sequence[int], ...]

    @staticmethod
    def of(run: KernelRun, iteration: int, starts: Sequence[int], books: Sequence[Book]) -> Snapshot:
        """As the run is now; `starts` are the units' first steps of the iteration, 0 where they have none."""
        now, units = run.now, run.units
        steps = [unit.step for unit in units]
        likeness = (
            -1 if unit.step == unit.steps else unit.step - start
            for unit, start in zip(units, starts, strict=True)
        )
        return Snapshot(
            now,
            iteration,
            tuple(likeness),
            steps,
            [channel.arrived for channel in run.channels],
            [channel.released for channel in run.channels],
            sorted(run.calendar.events, key=_order),
            tuple(map(ServerState.of, run.servers)),
            run.in_flight.idle(),
            run.in_flight.state(now),
            run.order.counts(),
            tuple(book.counts(now) for book in books),
        )


def _order(event: Event) -> tuple[int, int]:
    return event[:2]
