"""What pipelines have in common: units that are busy for a while, with results after a latency."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from ...tensors import Array
from ..firing import UnitRun


class PipelineRun(UnitRun):
    """A unit that is busy for `ii` cycles per firing; what it puts leaves after `latency` cycles."""

    ii = 1
    latency = 1

    def fire(self, now: int, firing: int) -> None:
        calendar = self.around.calendar
        self.busy = True
        calendar.at(now + self.ii, self.finish, firing)
        tiles = self.compute(firing) if self.around.data is not None else None
        for number, port in enumerate(self.outputs):
            if port.begin == firing:
                tile = tiles[number].copy() if tiles is not None else None
                channel, leaves = port.channel, now + self.latency
                calendar.at(leaves + channel.latency, channel.deliver, port.reserve(), tile)

    def finish(self, now: int, firing: int, _: object) -> None:
        """A firing is over: release the groups that it was the last to hold, fire again."""
        for port in self.inputs:
            if port.held_until == firing:
                port.channel.release(now, port.port.size)
        self.busy = False
        self.advance(now)

    @abstractmethod
    def compute(self, firing: int) -> Sequence[Array]:
        """A tile per output, also for those that put none in this firing; it may be a view of a slot."""
