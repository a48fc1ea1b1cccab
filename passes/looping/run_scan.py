"""How far a repeating row of calls can be one loop: the legality of kernel looping, round by round."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Operation

from ...dialects.kernel import CallOp, FuncOp, Root, ScheduleOp, root_of, stacked_places
from ...dialects.nn import ObserveOp
from .call_arguments import (
    Argument,
    Carried,
    Gathered,
    Local,
    Operand,
    Window,
    call_name,
    describe,
    guess_argument,
    misfit,
    reader_name,
    taken_by,
)
from .call_patterns import rounds_from
from .run_memory import RunConflict, RunUse, kernel_uses, run_conflicts, run_uses


class Calls:
    """The calls of a schedule, in launch order, and what is needed to compare them."""

    def __init__(self, schedule: ScheduleOp, kernels: dict[str, FuncOp]):
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
        self.parts = stacked_places(schedule.body.block.ops)

    def pattern(self, start: int, period: int) -> str:
        """The kernels of a round in words: `@decoder`, or `@norm to @down`."""
        first, last = self.names[start], self.names[start + period - 1]
        return f"@{first}" if period == 1 else f"@{first} to @{last}"


@dataclass(frozen=True)
class Refusal:
    """Why calls stay calls, told of the call where it shows."""

    call: CallOp
    message: str
    reason: str = ""
    """The same reason for another period is no news."""
    cause: Hashable = None
    """Refusals of one cause are one piece of news, whatever call they are about."""

    @property
    def news(self) -> Hashable:
        """Equal for refusals of which one is enough to be told."""
        if self.cause is not None:
            return self.cause
        return (self.call, self.reason) if self.reason else self.message


@dataclass(frozen=True)
class Run:
    """Calls that one loop may replace: `period` kernels, over and over."""

    calls: tuple[CallOp, ...]
    period: int
    arguments: tuple[tuple[Argument, ...], ...]
    """Per call of a round: what its operands are over all rounds."""

    @property
    def count(self) -> int:
        """Number of rounds."""
        return len(self.calls) // self.period

    @property
    def likeness(self) -> Hashable:
        """Equal for runs whose looped kernels differ only in how many rounds they make, and of what."""
        numbers: dict[Argument, int] = {}
        kinds = [
            (
                type(a),
                (a.phase, a.result) if isinstance(a, Local | Carried) else None,
                numbers.setdefault(a, len(numbers)),
            )
            for row in self.arguments
            for a in row
        ]
        return *(call.callee for call in self.calls[: self.period]), *kinds


@dataclass
class RunScan:
    """Takes rounds into a run as long as a loop over them does the same as the calls one by one."""

    calls: Calls
    start: int
    period: int
    rounds: int = 0
    counts: list[int] = field(default_factory=list[int])
    """How many rounds a loop may have: those after which every result that is read is handed on."""
    refusals: list[Refusal] = field(default_factory=list[Refusal])
    _arguments: list[Argument] = field(default_factory=list[Argument])
    _first: list[Operand] = field(default_factory=list[Operand])
    _seen: list[set[Root]] = field(default_factory=list[set[Root]])

    def __post_init__(self) -> None:
        self._window = Window(self.start, self.period, self.calls.positions, self.calls.taken)

    def extend(self, limit: int) -> None:
        """Take as many rounds as are legal, at most `limit`; `refusals` says why no more."""
        if self.refusals:
            return
        lost: Refusal | None = None
        while self.rounds < limit:
            operands = list(self._operands(self.rounds))
            if (refusal := self._next_refusal(operands)) is not None:
                self.refusals.append(refusal)
                break
            self._take(operands)
            if self.rounds > 1 and (lost := self._lost_result()) is None:
                self.counts.append(self.rounds)
        if self.rounds > 1 and lost is not None:
            self.refusals.append(lost)

    def run(self, count: int) -> Run:
        """The run of the first `count` rounds, one of `counts`."""
        calls = self.calls.all[self.start : self.start + count * self.period]
        rows: list[list[Argument]] = [[] for _ in range(self.period)]
        for at, (call, number, _) in enumerate(self._operands(0)):
            argument = self._arguments[at]
            phase = self._window.place(call)[1]
            if isinstance(argument, Gathered):
                argument = Gathered(tuple(c.arguments[number] for c in calls[phase :: self.period]))
            rows[phase].append(argument)
        return Run(tuple(calls), self.period, tuple(map(tuple, rows)))

    def _round(self, round: int) -> list[CallOp]:
        begin = self.start + round * self.period
        return self.calls.all[begin : begin + self.period]

    def _operands(self, round: int) -> Iterator[tuple[CallOp, int, Operand]]:
        """Every operand of a round's calls, with its call and its number there."""
        for call in self._round(round):
            for number, operand in enumerate(self._window.operands(call)):
                yield call, number, operand

    def _take(self, operands: list[tuple[CallOp, int, Operand]]) -> None:
        if self.rounds == 0:
            self._first = [operand for _, _, operand in operands]
            self._seen = [{root_of(operand.value)} for operand in self._first]
        for at, (_, _, operand) in enumerate(operands):
            if self.rounds > 0 and isinstance(self._arguments[at], Gathered):
                self._seen[at].add(root_of(operand.value))
        self.rounds += 1

    def _next_refusal(self, operands: list[tuple[CallOp, int, Operand]]) -> Refusal | None:
        """Why the next round cannot follow the rounds taken."""
        refusal = self._host_read()
        if refusal is None and self.rounds > 0:
            refusal = self._second_reader() or self._misfit(operands)
            refusal = refusal or self._conflict(operands)
        return refusal

    def _before(self, call: CallOp, reason: str, cause: Hashable = None) -> Refusal:
        pattern = self.calls.pattern(self.start, self.period)
        return Refusal(call, f"run of {pattern} is cut before {call_name(call)}: {reason}", reason, cause)

    def _host_read(self) -> Refusal | None:
        """The host may read before the first round, and not within or between rounds."""
        for call in self._round(self.rounds):
            observed = self.calls.observed.get(self.calls.positions[call])
            if observed is not None and self._window.place(call) != (0, 0):
                return self._before(call, f"the host reads '{observed.label.data}' there")
        return None

    def _misfit(self, operands: list[tuple[CallOp, int, Operand]]) -> Refusal | None:
        """Every operand goes on as it began, or could not be the argument of a loop."""
        if self.rounds == 1:
            pairs = zip(self._first, operands, strict=True)
            self._arguments = [guess_argument(first, second) for first, (_, _, second) in pairs]
        for at, (call, number, operand) in enumerate(operands):
            reason = misfit(self._arguments[at], operand, self.rounds, self._seen[at])
            if reason is not None:
                return self._before(call, f"operand {number} {reason}")
        return None

    def _second_reader(self) -> Refusal | None:
        """Results of a middle round are read in that round and the next one alone."""
        last = self.rounds - 1
        for call, number, reader in self._readers(last):
            if not self._is_in(reader, last, last + 1):
                pattern = self.calls.pattern(self.start, self.period)
                what = f"its result {number} is also read by {reader_name(reader)}"
                return Refusal(call, f"run of {pattern} is cut behind {call_name(call)}: {what}", what)
        return None

    @cached_property
    def _carried(self) -> set[tuple[int, int]]:
        """Phase and number of the results that the loop hands on; asked once the arguments are known."""
        return {(a.phase, a.result) for a in self._arguments if isinstance(a, Carried)}

    def _lost_result(self) -> Refusal | None:
        """A loop hands out what it carries; no other result of the last round may be read outside."""
        last = self.rounds - 1
        for call, number, reader in self._readers(last):
            if not self._is_in(reader, last) and (self._window.place(call)[1], number) not in self._carried:
                what = f"{reader_name(reader)} reads its result {number}, which no iteration hands on"
                return self._before(call, what)
        return None

    def _readers(self, round: int) -> Iterator[tuple[CallOp, int, Operation]]:
        """Call, result number and reader of every result of a round."""
        for call in self._round(round):
            for number, result in enumerate(call.res):
                for use in result.uses:
                    yield call, number, use.operation

    def _is_in(self, op: Operation, *rounds: int) -> bool:
        return isinstance(op, CallOp) and self._window.place(op)[0] in rounds

    @cached_property
    def _conflicts(self) -> dict[int, RunConflict]:
        """By round, what is in its way in memory; asked once the arguments are known."""
        rounds = rounds_from(self.calls.names, self.start, self.period)
        uses: dict[Hashable, list[RunUse]] = {}
        for root, use in self._uses(rounds):
            uses.setdefault(root, []).append(use)
        found = (one for row in uses.values() for one in run_conflicts(row, rounds))
        first: dict[int, RunConflict] = {}
        for conflict in sorted(found, key=lambda one: (one.at, one.other)):
            first.setdefault(conflict.round, conflict)
        return first

    def _uses(self, rounds: int) -> Iterator[tuple[Hashable, RunUse]]:
        """What a round does to memory, in program order."""
        at = 0
        for call in self._round(0):
            name, phase = call.callee.string_value(), self._window.place(call)[1]
            inputs = self.calls.kernels[name].function_type.inputs.data
            for use in self.calls.uses[name]:
                type_, argument = inputs[use.argument], self._arguments[at + use.argument]
                assert isinstance(type_, MemRefType), "it is a use of memory"
                calls = self.calls.all[self.start + phase :: self.period][:rounds]
                values = [call.arguments[use.argument] for call in calls]
                where = None if use.position is None else self._arguments[at + use.position]
                for root, named in run_uses(at + use.argument, argument, values, type_, self.calls.parts):
                    how = {"position" if use.writes else "waits": where}
                    yield root, replace(named, access=replace(named.access, writes=use.writes, **how))
            at += len(inputs)

    def _conflict(self, operands: list[tuple[CallOp, int, Operand]]) -> Refusal | None:
        """No two uses of memory, one of them a write, that a loop would not keep in order."""
        rounds = (0, 1) if self.rounds == 1 else (self.rounds,)
        found = next((self._conflicts[round] for round in rounds if round in self._conflicts), None)
        if found is None:
            return None
        entries = operands if found.round else list(self._operands(0))
        call, number, operand = entries[found.at]
        cause = root_of(operand.value), call.callee, entries[found.other][0].callee
        return self._before(call, f"operand {number} is {_place_name(operand)}, {found.why}", cause)


def _place_name(operand: Operand) -> str:
    part = f"slice {operand.index} of " if operand.index is not None else ""
    return f"{part}{describe(operand.value)}"
