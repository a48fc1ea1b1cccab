"""Repeating patterns in a list of calls, to fold into loops so that the fewest are left: a pure solver.

The problem is a sequence of hashable things (one per call, equal for calls of one kernel); the answer covers
it with single items and repeats. No IR here.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Repeat:
    """`count` times in a row the same `period` items, from item `start` on, and the first `tail` again."""

    start: int
    period: int
    count: int
    tail: int = 0

    @property
    def end(self) -> int:
        """The first item behind the repeat."""
        return self.start + self.period * self.count + self.tail


Ends = Mapping[int, Sequence[Collection[int]]]
"""Per period, for each item: where a repeat that begins there may end."""

_ANY: Ends = MappingProxyType({})


Cost = tuple[int, int]
"""Entries, and how many of them are repeats that end within a round."""


def find_repeats(items: Sequence[Hashable], max_period: int, ends: Ends = _ANY) -> tuple[Repeat, ...]:
    """The repeats, in order and disjoint, that leave the fewest entries: one per repeat and per other item.

    Every repeat has two rounds or more. The periods that are in `ends` have the repeats that are listed there
    and no others. Among equal covers the fewest repeats end within a round; then the earliest items go into
    repeats, of the smallest period and then of the most rounds. Dynamic programming from the end of the list:
    time and space grow with the number of items times the number of periods that occur.
    """
    reaches = _reaches(items, max_period)
    costs: list[Cost] = [(0, 0)] * (len(items) + 1)  # of the items from here to the end
    chosen: list[Repeat | None] = [None] * len(items)
    searches = {period: _EndSearch(period, reach, costs) for period, reach in reaches.items()}
    for start in range(len(items) - 1, -1, -1):
        best, costs[start] = None, (costs[start + 1][0] + 1, costs[start + 1][1])
        for period, search in searches.items():
            found = search.best(start, ends[period][start] if period in ends else None)
            if found is not None and (found[0] < costs[start] or (best is None and found[0] == costs[start])):
                costs[start], end = found
                best = Repeat(start, period, *divmod(end - start, period))
        chosen[start] = best
    return _walk(chosen)


def cost_of(length: int, repeats: Sequence[Repeat]) -> Cost:
    """What a cover of so many items with some repeats costs."""
    return length - sum(r.end - r.start - 1 for r in repeats), sum(r.tail > 0 for r in repeats)


def rounds_from(items: Sequence[Hashable], start: int, period: int) -> int:
    """How many times in a row the `period` items from `start` on stand there."""
    rounds, end = 1, start + period
    while items[end : end + period] == items[start : start + period]:
        rounds, end = rounds + 1, end + period
    return rounds


def _reaches(items: Sequence[Hashable], max_period: int) -> dict[int, list[int]]:
    """Per period, for each item: how many items in a row from there equal the one a period later.

    A repeat of two rounds needs a whole period of them; periods without any are left out.
    """
    numbers: dict[Hashable, int] = {}
    codes = [numbers.setdefault(item, len(numbers)) for item in items]
    found: dict[int, list[int]] = {}
    for period in range(1, min(max_period, len(codes) // 2) + 1):
        reach, run = [0] * (len(codes) + 1), 0
        for at in range(len(codes) - period - 1, -1, -1):
            run = run + 1 if codes[at] == codes[at + period] else 0
            reach[at] = run
        if max(reach) >= period:
            found[period] = reach
    return found


class _EndSearch:
    """Where repeats of a period had best end, asked for from the last item to the first."""

    def __init__(self, period: int, reach: Sequence[int], costs: Sequence[Cost]):
        self._period = period
        self._reach = reach
        self._costs = costs
        self._whole = [0] * len(reach)
        """Best end of whole rounds from each item; it answers for the item a period before as well."""
        self._any = [0] * len(reach)
        """Best end of two rounds and more from each item; it answers for the item before as well."""

    def best(self, start: int, listed: Collection[int] | None) -> tuple[Cost, int] | None:
        """What a repeat from `start` costs with all behind it, and its end, the later of equals.

        None if there is no repeat; it ends where it can, or in one of the places that are `listed`.
        """
        if listed is None:
            if self._reach[start] < self._period:
                return None
            listed = self._ends(start)
        found: tuple[Cost, int] | None = None
        for end in listed:
            cost = self._cost(start, end)
            if found is None or cost < found[0] or (cost == found[0] and end > found[1]):
                found = cost, end
        return found

    def _ends(self, start: int) -> tuple[int, ...]:
        """The best ends of whole rounds and of any."""
        nearest = start + 2 * self._period
        whole = self._better(nearest, self._whole[start + self._period], start + self._period)
        some = self._better(nearest, self._any[start + 1], start + 1)
        self._whole[start], self._any[start] = whole, some
        return (whole,) if whole == some else (whole, some)

    def _better(self, nearest: int, further: int, before: int) -> int:
        """The better of two ends; there is no further one where no repeat begins at item `before`."""
        if self._reach[before] < self._period:
            return nearest
        return further if self._costs[further] <= self._costs[nearest] else nearest

    def _cost(self, start: int, end: int) -> Cost:
        entries, tails = self._costs[end]
        return entries + 1, tails + ((end - start) % self._period > 0)


def _walk(chosen: list[Repeat | None]) -> tuple[Repeat, ...]:
    """The repeats met on the way from the first item to the last."""
    repeats: list[Repeat] = []
    at = 0
    while at < len(chosen):
        repeat = chosen[at]
        if repeat is not None:
            repeats.append(repeat)
        at = repeat.end if repeat is not None else at + 1
    return tuple(repeats)
