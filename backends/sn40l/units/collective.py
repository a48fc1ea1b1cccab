"""Collectives: tiles that go over a socket's links and meet those of the other sockets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ....dialects.rules.rule import is_float
from ....dialects.vocabulary import ALGORITHMS, EXCHANGES
from ...tensors import Array, TensorSpec
from ..errors import ProgramError, require, require_parts
from ..firing import Place
from ..kernel import Channel, Kernel, Unit
from ..ports import Port
from ..servers import Sent
from .common import ServedRun, Transfer

if TYPE_CHECKING:
    from ....dialects.dataflow import ExchangeOp
    from ..numbering import Numbering


@dataclass(frozen=True)
class Collective(Unit):
    """An exchange between sockets: every tile of `source` goes to all of them, see `dataflow.collective`."""

    operation: str
    """It is one of `EXCHANGES`."""
    algorithm: str
    """It is one of `ALGORITHMS`."""
    source: int
    channels: tuple[int, ...]
    tiles: int
    """There are so many in an iteration."""
    axis: int | None = None
    """Along it stand the tiles of an all_gather, one behind the other."""

    op_name: ClassVar[str] = "dataflow.collective"
    named_by_inputs: ClassVar[bool] = True

    @property
    def across_sockets(self) -> str | None:
        return ""

    @property
    def firings_per_pass(self) -> int:
        return self.tiles

    def takes(self, kernel: Kernel, gates: Sequence[int] = (0,)) -> tuple[Port, ...]:
        return (Port(self.source, self.firings_per_call(kernel)),)

    def puts(self, kernel: Kernel) -> tuple[Port, ...]:
        return tuple(Port(channel, self.firings_per_call(kernel)) for channel in self.channels)

    def check(self, kernel: Kernel, sockets: int) -> None:
        known = self.operation in EXCHANGES
        require(known, f"operation '{self.operation}'; known: {', '.join(EXCHANGES)}")
        require(self.algorithm in ALGORITHMS, f"algorithm '{self.algorithm}'; known: {', '.join(ALGORITHMS)}")
        require(len(self.channels) > 0, "it feeds no channel")
        tile, results = kernel.channels[self.source].tile, [kernel.channels[one] for one in self.channels]
        if tile is None:
            raise ProgramError("its source holds bare tokens")
        gathers = self.operation != "all_reduce"
        require(gathers or self.axis is None, f"axis {self.axis} of an all_reduce, which has none")
        require(is_float(tile.dtype), f"sockets exchange floats, its source holds {tile}")
        wanted = tile if not gathers else self._gathered(tile, results[0], sockets)
        for result in results:
            require(
                result.tile == wanted, f"it makes a {wanted}, channel '{result.name}' holds {result.tile}"
            )

    def _gathered(self, part: TensorSpec, result: Channel, sockets: int) -> TensorSpec:
        """What an all_gather makes of as many parts as its first result has."""
        axis, whole = self.axis, result.tile
        if axis is None or not 0 <= axis < len(part.shape):
            raise ProgramError(f"axis {axis} of a {part}")
        same_rank = whole is not None and len(whole.shape) == len(part.shape)
        parts = whole.shape[axis] // part.shape[axis] if whole is not None and same_rank else 0
        require(parts > 0, f"channel '{result.name}' holds {whole}, no parts of {part}")
        require_parts(parts, sockets, f"it puts {parts} parts together")
        shape = (*part.shape[:axis], part.shape[axis] * parts, *part.shape[axis + 1 :])
        return TensorSpec(shape, part.dtype)

    @staticmethod
    def emit(op: ExchangeOp, numbering: Numbering) -> Collective:
        return Collective(
            f"{op.kind.data} {op.source.name_hint or ''}".strip(),
            op.kind.data,
            op.algorithm.data,
            numbering.channel(op.source),
            numbering.channels(op.channels),
            op.tiles.value.data,
            op.axis.value.data if op.axis is not None else None,
        )


class CollectiveRun(ServedRun):
    """A collective on one socket: it sends each tile over the links and puts out what all sockets' make.

    The tile's slot is free when it has been sent.
    """

    unit: Collective
    writes = True

    def __init__(self, unit: Collective, place: Place):
        around = place.around
        how = unit.operation, unit.algorithm, place.inputs[0].channel.channel.tile_bytes
        busy, latency = around.machine.exchange_cycles(*how)
        super().__init__(
            unit, place, Transfer(around.link, busy, around.machine.exchange_bytes(*how), latency)
        )

    def fire(self, now: int, firing: int) -> None:
        self.around.reasons.send(now)
        super().fire(now, firing)

    def serve(self, now: int, end: int, firing: int) -> None:
        around, channel = self.around, self.inputs[0].channel
        tile = channel.tiles(firing, 1)[0].copy() if around.data is not None else None
        around.calendar.at(end, channel.release, 1)
        around.exchange.send(Sent(self, around.socket, end, tile), firing)

    def receive(self, sent: int, firing: int, tile: Array | None) -> None:
        """All sockets have sent their tile, the last one at `sent`; this is what they make."""
        self.around.calendar.at(sent + self.latency, self.arrive, firing, tile)

    def combined(self, tiles: list[Array]) -> list[Array]:
        """What each socket gets; the tiles stand in the order of the sockets."""
        from ...collectives import COLLECTIVES

        attributes = {} if self.unit.axis is None else {"axis": self.unit.axis}
        result = self.outputs[0].channel.channel.tile
        assert result is not None, "checked: a collective puts out tiles"
        exchange = COLLECTIVES[f"collective.{self.unit.operation}"]
        return exchange([[tile] for tile in tiles], attributes, result)

    def arrive(self, now: int, firing: int, tile: Array | None) -> None:
        """The result is there."""
        self.around.reasons.arrive(now)
        for port in self.outputs:
            channel = port.channel
            self.around.calendar.at(now + channel.latency, channel.deliver, firing, tile)
