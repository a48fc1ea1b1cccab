"""Runs of calls in a schedule that a loop may replace, and why others may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from xdsl.ir import Operation

from ...dialects.kernel import CallOp, FuncOp, LoopOp, ScheduleOp
from ...dialects.nn import ObserveOp
from ..solvers.call_patterns import Repeat, find_repeats
from .call_arguments import (
    Argument,
    Carried,
    Gathered,
    Operand,
    Window,
    call_name,
    describe,
    guess_argument,
    misfit,
    reader_name,
)
from .kernel_memory import Root, TouchedMemory, root_of, written_arguments


@dataclass(frozen=True)
class Run:
    """Calls that a loop may replace: `period` kernels, over and over."""

    calls: tuple[CallOp, ...]
    period: int
    arguments: tuple[tuple[Argument, ...], ...]
    """what the operands of each call of a round are over all rounds"""

    @property
    def count(self) -> int:
        """Number of rounds."""
        return len(self.calls) // self.period


@dataclass(frozen=True)
class Refusal:
    """Why calls stay calls, told of the call where that shows."""

    call: CallOp
    message: str


@dataclass(frozen=True)
class LoopOptions:
    """Which legal runs are wanted."""

    min_count: int
    max_period: int
    exclude: frozenset[str]
    objection: Callable[[Run], str | None]
    """says what speaks against a legal run, e.g. that its loop does not fit the machine"""


class Calls:
    """The calls of a schedule, in launch order, with what is needed to compare them."""

    def __init__(self, schedule: ScheduleOp, kernels: dict[str, FuncOp]):
        self.kernels = kernels
        self.all: list[CallOp] = []
        self.observed: dict[int, ObserveOp] = {}
        """the host's last read before the call at a position"""
        for op in schedule.body.block.ops:
            if isinstance(op, CallOp):
                self.all.append(op)
            elif isinstance(op, ObserveOp):
                self.observed[len(self.all)] = op
        self.positions = {call: number for number, call in enumerate(self.all)}
        self.names = [call.callee.string_value() for call in self.all]
        self.written = {name: written_arguments(kernels[name]) for name in set(self.names)}

    def pattern(self, start: int, period: int) -> str:
        """The kernels of a round in words: `@decoder`, or `@norm to @down`."""
        first, last = self.names[start], self.names[start + period - 1]
        return f"@{first}" if period == 1 else f"@{first} to @{last}"


@dataclass
class _Scan:
    """Adds rounds to a run as long as a loop over them means the same as the calls."""

    calls: Calls
    window: Window
    rounds: int = 0
    first: list[Operand] = field(default_factory=list[Operand])
    arguments: list[Argument] = field(default_factory=list[Argument])
    seen: list[set[Root]] = field(default_factory=list[set[Root]])
    memory: TouchedMemory = field(default_factory=TouchedMemory)
    refusals: list[Refusal] = field(default_factory=list[Refusal])
'''
