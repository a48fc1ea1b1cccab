"""How far a repeating row of calls can be one loop: the legality of kernel looping, round by round."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Operation, SSAValue

from ...dialects.kernel import CallOp, StackOp
from .call_arguments import (
    Argument,
    Carried,
    Gathered,
    Local,
    Operand,
    Root,
    TouchedMemory,
    Window,
    call_name,
    describe,
    guess_argument,
    misfit,
    reader_name,
    root_of,
)
from .calls import Calls


@dataclass(frozen=True)
class Refusal:
    """Why calls stay calls, told of the call where it shows."""

    call: CallOp
    message: str
    reason: str = ""
    """The same reason for another period is no news."""


@dataclass(frozen=True)
class Run:
    """Calls that loops may replace: `period` kernels, over and over, and the first few of them again."""

    calls: tuple[CallOp, ...]
    period: int
    arguments: tuple[tuple[Argument, ...], ...]
    """Per call of a round: what its operands are over all rounds."""

    @property
    def count(self) -> int:
        """Number of full rounds."""
        return len(self.calls) // self.period

    @property
    def tail(self) -> int:
        """Calls of the round that is cut short behind the full ones."""
        return len(self.calls) % self.period

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
        return self.tail, *(call.callee for call in self.calls[: self.period]), *kinds


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
    _memory: TouchedMemory = field(default_factory=TouchedMemory)

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

    def cut_short(self) -> tuple[int, Refusal | None]:
        """How many calls of the round behind those taken may follow, not all; and what is against more."""
        behind, names = self.start + self.rounds * self.period, self.calls.names
        pairs = zip(names[behind : behind + self.period - 1], names[self.start :], strict=False)
        limit, why = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)), None
        operands = [entry for entry in self._operands(self.rounds) if self._window.place(entry[0])[1] < limit]
        checks = (self._misfit(operands), self._conflict(operands), self._alias(operands))
        for refusal in (self._host_read(), *checks):
            if refusal is not None and (phase := self._window.place(refusal.call)[1]) < limit:
                limit, why = phase, refusal
        return limit, why

    @cached_property
    def carried_phases(self) -> list[tuple[Carried[SSAValue], int]]:
        """What a round takes from the one before, each thing once, with the phase that takes it first.

        Asked once the arguments are known.
        """
        phases: dict[Carried[SSAValue], int] = {}
        for phase, row in enumerate(self._rows):
            for argument in row:
                if isinstance(argument, Carried):
                    phases.setdefault(argument, phase)
        return list(phases.items())

    @cached_property
    def _rows(self) -> tuple[tuple[Argument, ...], ...]:
        """The arguments of each phase; asked once they are known."""
        rows: list[list[Argument]] = [[] for _ in range(self.period)]
        for argument, (call, _, _) in zip(self._arguments, self._operands(0), strict=True):
            rows[self._window.place(call)[1]].append(argument)
        return tuple(map(tuple, rows))

    def run_to(self, end: int) -> Run:
        """The run of the calls before `end`: behind one of `counts`, or within the round that follows it."""
        calls = self.calls.all[self.start : end]
        rows = self._rows
        if any(isinstance(argument, Gathered) for argument in self._arguments):
            rows = tuple(
                tuple(_all_parts(a, number, calls[phase :: self.period]) for number, a in enumerate(row))
                for phase, row in enumerate(rows)
            )
        return Run(tuple(calls), self.period, rows)

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
        for at, (call, number, operand) in enumerate(operands):
            if self.rounds > 0 and isinstance(self._arguments[at], Gathered):
                self._seen[at].add(root_of(operand.value))
            if isinstance(operand.value.type, MemRefType):
                writes = number in self.calls.written[call.callee.string_value()]
                self._memory.touch(operand.value, operand.index, self.rounds, writes)
        self.rounds += 1

    def _next_refusal(self, operands: list[tuple[CallOp, int, Operand]]) -> Refusal | None:
        """Why the next round cannot follow the rounds taken."""
        refusal = self._host_read()
        if refusal is None and self.rounds > 0:
            refusal = self._second_reader() or self._misfit(operands)
            refusal = refusal or self._conflict(operands) or self._alias(operands)
        return refusal

    def _before(self, call: CallOp, reason: str) -> Refusal:
        pattern = self.calls.pattern(self.start, self.period)
        return Refusal(call, f"run of {pattern} is cut before {call_name(call)}: {reason}", reason)

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
    def _share_memory(self) -> bool:
        """Whether different arguments of the loop may name one state; asked once the arguments are known."""
        rows = zip(self._arguments, self._first, strict=True)
        named = {(argument, root_of(o.value)) for argument, o in rows if isinstance(o.value.type, MemRefType)}
        gathered = any(isinstance(argument, Gathered) for argument, _ in named)
        stacked = any(isinstance(operand.value.owner, StackOp) for operand in self._first)
        return gathered or stacked or len({root for _, root in named}) < len(named)

    def _alias(self, operands: list[tuple[CallOp, int, Operand]]) -> Refusal | None:
        """No two arguments of a loop may name the same memory in one iteration, one of them to write it.

        Nothing would order them there: the loop knows its arguments apart.
        """
        if self.rounds > 1 and not self._share_memory:
            return None
        first = list(self._operands(0)) if self.rounds == 1 else []
        for entries in (first, operands):
            touched = TouchedMemory()
            for argument, (call, number, operand) in zip(self._arguments, entries, strict=False):
                if not isinstance(operand.value.type, MemRefType):
                    continue
                writes = number in self.calls.written[call.callee.string_value()]
                party = argument if not isinstance(argument, Gathered) else id(argument)
                if touched.conflicts(operand.value, operand.index, party, writes):
                    what = f"operand {number} is {_place_name(operand)}"
                    return self._before(
                        call, f"{what}, as another argument is in that iteration, and one is written"
                    )
                touched.touch(operand.value, operand.index, party, writes)
        return None

    def _conflict(self, operands: list[tuple[CallOp, int, Operand]]) -> Refusal | None:
        """No round may touch memory that another one writes."""
        for call, number, operand in operands:
            if not isinstance(operand.value.type, MemRefType):
                continue
            writes = number in self.calls.written[call.callee.string_value()]
            if self._memory.conflicts(operand.value, operand.index, self.rounds, writes):
                what = f"operand {number} is {_place_name(operand)}"
                return self._before(call, f"{what}, which an iteration before touches, and one writes")
        return None


def _all_parts(argument: Argument, operand: int, calls: list[CallOp]) -> Argument:
    """An operand of these calls, one a round; what it gathers is known once they are."""
    if not isinstance(argument, Gathered):
        return argument
    return Gathered(tuple(call.arguments[operand] for call in calls))


def _place_name(operand: Operand) -> str:
    part = f"slice {operand.index} of " if operand.index is not None else ""
    return f"{part}{describe(operand.value)}"
