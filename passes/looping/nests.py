"""Loops inside the loop of a run: what repeats within its round is a loop of its own.

The problem is a level: the calls of a round, what each of them is given over the rounds, and the memory that
they touch. The answer is the level's items, calls and loops, with as few calls in them as there can be: the
body then holds the distinct kinds of layers, not every layer. No IR is made here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .call_arguments import Carried, Local
from .effort import Effort
from .level_arguments import LevelArgument, Row, gathered_by, outside, over_rounds, source_of
from .touched_memory import Meeting


@dataclass(frozen=True)
class Phase:
    """A call of a round, by itself."""

    number: int
    """The first call of the run's round that it stands for."""
    row: Row


@dataclass(frozen=True)
class Nest:
    """A loop: `count` times what its items do."""

    count: int
    items: tuple[Item, ...]
    start: int = 0
    """The call of the round around it that its first round begins with."""
    period: int = 0
    """Calls of the round around it that one of its rounds takes the place of."""

    @property
    def calls(self) -> int:
        """Calls that stand in its body and in the loops there."""
        return sum(item.calls if isinstance(item, Nest) else 1 for item in self.items)

    @property
    def is_flat(self) -> bool:
        """Whether no loop stands inside it."""
        return self.calls == len(self.items) and not any(isinstance(item, Nest) for item in self.items)

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for loops that differ only in their arguments and in how often the outermost one runs."""
        return tuple(
            (item.count, item.shape) if isinstance(item, Nest) else item.number for item in self.items
        )


Item: TypeAlias = Phase | Nest


def first_uses(items: Sequence[Item]) -> dict[LevelArgument, tuple[int, int]]:
    """What a round takes from outside, each thing once, with the call and operand of its first use."""
    found: dict[LevelArgument, tuple[int, int]] = {}
    for item in items:
        if isinstance(item, Phase):
            uses = {argument: (item.number, operand) for operand, argument in enumerate(item.row)}
        else:
            uses = {outside(argument): use for argument, use in first_uses(item.items).items()}
        for argument, use in uses.items():
            if not isinstance(argument, Local):
                found.setdefault(argument, use)
    return found


@dataclass(frozen=True)
class Level:
    """The round of a loop: the calls in it."""

    kinds: Sequence[str]
    """The kernel of each call."""
    numbers: Sequence[int]
    """The call of the run's round that each of them is, the first of several."""
    rows: Sequence[Row]
    meetings: Collection[Meeting]
    """The operands that touch memory of one another in a round, at least one of two to write it."""
    effort: Effort
    """Once it is over, what is found stays and nothing more is tried."""

    def items(self) -> tuple[Item, ...]:
        """The calls and loops that do the round: the fewest calls in all, and of equals the shortest rounds.

        Dynamic programming from the last call to the first.
        """
        length = len(self.rows)
        calls, best = [0] * (length + 1), list[tuple[Item, ...]]([()] * (length + 1))
        for start in range(length - 1, -1, -1):
            alone: Item = Phase(self.numbers[start], self.rows[start])
            calls[start], best[start] = calls[start + 1] + 1, (alone, *best[start + 1])
            for bound, period, more in sorted(self._candidates(start, calls)):
                if bound >= calls[start] or self.effort.is_over:
                    break
                end = start - more
                nest = self._nest(start, period, (end - start) // period)
                if nest is not None and nest.calls + calls[end] < calls[start]:
                    calls[start], best[start] = nest.calls + calls[end], (nest, *best[end])
        return best[0]

    def _candidates(self, start: int, calls: Sequence[int]) -> Iterator[tuple[int, int, int]]:
        """Repeats of kernels: the fewest calls that there could be, the period, the negative length."""
        for period in range(1, (len(self.kinds) - start) // 2 + 1):
            group = self.kinds[start : start + period]
            fewest, end = len(set(group)), start + 2 * period
            while self.kinds[end - period : end] == group:
                yield fewest + calls[end], period, start - end
                end += period

    def _nest(self, start: int, period: int, count: int) -> Nest | None:
        """The loop of `count` rounds from a call on; None if it would not do the same as the calls."""
        end = start + period * count
        self.effort.spent += 1
        if self._rounds_meet(start, period, end):
            return None
        self.effort.spent += sum(map(len, self.rows[start:end]))
        rows = self._rows_inside(start, period, count)
        if rows is None or not self._hands_on(rows, start, period, count):
            return None
        meetings = set(self._meetings_inside(start, period, end))
        if any(rows[one][operand] != rows[other][of] for (one, operand), (other, of) in meetings):
            return None  # two arguments of the loop would name the same memory, one of them to write it
        inside = slice(start, start + period)
        level = Level(self.kinds[inside], self.numbers[inside], rows, meetings, self.effort)
        return Nest(count, level.items(), start, period)

    def _rows_inside(self, start: int, period: int, count: int) -> list[Row] | None:
        """What the operands are over the rounds of a loop of the calls; None if one follows no rule."""
        rows: list[Row] = []
        for phase in range(start, start + period):
            columns = zip(*self.rows[phase : start + period * count : period], strict=True)
            row = [over_rounds(column, start, period) for column in columns]
            known = tuple(argument for argument in row if argument is not None)
            if len(known) < len(row):
                return None
            rows.append(known)
        return rows if self._stacks_stay_apart(rows, start, start + period * count) else None

    def _stacks_stay_apart(self, rows: Sequence[Row], start: int, end: int) -> bool:
        """Whether each weight and state has one place: in one stack of the loop or the calls outside."""
        outside = (a for row in (*self.rows[:start], *self.rows[end:]) for a in row)
        inside = (source_of(a) for row in rows for a in row if not isinstance(a, Local))
        stacks = {stack for a in (*outside, *inside) if (stack := gathered_by(a)) is not None}
        parts = [part for stack in stacks for part in stack.parts]
        return len(set(parts)) == len(parts)

    def _hands_on(self, rows: Sequence[Row], start: int, period: int, count: int) -> bool:
        """Whether what is read outside of the loop is handed on by its last round."""
        carried = {(a.phase, a.result) for row in rows for a in row if isinstance(a, Carried)}
        end = start + period * count
        for phase, row in enumerate(self.rows):
            inside = start <= phase < end
            for argument in row:
                if not isinstance(argument, Carried if inside else Carried | Local):
                    continue
                handed_on = (argument.phase - end + period, argument.result) in carried
                if start <= argument.phase < end and not handed_on:
                    return False
        return True

    def _rounds_meet(self, start: int, period: int, end: int) -> bool:
        """Whether rounds of a loop, or the calls outside it, touch memory that another one of them writes."""

        def party(call: int) -> int:
            return (call - start) // period if start <= call < end else -1

        return any(party(one) != party(other) for (one, _), (other, _) in self.meetings)

    def _meetings_inside(self, start: int, period: int, end: int) -> Iterator[Meeting]:
        """What meets within a round of a loop, where no rounds meet."""
        for (one, operand), (other, of) in self.meetings:
            if start <= one < end:
                yield ((one - start) % period, operand), ((other - start) % period, of)
