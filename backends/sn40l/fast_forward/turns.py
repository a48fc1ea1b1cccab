"""The turns of a loop that can be like one another, and the state of a run at the begin of each.

A loop runs once each time that the loop around it begins an iteration; its turns are its iterations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ....dialects.vocabulary import Rate
from ..engine import KernelRun
from ..firing import UnitRun
from ..idling import Idle, InFlightState
from ..kernel import Kernel
from ..servers import Event, Server

DONE = -(1 << 62)
"""It stands for the firing of a unit that has fired for the last time."""


@dataclass(frozen=True)
class Turns:
    """The iterations of a loop from when it begins anew to its end."""

    loop: Rate
    count: int
    strides: Sequence[int]
    """Each unit fires so often in a turn; 0 of one that does not run in every turn."""
    bounds: Sequence[int]
    """With this firing of each unit its part in them ends."""
    last: int
    """The number in program order of the last pass in them."""
    replayed: int
    """So many of the last ones are replayed in any case."""

    @staticmethod
    def of(kernel: Kernel, loop: Rate, round: int, replayed: int) -> Turns:
        """Those that a loop has in a round: when it runs for this time."""
        tree = kernel.tree
        rounds, count = tree.rounds(loop)
        bounds: list[int] = []
        last = 0
        for unit, placement in zip(kernel.units, kernel.placements, strict=True):
            firings, rate = unit.firings_per_call(kernel), unit.runs(kernel)
            if tree.is_inside(rate, loop):
                firings = firings // rounds * (round + 1)
                last = max(last, placement.number(tree.passes(rate) // rounds * (round + 1) - 1))
            bounds.append(firings)
        return Turns(loop, count, strides_of(kernel, loop), bounds, last, replayed)


def strides_of(kernel: Kernel, loop: Rate) -> list[int]:
    """The firings of each unit in an iteration of a loop; 0 of one that does not run in every iteration.

    A pass that ends a round is no iteration's.
    """
    tree, strides = kernel.tree, list[int]()
    for unit in kernel.units:
        rate = unit.runs(kernel)
        if rate == loop:
            strides.append(unit.firings_per_pass)
        elif tree.is_inside(rate, loop):
            strides.append(unit.firings_per_call(kernel) // tree.passes(loop))
        else:
            strides.append(0)
    return strides


@dataclass(frozen=True)
class Leader:
    """The unit whose first firing in an iteration of a loop is where that begins."""

    loop: Rate
    run: UnitRun
    iterations: int
    """The loop has so many in a call."""
    count: int
    """It has so many each time that it runs."""
    round_firings: int
    """The unit fires so often in them; a round may end with a pass in which no iteration begins."""

    @staticmethod
    def all_of(run: KernelRun) -> list[Leader]:
        """Those of the loops with several iterations, of the outermost first.

        Each is the first unit of the loop of the kind that leads best, see `Unit.leads`.
        """
        kernel, leaders = run.call.kernel, list[Leader]()
        for loop in kernel.tree.loops:
            units = [unit for unit in run.units if unit.unit.runs(kernel) == loop.name]
            if units and loop.count > 1:
                rounds, iterations = kernel.tree.rounds(loop.name)[0], kernel.tree.passes(loop.name)
                unit = max(units, key=lambda unit: unit.unit.leads)
                leaders.append(Leader(loop.name, unit, iterations, loop.count, unit.firings // rounds))
        return leaders

    def begun(self) -> int:
        """How many iterations have begun."""
        rounds, firing = divmod(self.run.firing, self.round_firings)
        in_round = min(self.count, -(-firing // self.run.firings_per_pass))
        return rounds * self.count + in_round

    def firing_of(self, iteration: int) -> int:
        """The firing with which an iteration begins."""
        rounds, number = divmod(iteration, self.count)
        return rounds * self.round_firings + number * self.run.firings_per_pass


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
    idle: tuple[Idle, Idle]
    """Of HBM, by reason, as of `in_flight`."""
    in_flight: tuple[InFlightState, InFlightState]
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
            run.reasons.idle(),
            run.reasons.state(),
            run.order.counts(),
            [observer.counts() for observer in observers],
        )
