"""How far a repeating row of calls can be one loop: the legality of kernel looping, round by round."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice, takewhile

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Operation, SSAValue

from ...dialects.kernel import CallOp, Root, root_of
from .call_arguments import (
    Argument,
    Carried,
    Gathered,
    Local,
    Operand,
    Window,
    all_parts,
    call_name,
    guess_argument,
    misfit,
    place_name,
    reader_name,
)
from .call_patterns import rounds_from
from .calls import Calls
from .run_memory import RunConflict, RunUse, run_uses


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
        """Equal for runs that differ only in the number of rounds, in what they are of, and in the tail."""
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
            operands = self._looked_at()
            if (refusal := self._next_refusal(operands)) is not None:
                self.refusals.append(refusal)
                break
            self._take(operands)
            if self.rounds > 1 and (lost := self._lost_result()) is None:
                self.counts.append(self.rounds)
        self.refusals += [lost] if self.rounds > 1 and lost is not None else []

    def cut_short(self) -> tuple[int, Refusal | None]:
        """How many calls of the round behind those taken may follow, not all; and what is against more."""
        behind, names = self.start + self.rounds * self.period, self.calls.names
        pairs = zip(names[behind : behind + self.period - 1], names[self.start :], strict=False)
        limit, why = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)), None
        operands = [entry for entry in self._looked_at() if self._window.place(entry[0])[1] < limit]
        for refusal in (self._host_read(), self._misfit(operands), self._conflict_cut_short(limit)):
            if refusal is not None and (phase := self._window.place(refusal.call)[1]) < limit:
                limit, why = phase, refusal
        return limit, why

    @cached_property
    def carried_phases(self) -> list[tuple[Carried[SSAValue], int]]:
        """What a round takes from the one before, each thing once, with the phase that takes it first.

        Asked once the arguments are known.
        """
        phases: dict[Carried[SSAValue], int] = {}
        carried = ((a, n) for n, row in enumerate(self._rows) for a in row if isinstance(a, Carried))
        for argument, phase in carried:
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
        calls, rows = self.calls.all[self.start : end], self._rows
        if any(isinstance(argument, Gathered) for argument in self._arguments):
            rows = tuple(
                tuple(all_parts(a, number, calls[phase :: self.period]) for number, a in enumerate(row))
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

    def _looked_at(self) -> list[tuple[CallOp, int, Operand]]:
        """The operands of the next round, at which the search looks."""
        operands = list(self._operands(self.rounds))
        self.calls.effort.spent += len(operands)
        return operands

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
        return self._cut(call, "before", reason, cause)

    def _cut(self, call: CallOp, where: str, reason: str, cause: Hashable = None) -> Refusal:
        pattern = self.calls.pattern(self.start, self.period)
        return Refusal(call, f"run of {pattern} is cut {where} {call_name(call)}: {reason}", reason, cause)

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
            if reason := misfit(self._arguments[at], operand, self.rounds, self._seen[at]):
                return self._before(call, f"operand {number} {reason}")
        return None

    def _second_reader(self) -> Refusal | None:
        """Results of a middle round are read in that round and the next one alone."""
        last = self.rounds - 1
        for call, number, reader in self._readers(last):
            if not self._is_in(reader, last, last + 1):
                return self._cut(call, "behind", f"its result {number} is also read by {reader_name(reader)}")
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
                reason = f"{reader_name(reader)} reads its result {number}, which no iteration hands on"
                return self._before(call, reason)
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
        return self._conflicts_in(rounds_from(self.calls.names, self.start, self.period), 0)

    def _conflicts_in(self, rounds: int, tail: int) -> dict[int, RunConflict]:
        uses: dict[Hashable, list[RunUse]] = {}
        for root, use in self._uses(rounds, tail):
            uses.setdefault(root, []).append(use)
        found = (one for row in uses.values() for one in self.calls.conflicts.find(row, rounds + (tail > 0)))
        first: dict[int, RunConflict] = {}
        for conflict in sorted(found, key=lambda one: (one.at, one.other)):
            first.setdefault(conflict.round, conflict)
        return first

    def _conflict_cut_short(self, tail: int) -> Refusal | None:
        """The first conflict of `tail` calls of the next round with what is before them."""
        found = self._conflicts_in(self.rounds, tail).get(self.rounds) if tail else None
        return None if found is None else self._refusal_of(found, self._operands(self.rounds))

    def _uses(self, rounds: int, tail: int) -> Iterator[tuple[Hashable, RunUse]]:
        """What a round does to memory, in program order; it comes so often, its first calls once more."""
        at = 0
        for call in self._round(0):
            name, phase = call.callee.string_value(), self._window.place(call)[1]
            inputs = self.calls.kernels[name].function_type.inputs.data
            for use in self.calls.uses[name]:
                type_, argument = inputs[use.argument], self._arguments[at + use.argument]
                assert isinstance(type_, MemRefType), "it is a use of memory"
                begin, count = self.start + phase, rounds + (phase < tail)
                calls = self.calls.all[begin : begin + count * self.period : self.period]
                values = [self.calls.taken[call][use.argument].value for call in calls]
                where = None if use.position is None else self._arguments[at + use.position]
                for root, named in run_uses(at + use.argument, argument, values, type_, self.calls.parts):
                    how = {"position" if use.writes else "waits": where}
                    yield root, replace(named, access=replace(named.access, writes=use.writes, **how))
            at += len(inputs)

    def _conflict(self, operands: list[tuple[CallOp, int, Operand]]) -> Refusal | None:
        """No two uses of memory, one of them a write, that a loop would not keep in order."""
        rounds = (0, 1) if self.rounds == 1 else (self.rounds,)
        found = next((self._conflicts[round] for round in rounds if round in self._conflicts), None)
        return found and self._refusal_of(found, operands if found.round else self._operands(0))

    def _refusal_of(self, found: RunConflict, entries: Iterable[tuple[CallOp, int, Operand]]) -> Refusal:
        """The refusal of a conflict, given the operands of its round."""
        call, number, operand = next(islice(entries, found.at, None))
        other, _, _ = next(islice(self._operands(0), found.other, None))
        cause = root_of(operand.value), call.callee, other.callee
        return self._before(call, f"operand {number} is {place_name(operand)}, {found.why}", cause)
