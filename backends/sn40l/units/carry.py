"""Carries: the values that a loop hands from iteration to iteration, or a call from step to step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ....dialects.vocabulary import STEP, Rate
from ...tensors import Array
from ..errors import ProgramError, require
from ..firing import NEVER, Place
from ..kernel import Kernel, Unit
from ..ports import Port
from .common import PipelineRun
from .store import Store

if TYPE_CHECKING:
    from ....dialects.dataflow import CarryOp
    from ..ending import RowsDone
    from ..numbering import Numbering


@dataclass(frozen=True)
class Carry(Unit):
    """The carried value of a loop: `init` for iteration 0, `next` after it, `final` after the last.

    Whenever the loop begins anew it takes `init` again. Without `final` the last tiles go nowhere.

    With `stop`, its tiles are the tokens of the rows of a batch in decode steps. A row with the token `stop`
    is done, in all steps that follow; the tokens that each step has made go into `made`.
    """

    tiles: int
    """The value has so many tiles in an iteration."""
    init: int
    next: int
    final: int | None
    current: tuple[int, ...]
    made: tuple[int, ...] = ()
    stop: int | None = None

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

    @property
    def beside(self) -> int | None:
        final = () if self.final is None else (self.final,)
        return next(iter((*self.current, *final, *self.made)), None)

    @property
    def stop_token(self) -> int | None:
        return self.stop

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
        if self.stop is not None:
            return (*current, *(Port(one, passes, starts=(1,)) for one in self.made))
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
        require((self.stop is None) == (not self.made), "`stop` and `made` go together")
        for index in (self.next, *final, *self.current, *self.made):
            other = kernel.channels[index]
            require(other.tile == init, f"channel '{other.name}' holds {other.tile}, `init` {init}")
        if self.stop is not None:
            check_stop(kernel, self, self.stop)

    @staticmethod
    def emit(op: CarryOp, numbering: Numbering) -> Carry:
        return Carry(
            f"carry {op.current[0].name_hint or ''}".strip() if op.current else "carry",
            op.tiles.value.data,
            numbering.channel(op.init),
            numbering.channel(op.next),
            None if op.final is None else numbering.channel(op.final),
            numbering.channels(op.current),
            numbering.channels(op.made),
            None if op.stop is None else op.stop.value.data,
        )


def check_stop(kernel: Kernel, carry: Carry, stop: int) -> None:
    """That a carry can say which rows are done, and that the stores of decode steps can leave those out.

    Raises: ProgramError for the first thing that is wrong.
    """
    tokens = kernel.channels[carry.init].tile
    assert tokens is not None, "checked before"
    integers = tokens.is_integer and len(tokens.shape) == 1
    require(integers, f"rows stop at a token; it takes integers [batch], not {tokens}")
    most = 2 ** (8 * tokens.element_bytes - 1) - 1
    require(0 <= stop <= most, f"the stop token is {stop}; a token of {tokens} is 0 to {most}")
    require(carry.runs(kernel) == STEP, f"a stop token at rate '{carry.rate}'; it ends decode steps")
    require(carry.tiles == 1, f"a stop token in {carry.tiles} tiles; it takes all rows in one")
    require(carry.final is None, "a carry with a stop token has no `final`")
    behind = _behind(kernel, carry)
    for unit in kernel.units:
        if unit is not carry and isinstance(unit, Carry) and unit.runs(kernel) == STEP:
            raise ProgramError(f"{unit} carries another value from step to step beside a stop token")
        reads_made = any(port.channel in carry.made for port in unit.takes(kernel))
        if not isinstance(unit, Store):
            require(not reads_made, f"{unit} takes `made`, which goes on when steps have ended; stores do")
        elif kernel.tree.is_inside(unit.runs(kernel), STEP) and not reads_made:
            at, rows = unit.pattern.position_parameter, unit.pattern.tile.shape[:1]
            require(at is not None, f"{unit} stores in decode steps, neither at a position nor `made`")
            require(rows == tokens.shape, f"{unit} stores {[*rows]} rows at a position, tokens are {tokens}")
            what = f"{unit} stores rows that do not depend on the token of their step"
            require(unit.channel in behind, f"{what}, so it may do so before it is known which are done")


def _behind(kernel: Kernel, carry: Carry) -> set[int]:
    """The channels whose tiles depend on the current one of a carry."""
    found, waiting = {*carry.current}, [*carry.current]
    while waiting:
        channel = waiting.pop()
        for unit in kernel.units:
            if unit is not carry and any(port.channel == channel for port in unit.takes(kernel)):
                new = {port.channel for port in unit.puts(kernel)} - found
                found |= new
                waiting += new
    return found


class CarryRun(PipelineRun):
    """A carry: it copies tiles of `init`, then of `next`, to `current`, and the last ones to `final`."""

    unit: Carry

    def __init__(self, unit: Carry, place: Place):
        super().__init__(unit, place)
        self._round = place.firings // len(place.inputs[0].port.starts)
        """It fires so often from one tile of `init` to the same one of the next round."""
        self._tokens: Array
        """Those of the last firing, of a carry with a stop token."""

    def fire(self, now: int, firing: int) -> None:
        if self.unit.stop is not None and self.around.data is not None:
            self._stop(firing, self.unit.stop)
        super().fire(now, firing)

    def _stop(self, firing: int, stop: int) -> None:
        """Find out which rows are done when a step begins; with the last of them no step does."""
        import numpy as np

        ending = self.around.ending
        if ending.steps is not None:
            return
        if firing == 0:
            self._tokens = self.inputs[0].tiles()[0].copy()
        else:
            done = self._tokens == stop
            self._tokens = np.where(done, self._tokens, self.inputs[1].tiles()[0])
        if firing < self.firings - 1:
            self._begin_step(self._tokens == stop)

    def _begin_step(self, done: RowsDone) -> None:
        """A step begins with these rows done; if all are, what is left of `made` is all that follows."""
        ending = self.around.ending
        if not done.all():
            ending.begin_step(done)
            return
        readers = [port.channel.consumer for port in self.outputs]
        ending.end({self, *(reader for reader in readers if reader.unit.writes)})
        for port in self.inputs:
            port.begin = NEVER
        for port, reader in zip(self.outputs, readers, strict=True):
            if not reader.unit.writes:
                port.begin = NEVER

    def compute(self, firing: int) -> list[Array]:
        if self.unit.stop is not None:
            return [self._tokens] * len(self.outputs)
        source = self.inputs[0] if firing % self._round < self.unit.tiles else self.inputs[1]
        return source.tiles() * len(self.outputs)
