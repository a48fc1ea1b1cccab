"""The fewest calls that loops can leave of a schedule, found by trying every cover with legal runs.

It shares nothing with the search of `loop-kernels` but the kernel that a run becomes and the question whether
the machine has room for it. What a loop may take is asked operand by operand and use by use, of every pair:
slow, and simple enough to be believed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations, pairwise

from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.ir import Attribute, OpResult, SSAValue

from kl.dialects.kernel import CallOp, FuncOp, ScheduleOp
from kl.dialects.nn import AttentionOp, CacheAppendOp, GetGlobalOp, ObserveOp
from kl.dialects.rdu_machine import machine_of
from kl.dialects.tensors import size_bytes_of
from kl.passes.looping.call_arguments import Argument, Carried, Gathered, Invariant, Local, Slices
from kl.passes.looping.looped_kernel import LoopFitter
from kl.passes.looping.run_scan import Run
from kl.passes.memory.layout import gap_in_stack


@dataclass(frozen=True, order=True)
class Candidate:
    """Calls that may be a run: two full rounds or more, and behind them some calls of one more, not all."""

    start: int
    period: int
    end: int

    @property
    def count(self) -> int:
        """Full rounds."""
        return (self.end - self.start) // self.period

    @property
    def tail(self) -> int:
        """Calls of the round that is cut short."""
        return (self.end - self.start) % self.period

    def place(self, call: int) -> tuple[int, int]:
        """Round and phase of a call."""
        return divmod(call - self.start, self.period)


@dataclass(frozen=True)
class Operand:
    """What a call is given at one place."""

    value: SSAValue
    root: str | SSAValue
    """The name of a weight or state, else the value."""
    index: int | None
    maker: tuple[int, int] | None
    """Number and result of the call that makes it."""
    writes: bool
    """Whether the kernel appends to it."""

    @property
    def is_memory(self) -> bool:
        """Whether it is a state."""
        return isinstance(self.value.type, MemRefType)


@dataclass(frozen=True)
class Use:
    """A use of a state by a kernel; the operands of its calls go by their numbers."""

    state: int
    position: int | None
    """The operand that says where it appends, or up to where it reads; None: no operand does."""
    writes: bool


def _uses(kernel: FuncOp) -> Iterator[Use]:
    """What a kernel does to its states, in order."""
    numbers: dict[SSAValue, int] = {argument: number for number, argument in enumerate(kernel.args)}
    for op in kernel.body.walk():
        if isinstance(op, CacheAppendOp):
            yield Use(numbers[op.cache], numbers.get(op.position), True)
        elif isinstance(op, AttentionOp):
            for state in dict.fromkeys((op.keys, op.values)):
                yield Use(numbers[state], numbers.get(op.position), False)


class Schedule:
    """The calls of the schedule of a module at the kernel level, and who reads what they make."""

    def __init__(self, module: ModuleOp):
        self.module = module
        self.kernels = {op.sym_name.data: op for op in module.ops if isinstance(op, FuncOp)}
        self.uses = {name: list(_uses(kernel)) for name, kernel in self.kernels.items()}
        (schedule,) = [op for op in module.ops if isinstance(op, ScheduleOp)]
        self.calls: list[CallOp] = []
        self.observed: set[int] = set()
        """The numbers of calls before which the host reads something."""
        for op in schedule.body.block.ops:
            if isinstance(op, CallOp):
                self.calls.append(op)
            elif isinstance(op, ObserveOp):
                self.observed.add(len(self.calls))
        self.names = [call.callee.string_value() for call in self.calls]
        numbers = {call: number for number, call in enumerate(self.calls)}
        self.operands = [self._operands(call, numbers) for call in self.calls]
        self.readers = [
            [[numbers.get(use.operation, len(self.calls)) for use in value.uses] for value in call.res]
            for call in self.calls
        ]
        """Per call and result, the calls that read it; what is no call reads behind all of them."""

    def _operands(self, call: CallOp, numbers: dict[CallOp, int]) -> list[Operand]:
        kernel = self.kernels[call.callee.string_value()]
        index = None if call.index is None else call.index.value.data
        appends = {use.state for use in self.uses[call.callee.string_value()] if use.writes}
        found: list[Operand] = []
        for number, (value, argument) in enumerate(zip(call.arguments, kernel.args, strict=True)):
            owner = value.owner
            root = owner.global_name.string_value() if isinstance(owner, GetGlobalOp) else value
            made = isinstance(value, OpResult) and isinstance(owner, CallOp)
            maker = (numbers[owner], value.index) if made and isinstance(owner, CallOp) else None
            at = None if value.type == argument.type else index
            found.append(Operand(value, root, at, maker, number in appends))
        return found

    def arguments(self, run: Candidate) -> list[list[Argument]] | None:
        """Per call of a round, what its operands are over the rounds; None where one follows no rule."""
        rows: list[list[Argument]] = []
        for first in range(run.start, run.start + run.period):
            calls = range(first, run.end, run.period)
            columns = zip(*(self.operands[call] for call in calls), strict=True)
            row = [_rule(list(column), run.start, run.period) for column in columns]
            if None in row:
                return None
            rows.append([argument for argument in row if argument is not None])
        return rows


def _rule(column: list[Operand], start: int, period: int) -> Argument | None:
    """What an operand is in all rounds, tried one after another."""
    first, indices = column[0], [operand.index for operand in column]
    if all(index is not None for index in indices):
        strides = {
            after - before for before, after in pairwise(index for index in indices if index is not None)
        }
        if len({operand.root for operand in column}) > 1 or len(strides) > 1 or first.index is None:
            return None
        return Slices(first.value, first.index, strides.pop())
    if any(index is not None for index in indices):
        return None
    places = [
        None if operand.maker is None else (operand.maker[0] - start - round * period, operand.maker[1])
        for round, operand in enumerate(column)
    ]
    if places[0] is not None and 0 <= places[0][0] < period:
        return Local(*places[0]) if len(set(places)) == 1 else None
    outside = first.maker is None or first.maker[0] < start
    later = places[1]
    if outside and later is not None and -period <= later[0] < 0 and len(set(places[1:])) == 1:
        return Carried(later[0] + period, later[1], first.value)
    roots = [operand.root for operand in column]
    if outside and len(set(roots)) == 1:
        return Invariant(first.value)
    if all(isinstance(root, str) for root in roots) and len(set(roots)) == len(roots):
        return Gathered(tuple(operand.value for operand in column))
    return None


class FewestCalls:
    """Covers of a schedule by single calls and legal runs."""

    def __init__(self, module: ModuleOp):
        self.schedule = Schedule(module)
        self._too_large: dict[Candidate, bool] = {}

    @cached_property
    def legal(self) -> dict[Candidate, list[list[Argument]]]:
        """Every legal run of the schedule, whether or not it fits the machine."""
        length = len(self.schedule.calls)
        candidates = [
            Candidate(start, period, end)
            for start in range(length)
            for period in range(1, (length - start) // 2 + 1)
            for end in range(start + 2 * period, length + 1)
        ]
        found = ((run, self._arguments(run)) for run in candidates)
        return {run: arguments for run, arguments in found if arguments is not None}

    def number(self) -> int:
        """The fewest calls; only runs that some best cover wants are asked to fit the machine."""
        while True:
            calls, chosen = self._best_cover()
            if not any(self._does_not_fit(run) for run in chosen):
                return calls

    @property
    def refused(self) -> bool:
        """Whether a run that some best cover wanted does not fit the machine."""
        return any(self._too_large.values())

    def _best_cover(self) -> tuple[int, tuple[Candidate, ...]]:
        """Fewest calls and the runs of one such cover; a weight has a place in one stack only."""
        length = len(self.schedule.calls)
        runs = [run for run in self.legal if not self._too_large.get(run, False)]
        starting = {start: [run for run in runs if run.start == start] for start in range(length)}

        @cache
        def cover(at: int, stacked: frozenset[str]) -> tuple[int, tuple[Candidate, ...]]:
            if at == length:
                return 0, ()
            rest, chosen = cover(at + 1, stacked)
            best = 1 + rest, chosen
            for run in starting[at]:
                parts = frozenset(_stacked(self.legal[run]))
                if not parts & stacked:
                    rest, chosen = cover(run.end, stacked | parts)
                    best = min(best, (1 + rest, (run, *chosen)), key=lambda found: found[0])
            return best

        return cover(0, frozenset())

    def _does_not_fit(self, run: Candidate) -> bool:
        if run not in self._too_large:
            schedule = self.schedule
            calls, rows = schedule.calls[run.start : run.end], self.legal[run]
            fitter = LoopFitter(schedule.kernels, machine_of(schedule.module))
            objection = fitter.objection(Run(tuple(calls), run.period, tuple(map(tuple, rows))))
            self._too_large[run] = objection is not None
        return self._too_large[run]

    def _arguments(self, run: Candidate) -> list[list[Argument]] | None:
        """What the operands of a run are, if loops can do what its calls do one by one."""
        schedule, names = self.schedule, self.schedule.names[run.start : run.end]
        again = all(one == other for one, other in zip(names, names[run.period :], strict=False))
        if not again or schedule.observed & set(range(run.start + 1, run.end)):
            return None
        rows = schedule.arguments(run)
        if rows is None or not self._results_fit(run, rows) or not _stacks_fit(rows):
            return None
        return None if any(_conflict(*pair) for pair in combinations(self._accesses(run, rows), 2)) else rows

    def _results_fit(self, run: Candidate, rows: Sequence[Sequence[Argument]]) -> bool:
        """Whether results are read in their round or the next, and behind the loops only what they hand out.

        Behind full rounds that is all that they carry; behind a tail a result for each value that it takes of
        the round before, of the same type.
        """
        handed_out = {(a.phase, a.result) for row in rows for a in row if isinstance(a, Carried)}
        behind_tail: list[Attribute] = []
        for call in range(run.start, run.end):
            round, phase = run.place(call)
            for result, readers in enumerate(self.schedule.readers[call]):
                rounds = {run.place(reader)[0] for reader in readers}
                if round < run.count - 1 and not rounds <= {round, round + 1}:
                    return False
                if round == run.count - 1 and not rounds <= {round} and (phase, result) not in handed_out:
                    return False
                if round == run.count and any(reader >= run.end for reader in readers):
                    behind_tail.append(self.schedule.calls[call].res[result].type)
        taken = {a for row in rows[: run.tail] for a in row if isinstance(a, Carried)}
        return Counter(behind_tail) <= Counter(a.initial.type for a in taken)

    def _accesses(self, run: Candidate, rows: Sequence[Sequence[Argument]]) -> Iterator[Access]:
        """What the calls of a run do to memory, in order."""
        for call in range(run.start, run.end):
            round, phase = run.place(call)
            for use in self.schedule.uses[self.schedule.names[call]]:
                operand, row = self.schedule.operands[call][use.state], rows[phase]
                position = None if use.position is None else row[use.position]
                yield Access(round, row[use.state], operand.root, operand.index, use.writes, position)


@dataclass(frozen=True)
class Access:
    """A use of a state by a call of a run."""

    round: int
    argument: Argument
    state: str | SSAValue
    slice: int | None
    """None for all of it."""
    writes: bool
    position: Argument | None


def _conflict(earlier: Access, later: Access) -> bool:
    """Whether a loop would leave open which of two uses comes first.

    Nothing orders the uses of two rounds, nor within one those of two arguments. Of one argument an append
    waits for the reads before it, and a read that knows the position for the append before it; nothing orders
    two appends.
    """
    slices = (earlier.slice, later.slice)
    meet = earlier.state == later.state and (slices[0] == slices[1] or None in slices)
    if not meet or not (earlier.writes or later.writes):
        return False
    if earlier.round != later.round or earlier.argument != later.argument:
        return True
    if not earlier.writes:
        return False
    return later.writes or earlier.position is None or earlier.position != later.position


def _names(values: Collection[SSAValue]) -> list[str]:
    return [v.owner.global_name.string_value() for v in values if isinstance(v.owner, GetGlobalOp)]


def _stacks_fit(rows: Sequence[Sequence[Argument]]) -> bool:
    """Whether what a loop wants in stacks lies there at a constant stride, and in one place."""
    stacks = {a.parts for row in rows for a in row if isinstance(a, Gathered)}
    names = [name for stack in stacks for name in _names(stack)]
    gaps = any(gap_in_stack(size_bytes_of(stack[0])) is not None for stack in stacks)
    return not gaps and len(set(names)) == len(names)


def _stacked(rows: Sequence[Sequence[Argument]]) -> Iterator[str]:
    """The weights and states that a loop wants in stacks."""
    for argument in {argument for row in rows for argument in row}:
        if isinstance(argument, Gathered):
            yield from _names(argument.parts)
