"""Collectives at run time: tiles that go over a socket's links and meet those of the other sockets."""

from __future__ import annotations

from dataclasses import dataclass

from ...dialects.machine import Machine
from ..collectives import COLLECTIVES
from ..tensors import Array
from .links import InFlight
from .program import Collective
from .servers import ServedRun, Server, Transfer
from .units import Place


class CollectiveRun(ServedRun):
    """A collective on one socket: it sends each tile over the links and puts out what all sockets' make.

    The tile's slot is free when it has been sent.
    """

    unit: Collective
    writes = True

    def __init__(self, unit: Collective, place: Place, links: Links, machine: Machine):
        how = unit.operation, unit.algorithm, place.inputs[0].channel.channel.tile_bytes
        busy, self._latency = machine.exchange_cycles(*how)
        super().__init__(unit, place, Transfer(links.server, busy, machine.exchange_bytes(*how)))
        self._links = links

    def iteration(self, step: int) -> int:
        return self.order.iteration(step // self.unit.tiles)

    def fire(self, now: int, step: int) -> None:
        self._links.in_flight.begin(now)
        super().fire(now, step)

    def serve(self, now: int, end: int, step: int) -> None:
        around, channel = self.around, self.inputs[0].channel
        tile = channel.tiles(step, 1)[0].copy() if around.data is not None else None
        around.calendar.at(end, channel.release, 1)
        self._links.exchange.send(Sent(self, end, tile), step)

    def receive(self, sent: int, step: int, tile: Array | None) -> None:
        """All sockets have sent their tile, the last one at `sent`; this is what they make."""
        self.around.calendar.at(sent + self._latency, self.arrive, step, tile)

    def arrive(self, now: int, step: int, tile: Array | None) -> None:
        """The result is there."""
        self._links.in_flight.end(now)
        for port in self.outputs:
            channel = port.channel
            self.around.calendar.at(now + channel.latency, channel.deliver, step, tile)


@dataclass(frozen=True)
class Links:
    """The links of a socket in a call."""

    server: Server
    in_flight: InFlight
    exchange: Exchange


@dataclass(frozen=True)
class Sent:
    """A tile that a socket sends."""

    unit: CollectiveRun
    end: int
    """When the last byte has left."""
    tile: Array | None


class Exchange:
    """Where the tiles of the sockets that are run meet.

    Of sockets that are not run, each is taken to do at the same time what one that is run does.
    """

    def __init__(self, sockets: int = 1):
        self._sockets = sockets
        self._waiting: dict[tuple[int, int], list[Sent]] = {}
        """By unit and step, what has been sent while others' tiles are missing."""

    def send(self, sent: Sent, step: int) -> None:
        """A socket sends its tile of a step; with the last one, all receive the result."""
        key = (sent.unit.index, step)
        tiles = [*self._waiting.pop(key, ()), sent]
        if len(tiles) < self._sockets:
            self._waiting[key] = tiles
            return
        tiles.sort(key=lambda one: one.unit.around.socket)
        last = max(one.end for one in tiles)
        for one, result in zip(tiles, _results(tiles), strict=True):
            one.unit.receive(last, step, result)

    def first_waiting(self) -> tuple[int, list[Sent]] | None:
        """A step whose tiles have not all been sent, and those that have."""
        return next(((step, tiles) for (_, step), tiles in self._waiting.items()), None)


def _results(tiles: list[Sent]) -> list[Array | None]:
    """What each socket gets; the tiles stand in the order of the sockets."""
    operands = [[one.tile] for one in tiles if one.tile is not None]
    if len(operands) < len(tiles):
        return [None] * len(tiles)
    run = tiles[0].unit
    attributes = {} if run.unit.axis is None else {"axis": run.unit.axis}
    result = run.outputs[0].channel.channel.tile
    assert result is not None, "checked: a collective puts out tiles"
    return [*COLLECTIVES[f"collective.{run.unit.operation}"](operands, attributes, result)]
