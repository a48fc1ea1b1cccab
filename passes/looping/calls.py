"""The calls of a schedule, as the search for loops sees them."""

from __future__ import annotations

from xdsl.ir import SSAValue

from ...dialects.kernel import CallOp, FuncOp, ScheduleOp, stacked_places
from ...dialects.nn import ObserveOp
from .call_arguments import taken_by
from .effort import Effort
from .run_memory import ConflictFinder, kernel_uses


class Calls:
    """The calls of a schedule, in launch order, and what is needed to compare them."""

    def __init__(self, schedule: ScheduleOp, kernels: dict[str, FuncOp], effort: Effort | None = None):
        self.kernels = kernels
        self.all: list[CallOp] = []
        self.observed: dict[int, ObserveOp] = {}
        """By position of a call: what the host reads directly before it."""
        for op in schedule.body.block.ops:
            if isinstance(op, CallOp):
                self.all.append(op)
            elif isinstance(op, ObserveOp):
                self.observed[len(self.all)] = op
        self.positions = {call: number for number, call in enumerate(self.all)}
        self.taken = {
            call: taken_by(call, kernels[call.callee.string_value()], self.positions) for call in self.all
        }
        self.names = [call.callee.string_value() for call in self.all]
        self.uses = {name: kernel_uses(kernels[name]) for name in set(self.names)}
        self.conflicts = ConflictFinder()
        self.effort = effort or Effort()
        self.effort.operands += sum(map(len, self.taken.values()))
        self.parts = stacked_places(schedule.body.block.ops)
        self.last_reads = [max(map(self._reader_at, call.res), default=-1) for call in self.all]
        """Per call: the position of the last call that reads a result of it; behind all for other readers."""

    def _reader_at(self, result: SSAValue) -> int:
        readers = (use.operation for use in result.uses)
        places = (self.positions[op] if isinstance(op, CallOp) else len(self.all) for op in readers)
        return max(places, default=-1)

    def pattern(self, start: int, period: int) -> str:
        """The kernels of a round in words: `@decoder`, or `@norm to @down`."""
        first, last = self.names[start], self.names[start + period - 1]
        return f"@{first}" if period == 1 else f"@{first} to @{last}"
