"""Which algorithm each exchange between sockets takes, and whether fewer sockets are faster: a pure solver.

**Algorithms.** All tiles of an exchange go over the links one behind another, which are busy for the sum of
their times; what the last one takes besides is its latency. A maker that takes longer to make the tiles hides
all but the last. How long that is depends on what a pass of a kernel waits for. Where memory is its
bottleneck, tiles come as fast as weights do; where the chain of its stages and exchanges is, weights have
been loaded ahead, and tiles come at once.

**Sockets.** A pass takes as long as memory or as that chain, whichever is longer. More sockets have less to
read each, and more to exchange, so there is a number from which on a step becomes slower. What stays in
SRAM stays on fewer sockets as far as there is room.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ...dialects.machine import Machine
from ...dialects.vocabulary import ALGORITHMS
from .solver import divisors


@dataclass(frozen=True)
class Share:
    """What a socket has of something: an amount, of bytes or cycles."""

    amount: float
    parts: int = 1
    """Over all sockets there are so many; neighbours have the same one where they are fewer."""
    filled: float = 1.0
    """How much of it is no padding."""

    def on(self, sockets: int) -> float:
        """What a socket has where they are that few, and need no padding."""
        return self.amount * max(1.0, self.filled * self.parts / min(self.parts, sockets))


@dataclass(frozen=True)
class Exchange:
    """An exchange of `tiles` tiles, one behind another."""

    kind: str
    """It is one of `EXCHANGES`."""
    tile_bytes: int
    tiles: int
    made_cycles: int = 0
    """Cycles in which memory brings what its tiles are made of."""

    def cycles(self, machine: Machine, algorithm: str) -> int:
        """Cycles from when its maker starts until the last result is there."""
        busy, latency = machine.exchange_cycles(self.kind, algorithm, self.tile_bytes)
        first = -(-self.made_cycles // self.tiles)
        return max(self.made_cycles + busy, first + self.tiles * busy) + latency

    def fastest(self, machine: Machine) -> str:
        """The algorithm that has the last result soonest, the first of equal ones."""
        return min(ALGORITHMS, key=lambda algorithm: self.cycles(machine, algorithm))

    def least_cycles(self, machine: Machine) -> int:
        """Cycles of the fastest algorithm."""
        return self.cycles(machine, self.fastest(machine))

    def on(self, sockets: int, before: int) -> Exchange:
        """The exchange between other sockets: what is gathered comes in parts of the same whole."""
        gathers = self.kind == "all_gather"
        return replace(self, tile_bytes=-(-self.tile_bytes * before // sockets)) if gathers else self


@dataclass(frozen=True)
class Load:
    """What a socket does in each pass of a loop, or of a call."""

    streams: Sequence[Share]
    """Cycles for which memory is busy."""
    work: Sequence[Share]
    """Cycles of the stages, if each had a single PCU."""
    depth_cycles: int
    """Cycles from stage to stage, one behind another, without their work."""
    exchanges: Sequence[Exchange]
    passes: int = 1
    """So many there are in a step."""
    residents: Sequence[Share] = ()
    """Cycles for which memory would be busy with weights that stay in SRAM."""

    def chain_cycles(self, machine: Machine) -> float:
        """Cycles of a pass if its streams have loaded ahead.

        All PCUs are shared out so that the sum of the stages' times is least (`units/solvers.py`).
        """
        work = sum(share.on(machine.sockets) ** 0.5 for share in self.work) ** 2 / machine.pcus
        at_once = (replace(exchange, made_cycles=0) for exchange in self.exchanges)
        return self.depth_cycles + work + sum(exchange.least_cycles(machine) for exchange in at_once)

    def memory_cycles(self, sockets: int, staying: float = 1.0) -> float:
        """Cycles for which memory is busy in a pass, where so much of the residents stays, of 1."""
        streams = sum(share.on(sockets) for share in self.streams)
        return streams + (1 - staying) * self.resident_cycles(sockets)

    def resident_cycles(self, sockets: int) -> float:
        """Cycles of memory that residents save in a pass if all of them stay."""
        return sum(share.on(sockets) for share in self.residents)

    def cycles(self, machine: Machine, staying: float = 1.0) -> float:
        """Cycles of all passes, where so much of the residents stays, of 1."""
        memory = self.memory_cycles(machine.sockets, staying)
        return self.passes * max(memory, self.chain_cycles(machine))

    def algorithms(self, machine: Machine) -> tuple[str, ...]:
        """The algorithm of each exchange on the machine whose socket it is."""
        waits_for_memory = self.memory_cycles(machine.sockets) >= self.chain_cycles(machine)
        return tuple(
            (one if waits_for_memory else replace(one, made_cycles=0)).fastest(machine)
            for one in self.exchanges
        )

    def on(self, sockets: int, before: int) -> Load:
        """The load of a socket of others: its shares are told the number when they are asked."""
        return replace(self, exchanges=[exchange.on(sockets, before) for exchange in self.exchanges])


@dataclass(frozen=True)
class Fewer:
    """A number of sockets that is faster than more of them, with the cycles of a step on both."""

    sockets: int
    cycles: float
    cycles_now: float


def fewer_sockets(loads: Iterable[Load], stored: Iterable[Share], machine: Machine) -> Fewer | None:
    """The fastest number of sockets that divides the machine's; None where that is all of them.

    `stored` are the bytes of a socket's weights and caches, which are to fit its HBM.
    """
    now, loads, stored = machine.sockets, [*loads], [*stored]
    took = {now: sum(load.cycles(machine) for load in loads)}
    for count in divisors(now)[:-1]:
        if sum(share.on(count) for share in stored) <= machine.hbm_bytes:
            smaller, staying = machine.with_values({"sockets": count}), _staying(loads, count, machine)
            took[count] = sum(load.on(count, now).cycles(smaller, staying) for load in loads)
    best = min(took, key=lambda count: (took[count], -count))
    return Fewer(best, took[best], took[now]) if best != now else None


def _staying(loads: Iterable[Load], sockets: int, machine: Machine) -> float:
    """How much of the residents the SRAM of so many sockets has room for, of 1."""
    wanted = sum(load.passes * load.resident_cycles(sockets) for load in loads)
    room = machine.hbm_cycles(machine.sram_bytes)
    return min(1.0, room / wanted) if wanted else 1.0
