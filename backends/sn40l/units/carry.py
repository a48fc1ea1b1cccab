"""Carries: the values that a loop hands from iteration to iteration, or a call from step to step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ....dialects.vocabulary import Rate
from ...tensors import Array
from ..errors import require
from ..firing import Place
from ..kernel import Kernel, Port, Unit
from .common import PipelineRun

if TYPE_CHECKING:
    from ....dialects.dataflow import CarryOp
    from ..numbering import Numbering


@dataclass(frozen=True)
class Carry(Unit):
    """The carried value of a loop: `init` for iteration 0, `next` after it, `final` after the last.

    Whenever the loop begins anew it takes `init` again. Without `final` the last tiles go nowhere.
    """

    tiles: int
    """The value has so many tiles in an iteration."""
    init: int
    next: int
    final: int | None
    current: tuple[int, ...]

    op_name: ClassVar[str] = "dataflow.carry"
    needs_loop: ClassVar[bool] = True
    leads: ClassVar[int] = 2
    """It waits for what the iteration before has made."""

    @property
    def firings_per_pass(self) -> int:
        return self.tiles

    def rate_at(self, channel: int, kernel: Kernel) -> Rate:
        """A loop begins and ends as often as what is around it."""
        rate = self.runs(kernel)
        return kernel.tree.path(rate)[-1].inside if channel in (self.init, self.final) else rate

    def passes(self, kernel: Kernel) -> int:
        """A round ends with a pass for `final`."""
        rounds, passes = self.rounds(kernel)
        return rounds * (passes + 1)

    def takes(self, kernel: Kernel, gates: Sequence[int] = (0,)) -> tuple[Port, ...]:
        (rounds, passes), begins = self.rounds(kernel), self._begins(kernel)
        following = tuple(begin + self.tiles for begin in begins)
        return (
            Port(self.init, rounds * self.tiles, starts=begins),
            Port(self.next, rounds * passes * self.tiles, starts=following),
        )

    def puts(self, kernel: Kernel) -> tuple[Port, ...]:
        (rounds, passes), begins = self.rounds(kernel), self._begins(kernel)
        current = tuple(Port(one, rounds * passes * self.tiles, starts=begins) for one in self.current)
        if self.final is None:
            return current
        ends = tuple(begin + passes * self.tiles for begin in begins)
        return (*current, Port(self.final, rounds * self.tiles, starts=ends))

    def _begins(self, kernel: Kernel) -> tuple[int, ...]:
        """The first firing of each round."""
        rounds, passes = self.rounds(kernel)
        return tuple(number * (passes + 1) * self.tiles for number in range(rounds))

    def check(self, kernel: Kernel, sockets: int) -> None:
        init = kernel.channels[self.init].tile
        require(init is not None, "it copies bare tokens")
        final = () if self.final is None else (self.final,)
        for index in (self.next, *final, *self.current):
            other = kernel.channels[index]
            require(other.tile == init, f"channel '{other.name}' holds {other.tile}, `init` {init}")

    @staticmethod
    def emit(op: CarryOp, numbering: Numbering) -> Carry:
        return Carry(
            f"carry {op.current[0].name_hint or ''}".strip() if op.current else "carry",
            op.tiles.value.data,
            numbering.channel(op.init),
            numbering.channel(op.next),
            None if op.final is None else numbering.channel(op.final),
            numbering.channels(op.current),
        )


class CarryRun(PipelineRun):
    """A carry: it copies tiles of `init`, then of `next`, to `current`, and the last ones to `final`."""

    unit: Carry

    def __init__(self, unit: Carry, place: Place):
        super().__init__(unit, place)
        self._round = place.firings // len(place.inputs[0].port.starts)
        """It fires so often from one tile of `init` to the same one of the next round."""

    def compute(self, firing: int) -> list[Array]:
        source = self.inputs[0] if firing % self._round < self.unit.tiles else self.inputs[1]
        return source.tiles() * len(self.outputs)
