"""Counters: where the decode steps of a call stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from ....dialects.vocabulary import STEP, Rate
from ...tensors import Array
from ..binding import Arguments, Bound
from ..errors import require
from ..firing import Place
from ..kernel import Kernel, Unit
from ..ports import Port
from .common import PipelineRun
from .patterns import require_scalar, require_tiles

if TYPE_CHECKING:
    from ....dialects.dataflow import CounterOp
    from ..numbering import Numbering


@dataclass(frozen=True)
class Counter(Unit):
    """Where the decode steps stand: in step s, the scalar at `position_parameter` plus s to all channels."""

    channels: tuple[int, ...]
    position_parameter: int
    rate: Rate | None = field(default=STEP, kw_only=True)

    op_name: ClassVar[str] = "dataflow.counter"
    needs_loop: ClassVar[bool] = True

    @property
    def firings_per_pass(self) -> int:
        return 1

    @property
    def positions(self) -> tuple[int, ...]:
        return (self.position_parameter,)

    def takes(self, kernel: Kernel, gates: Sequence[int] = (0,)) -> tuple[Port, ...]:
        return ()

    def puts(self, kernel: Kernel) -> tuple[Port, ...]:
        return tuple(Port(channel, self.passes(kernel)) for channel in self.channels)

    def bind(self, kernel: Kernel, index: int, arguments: Arguments) -> Bound:
        return Bound(first=arguments.position(self.position_parameter))

    def check(self, kernel: Kernel, sockets: int) -> None:
        require(self.runs(kernel) == STEP, f"rate '{self.rate}'; it counts at rate '{STEP}'")
        require_scalar(kernel, self.position_parameter)
        require_tiles(kernel, self.channels, kernel.parameters[self.position_parameter].tensor)

    @staticmethod
    def emit(op: CounterOp, numbering: Numbering) -> Counter:
        return Counter(
            f"count {numbering.name(op.first)}",
            numbering.channels(op.channels),
            numbering.parameter(op.first),
        )


class CounterRun(PipelineRun):
    """A counter: it puts out one number after the other."""

    unit: Counter

    def __init__(self, unit: Counter, place: Place):
        super().__init__(unit, place)
        self._first = place.bound.first

    def compute(self, firing: int) -> list[Array]:
        import numpy as np

        tiles = [port.channel.channel.tile for port in self.outputs]
        return [np.asarray(self._first + firing, tile.numpy_dtype) for tile in tiles if tile is not None]
