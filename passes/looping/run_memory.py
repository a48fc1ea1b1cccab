"""Which rounds of a run touch memory that others write, so that a loop would not keep their order.

A round may touch no memory that another one writes. Within a round a loop knows its arguments apart, so that
no two of them may name one memory that is written; and of one argument, reads can wait for an append, and an
append for reads, but not an append for another one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from typing import TypeAlias

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import BlockArgument, SSAValue

from ...dialects.accesses import Access, Loop, Meeting, Place, is_orderable, meetings
from ...dialects.kernel import CallOp, FuncOp, LoopOp, Root, ScheduleOp, place_of, root_of, stacked_places
from ...dialects.kernel_accesses import touches
from .call_arguments import Argument, Gathered, Slices


@dataclass(frozen=True)
class KernelUse:
    """A use of a memref by a kernel; its arguments go by their numbers."""

    argument: int
    writes: bool
    position: int | None
    """The argument that says at which position a use is; None: another one, or all."""


def kernel_uses(kernel: FuncOp) -> tuple[KernelUse, ...]:
    """What a kernel does to its `memref` arguments, in program order."""
    found = (touch for op in kernel.body.walk() for touch in touches(op))
    return tuple(
        KernelUse(
            _memory_argument(touch.memory),
            touch.access.writes,
            _argument(touch.access.position if touch.access.writes else touch.access.waits, kernel),
        )
        for touch in found
    )


def written_arguments(kernel: FuncOp) -> frozenset[int]:
    """Numbers of the `memref` arguments that a kernel may write."""
    return frozenset(use.argument for use in kernel_uses(kernel) if use.writes)


def _argument(value: Hashable, kernel: FuncOp) -> int | None:
    return value.index if isinstance(value, BlockArgument) and value.block is kernel.body.block else None


def _memory_argument(value: SSAValue) -> int:
    """The number of the kernel's argument that a `memref` in its body is, or is a slice of."""
    assert isinstance(value, BlockArgument), "no operation makes a memref"
    loop = value.block.parent_op()
    if not isinstance(loop, LoopOp):
        return value.index
    return _memory_argument((*loop.carried, *loop.stacks)[value.index])


@dataclass(frozen=True)
class RunUse:
    """A use of memory in every round of a run."""

    at: int
    """The operand that names it, of all operands of a round."""
    argument: Hashable
    """Equal for uses of what is one argument of the loop."""
    access: Access
    """As if it began in the first round."""
    first: int = 0
    """The round in which it begins."""

    @property
    def end(self) -> int:
        """The round behind its last one."""
        return self.first + self.access.loops[0].count


def run_uses(
    at: int, argument: Argument, values: Sequence[SSAValue], type_: MemRefType, parts: Mapping[Root, Place]
) -> Iterator[tuple[Hashable, RunUse]]:
    """The memory that an operand names over the rounds, and how it walks there; it only reads so far.

    `values` has the operand in each round, `type_` is that of the kernel's argument, `parts` has the places
    of what stands in stacks.
    """
    rounds, size = len(values), prod(type_.get_shape())
    if isinstance(argument, Gathered):
        party, loop = tuple(map(root_of, values)), Loop("rounds", 1)
        for number, value in enumerate(values):
            place = place_of(value, parts)
            yield place.root, RunUse(at, party, Access(False, (loop,), place.start, size), number)
        return
    start, stride = (argument.start, argument.stride) if isinstance(argument, Slices) else (0, 0)
    place, loop = place_of(values[0], parts), Loop("rounds", rounds, stride * size)
    yield place.root, RunUse(at, argument, Access(False, (loop,), place.start + start * size, size))


@dataclass(frozen=True)
class RunConflict:
    """Two uses that a loop would not keep in order."""

    round: int
    """The first round with which they are in the way."""
    at: int
    """The operand that comes later, in this round."""
    other: int
    """The operand that comes before."""
    why: str
    """What the operand is besides, in words."""


_Ways: TypeAlias = tuple[int, Sequence[Meeting]]
"""In which round, from their first one on, two uses are in the way, and how; never where nothing says how."""


@dataclass
class ConflictFinder:
    """Finds conflicts; a pair of uses is like any other that is as far apart, in memory and in rounds."""

    _kinds: dict[Access, int] = field(default_factory=dict[Access, int])
    _known: dict[Hashable, _Ways] = field(default_factory=dict[Hashable, "_Ways"])

    def find(self, uses: Sequence[RunUse], rounds: int) -> Iterator[RunConflict]:
        """The conflicts between uses of one memory in so many rounds, given in program order in a round."""
        if not any(use.access.writes for use in uses):
            return
        for one, other in _telling_pairs(uses):
            base, end = min(one.first, other.first), min(rounds, max(one.end, other.end))
            apart = other.access.start - one.access.start
            alike = one.argument == other.argument, one is other
            kinds = self._kind(one.access), self._kind(other.access)
            key = *kinds, one.first - base, other.first - base, apart, *alike, end - base
            if key not in self._known:
                self._known[key] = _first_conflict(one, other, end)
            least, found = self._known[key]
            for meeting in found:
                turned = meeting.level is not None and not meeting.one_first
                earlier, later = (other, one) if turned else (one, other)
                yield RunConflict(base + least, later.at, earlier.at, _reason(earlier, later, meeting))

    def _kind(self, access: Access) -> int:
        """A number of all accesses that differ only in where they begin."""
        return self._kinds.setdefault(replace(access, start=0), len(self._kinds))


def _telling_pairs(uses: Sequence[RunUse]) -> Iterator[tuple[RunUse, RunUse]]:
    """Pairs of uses, in program order, that are the first of all pairs like them; each use with itself first.

    Uses that differ only in the operand are alike, so that what many calls do again is looked at once.
    """
    rows: dict[Hashable, list[int]] = {}
    for number, use in enumerate(uses):
        rows.setdefault((use.argument, use.access, use.first), []).append(number)
    yield from ((uses[row[0]], uses[row[0]]) for row in rows.values())
    for row, others in product(rows.values(), repeat=2):
        behind = bisect_right(others, row[0])
        if behind < len(others):
            yield uses[row[0]], uses[others[behind]]


def _first_conflict(one: RunUse, other: RunUse, rounds: int) -> _Ways:
    if not _is_conflict(one, other, rounds):
        return rounds, []
    counts, base = range(1, rounds + 1), min(one.first, other.first)
    least = counts[bisect_left(counts, True, key=lambda count: _is_conflict(one, other, count))]
    return least - 1 - base, [*_unordered(one, other, least)]


def _reason(earlier: RunUse, later: RunUse, meeting: Meeting) -> str:
    if meeting.level is not None:
        return "which an iteration before touches, and one writes"
    if earlier.argument != later.argument:
        return "as another argument is in that iteration, and one is written"
    verb = "writes" if earlier.access.writes else "reads"
    return f"which the iteration {verb} before, and nothing in a loop would order the two"


def _is_conflict(earlier: RunUse, later: RunUse, rounds: int) -> bool:
    return any(_unordered(earlier, later, rounds))


def _unordered(earlier: RunUse, later: RunUse, rounds: int) -> Iterator[Meeting]:
    """Meetings in so many rounds that nothing orders; another round's first, which is the simpler reason."""
    one, other = _first_rounds(earlier, rounds), _first_rounds(later, rounds)
    found = list(meetings(one, other))
    yield from (meeting for meeting in found if meeting.level is not None)
    ordered = earlier.argument == later.argument and is_orderable(*_common_rounds(one, other))
    if earlier is not later and not ordered:
        yield from (meeting for meeting in found if meeting.level is None)


def _common_rounds(*accesses: Access) -> list[Access]:
    """The rounds that all have: a round that is cut short lacks its last uses."""
    count = min(loop.count for access in accesses for loop in access.loops)
    return [replace(one, loops=tuple(replace(loop, count=count) for loop in one.loops)) for one in accesses]


def _first_rounds(use: RunUse, rounds: int) -> Access:
    (loop,) = use.access.loops
    count = max(0, min(loop.count, rounds - use.first))
    return replace(use.access, loops=(replace(loop, count=count, first=use.first),))


def parts_taken(schedule: ScheduleOp) -> Iterator[tuple[CallOp, SSAValue]]:
    """The calls that take a state by itself which stands in a stack as well."""
    parts = stacked_places(schedule.body.block.ops)
    for call in schedule.body.block.ops:
        if isinstance(call, CallOp):
            states = (value for value in call.arguments if isinstance(value.type, MemRefType))
            yield from ((call, value) for value in states if root_of(value) in parts)
