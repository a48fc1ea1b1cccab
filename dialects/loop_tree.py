"""The loops of a kernel as a tree: loops in loops, and several in a row; plain data without xDSL.

What runs in a kernel has a rate: the name of the loop in each of whose iterations it runs once, or "call" for
what runs once a call. The loops stand in program order, each behind the one that it is in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from .vocabulary import CALL, STEP, Rate


@dataclass(frozen=True)
class Loop:
    """A loop of a kernel: it runs `count` times in each iteration of the loop around it, or in a call."""

    name: Rate
    count: int
    inside: Rate = CALL
    """This loop is around it, or none: then it is that of the call."""


@dataclass(frozen=True)
class LoopTree:
    """All loops of a kernel. The one named "step" is over decode steps: positions count its iterations."""

    loops: tuple[Loop, ...] = ()

    @staticmethod
    def chain(counts: Sequence[tuple[Rate, int]]) -> LoopTree:
        """Loops each of which is in the one before."""
        around = (CALL, *(name for name, _ in counts))
        return LoopTree(
            tuple(Loop(name, count, inside) for (name, count), inside in zip(counts, around, strict=False))
        )

    def trouble(self) -> str | None:
        """What is wrong with the loops; None if nothing is."""
        seen: set[Rate] = {CALL}
        makes_steps = any((loop.name, loop.inside) == (STEP, CALL) for loop in self.loops)
        for loop in self.loops:
            if loop.name == CALL:
                return f"a loop is named '{CALL}', which is the call itself"
            if loop.name in seen:
                return f"two loops are named '{loop.name}'"
            if loop.inside not in seen:
                return f"loop '{loop.name}' is in '{loop.inside}', no loop before it"
            if loop.count < 1:
                return f"loop '{loop.name}' has {loop.count} iterations; it takes one at least"
            if loop.name == STEP and loop.inside != CALL:
                return f"the loop over decode steps is in '{loop.inside}'; it has to be the outermost"
            if loop.name != STEP and loop.inside == CALL and makes_steps:
                return f"loop '{loop.name}' is beside the loop over decode steps; it has to be inside"
            seen.add(loop.name)
        return None

    @cached_property
    def _paths(self) -> dict[Rate, tuple[Loop, ...]]:
        paths: dict[Rate, tuple[Loop, ...]] = {CALL: ()}
        for loop in self.loops:
            paths[loop.name] = (*paths[loop.inside], loop)
        return paths

    @property
    def rates(self) -> tuple[Rate, ...]:
        """All rates that something can have here, that of the call first."""
        return tuple(self._paths)

    def path(self, rate: Rate) -> tuple[Loop, ...]:
        """The loops around what runs at a rate, the outermost first."""
        return self._paths[rate]

    def counts(self, rate: Rate) -> tuple[int, ...]:
        """The iterations of these loops."""
        return tuple(loop.count for loop in self.path(rate))

    def passes(self, rate: Rate) -> int:
        """How often a call something runs at a rate."""
        return prod(self.counts(rate))

    def rounds(self, rate: Rate) -> tuple[int, int]:
        """How often a call the loop of a rate begins anew, and its iterations then."""
        return self._rounds[rate]

    @cached_property
    def _rounds(self) -> dict[Rate, tuple[int, int]]:
        rounds: dict[Rate, tuple[int, int]] = {CALL: (1, 1)}
        for loop in self.loops:
            rounds[loop.name] = prod(rounds[loop.inside]), loop.count
        return rounds

    def is_inside(self, rate: Rate, loop: Rate) -> bool:
        """Whether what runs at a rate runs in each iteration of a loop, or in loops inside of it."""
        return loop == CALL or any(one.name == loop for one in self.path(rate))

    def are_nested(self, one: Rate, other: Rate) -> bool:
        """Whether what runs at one of two rates runs in each iteration of the other one, or as often."""
        return self.is_inside(one, other) or self.is_inside(other, one)

    def unused(self, rates: Iterable[Rate]) -> Rate | None:
        """A loop in which nothing of these rates runs; None if there is none."""
        used = {loop.name for rate in rates if rate in self.rates for loop in self.path(rate)}
        return next((loop.name for loop in self.loops if loop.name not in used), None)

    def without_unused(self, rates: Iterable[Rate]) -> LoopTree:
        """The loops in which something of these rates runs."""
        used = {loop.name for rate in rates for loop in self.path(rate)}
        return LoopTree(tuple(loop for loop in self.loops if loop.name in used))

    @cached_property
    def leaves(self) -> tuple[Rate, ...]:
        """The loops without loops inside; the call where there are none."""
        around = {loop.inside for loop in self.loops}
        return tuple(loop.name for loop in self.loops if loop.name not in around) or (CALL,)

    @property
    def innermost(self) -> Rate | None:
        """The rate of what does not say it: the one loop without loops inside; None if there are several."""
        return self.leaves[0] if len(self.leaves) == 1 else None

    @property
    def is_looped(self) -> bool:
        """Whether anything runs more than once."""
        return any(loop.count > 1 for loop in self.loops)

    @property
    def steps(self) -> int:
        """Decode steps of a call."""
        return next((loop.count for loop in self.loops if loop.name == STEP), 1)


@dataclass(frozen=True)
class Placement:
    """Where the passes of a unit stand in program order: a number for each, larger for a later one."""

    base: int
    levels: tuple[tuple[int, int], ...] = ()
    """Of each loop around it, the outermost first: iterations, and by how much the numbers grow in one."""

    def number(self, index: int) -> int:
        """The number of a pass."""
        number = self.base
        for count, growth in reversed(self.levels):
            index, iteration = divmod(index, count)
            number += iteration * growth
        return number

    def iterations(self, index: int) -> tuple[int, ...]:
        """The iteration of each loop in which a pass is, the outermost first."""
        found: list[int] = []
        for count, _ in reversed(self.levels):
            index, iteration = divmod(index, count)
            found.append(iteration)
        return tuple(reversed(found))


def program_order(tree: LoopTree, rates: Sequence[Rate], writes: Sequence[bool]) -> list[Placement]:
    """Where units stand that have these rates, in the order in which they stand in the kernel.

    A loop stands where its first unit does. A unit that stands among those of a loop and is not in it comes
    before the loop, or behind it if it writes memory. Numbers count what runs, iteration by iteration.
    """
    sizes: dict[Rate, int] = {}
    members: dict[Rate, list[tuple[tuple[int, int], Rate | int]]] = {rate: [] for rate in tree.rates}
    spans = _spans(tree, rates)
    for number, rate in enumerate(rates):
        members[rate].append((_place(number, writes[number], tree, rate, spans), number))
    for loop in tree.loops:
        members[loop.inside].append(((spans[loop.name][0], 0), loop.name))
    for rate in reversed(tree.rates):
        members[rate].sort(key=lambda member: member[0])
        sizes[rate] = sum(_size(member, tree, sizes) for _, member in members[rate])
    placed: dict[int, Placement] = {}
    _number(CALL, Placement(0), tree, members, sizes, placed)
    return [placed[number] for number in range(len(rates))]


def _spans(tree: LoopTree, rates: Sequence[Rate]) -> dict[Rate, tuple[int, int]]:
    """The first and the last unit of each loop, with those of the loops in it; behind all if it has none."""
    spans: dict[Rate, tuple[int, int]] = {}
    for loop in tree.loops:
        inside = [number for number, rate in enumerate(rates) if tree.is_inside(rate, loop.name)]
        spans[loop.name] = (inside[0], inside[-1]) if inside else (len(rates), len(rates))
    return spans


def _place(
    number: int, writes: bool, tree: LoopTree, rate: Rate, spans: dict[Rate, tuple[int, int]]
) -> tuple[int, int]:
    """The key of a unit among what stands beside it: its number, or that of the end of a loop it is among."""
    for loop in tree.loops:
        first, last = spans[loop.name]
        if loop.inside == rate and first < number < last:
            return (last, 1) if writes else (first, -1)
    return number, 0


def _size(member: Rate | int, tree: LoopTree, sizes: dict[Rate, int]) -> int:
    if isinstance(member, int):
        return 1
    return tree.path(member)[-1].count * max(1, sizes[member])


def _number(
    rate: Rate,
    around: Placement,
    tree: LoopTree,
    members: dict[Rate, list[tuple[tuple[int, int], Rate | int]]],
    sizes: dict[Rate, int],
    placed: dict[int, Placement],
) -> None:
    base = around.base
    for _, member in members[rate]:
        if isinstance(member, int):
            placed[member] = Placement(base, around.levels)
        else:
            level = tree.path(member)[-1].count, max(1, sizes[member])
            _number(member, Placement(base, (*around.levels, level)), tree, members, sizes, placed)
        base += _size(member, tree, sizes)
