"""Which accesses of a network nothing orders: the check that makes a kernel's memory safe.

Everything in a network runs at once, as far as its channels let it. Of two units that touch the same memory,
one of them to write it, the earlier one in program order must therefore come first by force: because all its
tiles of a pass have to go through a unit that waits for the last of them (a *barrier*) before the other one
gets its first, or because that other one is a load that waits for the token of a store. Program order is that
of iterations, and within one that of the units. A unit makes its own accesses one after the other.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod

from xdsl.dialects.builtin import IntegerAttr, MemRefType
from xdsl.ir import SSAValue

from .accesses import Access, Loop, Meeting, Place, meetings, waits_for
from .dataflow_units import UnitOp
from .loop_tree import program_order
from .rings import ring_of
from .tensors import ChannelType, TokenType, shape_of, tile_of
from .vocabulary import STEP, Rate


@dataclass(frozen=True)
class UnitAccess:
    """What a unit does to memory."""

    unit: UnitOp
    root: Hashable
    access: Access
    """In elements; its loops are those around the unit."""


def _accesses(units: Sequence[UnitOp], places: Mapping[SSAValue, Place]) -> Iterator[UnitAccess]:
    """The accesses of memrefs, in program order of what is one iteration for both."""
    if not units:
        return
    writes = [unit.memory is not None and unit.memory_port in unit.inputs() for unit in units]
    order = program_order(units[0].loops, [unit.runs for unit in units], writes)
    for number in sorted(range(len(units)), key=lambda number: order[number].base):
        unit, memory = units[number], units[number].memory
        if memory is not None and isinstance(memory.type, MemRefType):
            place = places.get(memory, Place(memory))
            yield UnitAccess(unit, place.root, _access(unit, memory, writes[number], place.start, places))


def _access(
    unit: UnitOp, memory: SSAValue, writes: bool, begin: int, places: Mapping[SSAValue, Place]
) -> Access:
    shape, around = shape_of(memory), unit.loops.path(unit.runs)
    first = unit.properties.get("start")
    start, extent = 0, prod(shape)
    if isinstance(first, IntegerAttr):
        start, extent = first.value.data, prod(shape[1:])
    at = _position(unit, memory)
    position = None if at is None else places.get(at, Place(at))
    loops = [
        Loop(loop.name, loop.count, stride * extent, int(loop.name == STEP))
        for loop, stride in zip(around, unit.slice_strides(), strict=True)
    ]
    where = (position, None) if writes else (None, position)
    return Access(writes, tuple(loops), begin + start * extent, extent, *where, ring_of(unit))


def _position(unit: UnitOp, memory: SSAValue) -> SSAValue | None:
    """The position that a stream writes or waits at: what it takes beside channels and memory."""
    others = (v for v in unit.operands if v is not memory and not isinstance(v.type, ChannelType))
    return next(others, None)


@dataclass(frozen=True)
class Unordered:
    """Two accesses that meet, in program order, and that nothing orders."""

    earlier: UnitAccess
    later: UnitAccess
    earlier_at: tuple[int, ...]
    """The iterations in which they meet, as far as they are known."""
    later_at: tuple[int, ...]

    @property
    def memories(self) -> list[SSAValue]:
        """The arguments that the two access."""
        found = (access.unit.memory for access in (self.earlier, self.later))
        return [memory for memory in found if memory is not None]

    def __str__(self) -> str:
        one, other = _title(self.earlier, self.earlier_at), _title(self.later, self.later_at)
        return (
            f"{one} and then {other} touch the same, and nothing makes the later one wait for the other; "
            "order them by data or a token, or split the kernel between the two"
        )


def _title(access: UnitAccess, iterations: tuple[int, ...]) -> str:
    verb = "into" if access.access.writes else "from"
    memory = access.unit.memory
    name = f"%{memory.name_hint}" if memory is not None and memory.name_hint else "a cache"
    loops = zip(access.access.loops, iterations, strict=False)
    when = [f"{loop.name} {at}" for loop, at in loops if loop.count > 1]
    return f"{access.unit.name} {verb} {name}" + (f" in {', '.join(when)}" if when else "")


def unordered_accesses(
    units: Sequence[UnitOp], places: Mapping[SSAValue, Place] | None = None
) -> Iterator[Unordered]:
    """All accesses of memrefs, by the units of a kernel, that meet and that nothing orders.

    `places` says where arguments of the kernel lie, in elements; each of the others is a memory of its own.
    """
    readers = {channel: unit for unit in units for channel in unit.inputs()}
    for earlier, later in combinations(_accesses(units, places or {}), 2):
        if earlier.root != later.root:
            continue
        for meeting in meetings(earlier.access, later.access):
            if _is_ordered(earlier, later, meeting, readers):
                continue
            if meeting.level is None or meeting.one_first:
                yield Unordered(earlier, later, meeting.one, meeting.other)
            else:
                yield Unordered(later, earlier, meeting.other, meeting.one)


Readers = Mapping[SSAValue, UnitOp]
"""Who takes the tiles of each channel."""


def _is_ordered(earlier: UnitAccess, later: UnitAccess, meeting: Meeting, readers: Readers) -> bool:
    """Whether the access that comes first, in the iterations that meet, is done before the other begins."""
    if meeting.level is None:
        return any(_is_awaited(earlier, later, path) for path in _paths(earlier.unit, later.unit, readers))
    first, second = (earlier, later) if meeting.one_first else (later, earlier)
    crossed = first.access.loops[meeting.level].name
    for path in _paths(first.unit, second.unit, readers):
        # What is done in its own iteration is done before every later one.
        next_one = path.crossed == crossed and not _is_gate(path, second)
        if path.is_whole and (path.crossed is None or next_one):
            return True
    return False


def _is_gate(path: _Path, second: UnitAccess) -> bool:
    """Whether a path ends with the token of a load: it holds up the tiles from its position on alone."""
    return not second.access.writes and isinstance(tile_of(path.channel), TokenType)


def _is_awaited(first: UnitAccess, second: UnitAccess, path: _Path) -> bool:
    """Whether a path makes the second access wait for the first one of the same iteration."""
    if path.crossed is not None or not path.is_whole:
        return False
    return waits_for(second.access, first.access) or not _is_gate(path, second)


@dataclass(frozen=True)
class _Path:
    """A way of data and tokens from an access to a channel.

    The last tile of a pass in the channel comes after the whole pass of the access.
    """

    channel: SSAValue
    is_whole: bool
    """The first one does so, too."""
    rate: Rate
    """How often a call there is a pass."""
    crossed: Rate | None = None
    """Where it has gone from one iteration of a loop to the next one: the loop."""

    def behind(self, unit: UnitOp) -> Iterator[_Path]:
        """Where it goes on behind the unit that takes the channel's tiles."""
        taken = unit.take_work(self.channel)
        for output in unit.outputs():
            put, onward = unit.put_work(output), self._crossing(unit, output)
            if taken is not None and put is not None and onward is not None and put[-1] >= taken[0][-1]:
                whole = put[0] >= taken[0][-1] or (self.is_whole and put[0] >= taken[0][0])
                yield _Path(output, whole, unit.rate_at(output), onward.crossed)

    def _crossing(self, unit: UnitOp, output: SSAValue) -> _Path | None:
        """The path with what it has crossed in a unit; None where it does not lead to this output.

        It may go to a next iteration once: only then it is known which iterations it joins.
        """
        handed = unit.handed_on()
        if handed is None:
            return self
        if self.channel is handed.first:
            return self if any(output is one for one in handed.onward) else None
        if any(output is one for one in handed.onward):
            return replace(self, crossed=unit.runs) if self.crossed is None else None
        return None if self.crossed == unit.runs else self


def _paths(first: UnitOp, second: UnitOp, readers: Readers) -> Iterator[_Path]:
    """The ways from a unit's accesses to the channels that another one takes from."""
    puts = [(channel, first.put_work(channel)) for channel in first.outputs()]
    waiting = [
        _Path(channel, put[0] >= first.work - 1, first.rate_at(channel))
        for channel, put in puts
        if put is not None
    ]
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        unit = readers[path.channel]
        if unit.rate_at(path.channel) != path.rate:
            continue  # it is held, or taken in another loop's iterations
        if unit is second:
            yield path
            continue
        for onward in path.behind(unit):
            if onward not in seen:
                seen.add(onward)
                waiting.append(onward)
