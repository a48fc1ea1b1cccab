"""The fewest calls that loops can leave of a schedule, found by trying every cover with legal runs.

It shares nothing with the search of `loop-kernels` but the kernel that a run becomes and the question whether
the machine has room for it. What a loop may take is asked operand by operand and access by access, of every
pair: slow, and simple enough to be believed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations, pairwise

from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.ir import OpResult, SSAValue

from kl.dialects.kernel import CallOp, FuncOp, ScheduleOp
from kl.dialects.nn import CacheAppendOp, GetGlobalOp, ObserveOp
from kl.dialects.rdu_machine import machine_of
from kl.dialects.tensors import size_bytes_of
from kl.passes.looping.call_arguments import Argument, Carried, Gathered, Invariant, Local, Slices
from kl.passes.looping.looped_kernel import build_looped_kernel
from kl.passes.looping.run_scan import Run
from kl.passes.memory.layout import gap_in_stack
from kl.passes.units.traffic import shortage

Candidate = tuple[int, int, int]
"""First call of a run, calls of a round, rounds."""


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

    @property
    def is_memory(self) -> bool:
        """Whether it is a state."""
        return isinstance(self.value.type, MemRefType)


class Schedule:
    """The calls of the schedule of a module at the kernel level, and who reads what they make."""

    def __init__(self, module: ModuleOp):
        self.module = module
        self.kernels = {op.sym_name.data: op for op in module.ops if isinstance(op, FuncOp)}
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
        appends = {op.cache for op in kernel.body.walk() if isinstance(op, CacheAppendOp)}
        found: list[Operand] = []
        for value, argument in zip(call.arguments, kernel.args, strict=True):
            owner = value.owner
            root = owner.global_name.string_value() if isinstance(owner, GetGlobalOp) else value
            made = isinstance(value, OpResult) and isinstance(owner, CallOp)
            maker = (numbers[owner], value.index) if made and isinstance(owner, CallOp) else None
            at = None if value.type == argument.type else index
            found.append(Operand(value, root, at, maker, argument in appends))
        return found

    def arguments(self, start: int, period: int, count: int) -> list[list[Argument]] | None:
        """Per call of a round, what its operands are over the rounds; None where one follows no rule."""
        rows: list[list[Argument]] = []
        for phase in range(period):
            calls = range(start + phase, start + period * count, period)
            columns = zip(*(self.operands[call] for call in calls), strict=True)
            row = [_rule(list(column), start, period) for column in columns]
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
        return {
            (start, period, count): arguments
            for start in range(length)
            for period in range(1, (length - start) // 2 + 1)
            for count in range(2, (length - start) // period + 1)
            if (arguments := self._legal(start, period, count)) is not None
        }

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
        starting = {start: [run for run in runs if run[0] == start] for start in range(length)}

        @cache
        def cover(at: int, stacked: frozenset[str]) -> tuple[int, tuple[Candidate, ...]]:
            if at == length:
                return 0, ()
            rest, chosen = cover(at + 1, stacked)
            best = 1 + rest, chosen
            for run in starting[at]:
                parts = frozenset(_stacked(self.legal[run]))
                if not parts & stacked:
                    rest, chosen = cover(at + run[1] * run[2], stacked | parts)
                    best = min(best, (1 + rest, (run, *chosen)), key=lambda found: found[0])
            return best

        return cover(0, frozenset())

    def _does_not_fit(self, run: Candidate) -> bool:
        if run not in self._too_large:
            start, period, count = run
            schedule = self.schedule
            calls = tuple(schedule.calls[start : start + period * count])
            kernels = [schedule.kernels[name] for name in schedule.names[start : start + period]]
            looped = build_looped_kernel(Run(calls, period, tuple(map(tuple, self.legal[run]))), kernels)
            self._too_large[run] = shortage(looped.func, machine_of(schedule.module)) is not None
        return self._too_large[run]

    def _legal(self, start: int, period: int, count: int) -> list[list[Argument]] | None:
        """What the operands of a run are, if one loop can do what its calls do one by one."""
        schedule, end = self.schedule, start + period * count
        names = schedule.names[start:end]
        if names != names[:period] * count or schedule.observed & set(range(start + 1, end)):
            return None
        arguments = schedule.arguments(start, period, count)
        if arguments is None or not self._results_fit(start, period, count, arguments):
            return None
        stacks = {a.parts for row in arguments for a in row if isinstance(a, Gathered)}
        parts = [root for stack in stacks for root in _names(stack)]
        gaps = any(gap_in_stack(size_bytes_of(stack[0])) is not None for stack in stacks)
        if gaps or len(set(parts)) < len(parts):
            return None
        accesses = list(self._accesses(start, period, count, arguments))
        return None if any(_conflict(*pair) for pair in combinations(accesses, 2)) else arguments

    def _results_fit(self, start: int, period: int, count: int, rows: Sequence[Sequence[Argument]]) -> bool:
        """Whether results are read in their round or the next, and behind the loop only what it hands out."""
        handed_out = {(a.phase, a.result) for row in rows for a in row if isinstance(a, Carried)}
        for call in range(start, start + period * count):
            round, phase = divmod(call - start, period)
            for result, readers in enumerate(self.schedule.readers[call]):
                rounds = {(reader - start) // period for reader in readers}
                if round < count - 1 and not rounds <= {round, round + 1}:
                    return False
                if round == count - 1 and not rounds <= {round} and (phase, result) not in handed_out:
                    return False
        return True

    def _accesses(
        self, start: int, period: int, count: int, rows: Sequence[Sequence[Argument]]
    ) -> Iterator[Access]:
        for call in range(start, start + period * count):
            round, phase = divmod(call - start, period)
            for operand, argument in zip(self.schedule.operands[call], rows[phase], strict=True):
                if operand.is_memory:
                    yield Access(round, argument, operand.root, operand.index, operand.writes)


@dataclass(frozen=True)
class Access:
    """A use of a state by a call of a run."""

    round: int
    argument: Argument
    state: str | SSAValue
    slice: int | None
    """None for all of it."""
    writes: bool


def _conflict(one: Access, other: Access) -> bool:
    """Whether a loop would leave open which of two uses comes first.

    Within a round, the kernel orders the uses of one argument; nothing orders those of two, or of two rounds.
    """
    apart = one.round != other.round or one.argument != other.argument
    meet = one.state == other.state and (one.slice == other.slice or None in (one.slice, other.slice))
    return apart and meet and (one.writes or other.writes)


def _names(values: Collection[SSAValue]) -> list[str]:
    return [v.owner.global_name.string_value() for v in values if isinstance(v.owner, GetGlobalOp)]


def _stacked(rows: Sequence[Sequence[Argument]]) -> Iterator[str]:
    """The weights and states that a loop wants in stacks."""
    for argument in {argument for row in rows for argument in row}:
        if isinstance(argument, Gathered):
            yield from _names(argument.parts)
