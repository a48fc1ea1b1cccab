"""The turns of a loop that can be like one another, and the state of a run at the begin of each.

A loop is that of the iterations of a decode step, or that of the steps of a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ..engine import KernelRun
from ..firing import UnitRun
from ..kernel import Kernel, Unit
from ..ledger import Idle
from ..servers import Event, Server

DONE = -(1 << 62)
"""It stands for the firing of a unit that has fired for the last time."""


@dataclass(frozen=True)
class Loop:
    """The iterations of a decode step, or all decode steps of a call: its turns."""

    end: int
    """This turn is the one behind the last."""
    iterations: int
    """A turn has so many."""
    strides: Sequence[int]
    """Each unit fires so often in a turn; 0 of one that does not run in every turn."""
    bounds: Sequence[int]
    """With this firing of each unit its part in the loop ends."""
    is_of_steps: bool = False
    """It says whether the turns are decode steps."""

    @property
    def last_iteration(self) -> int:
        """The last one of the last turn."""
        return self.end * self.iterations - 1

    @staticmethod
    def of_steps(kernel: Kernel) -> Loop:
        """All decode steps of a call."""
        firings = [unit.firings_per_call(kernel) for unit in kernel.units]
        strides = [_firings_per_step(unit, kernel) for unit in kernel.units]
        return Loop(kernel.steps, kernel.iterations_per_step, strides, firings, is_of_steps=True)

    @staticmethod
    def of_iterations(kernel: Kernel, decode_step: int) -> Loop:
        """The iterations of a decode step."""
        firings = [unit.firings_per_call(kernel) for unit in kernel.units]
        bounds = [
            count // kernel.steps * (decode_step + 1) if unit.is_looped else count
            for unit, count in zip(kernel.units, firings, strict=True)
        ]
        return Loop((decode_step + 1) * kernel.iterations_per_step, 1, strides_of(kernel), bounds)


def _firings_per_step(unit: Unit, kernel: Kernel) -> int:
    """Firings of a decode step; a pass that ends the call is no step's."""
    if unit.is_looped:
        return unit.firings_per_call(kernel) // kernel.steps
    return unit.firings_per_pass if unit.rate == "step" else 0


def strides_of(kernel: Kernel) -> list[int]:
    """The firings of an iteration of each unit; 0 of one that does not run in every iteration."""
    return [
        unit.firings_per_pass if unit.is_looped and unit.passes(kernel) > 1 else 0 for unit in kernel.units
    ]


@dataclass(frozen=True)
class Leader:
    """The unit whose first firing in an iteration is where that begins."""

    run: UnitRun
    round_firings: int
    """It fires so often in a decode step; a round may end with a pass in which no iteration begins."""
    round_iterations: int

    @staticmethod
    def of(run: KernelRun) -> Leader | None:
        """The first unit of the loop of the kind that leads best, see `Unit.leads`; None without a loop."""
        kernel = run.call.kernel
        looped = [unit for unit, stride in zip(run.units, strides_of(kernel), strict=True) if stride]
        unit = max(looped, key=lambda unit: unit.unit.leads, default=None)
        if unit is None:
            return None
        return Leader(unit, unit.firings // kernel.steps, kernel.iterations_per_step)

    def begun(self) -> int:
        """How many iterations have begun."""
        rounds, firing = divmod(self.run.firing, self.round_firings)
        in_round = min(self.round_iterations, -(-firing // self.run.unit.firings_per_pass))
        return rounds * self.round_iterations + in_round

    def firing_of(self, iteration: int) -> int:
        """The firing with which an iteration begins."""
        rounds, number = divmod(iteration, self.round_iterations)
        return rounds * self.round_firings + number * self.run.unit.firings_per_pass


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
