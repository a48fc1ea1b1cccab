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
    """`count` times in a row the same `period` items, from item `start` on."""

    start: int
    period: int
    count: int

    @property
    def end(self) -> int:
        """The first item behind the repeat."""
        return self.start + self.period * self.count


Ends = Mapping[int, Sequence[Collection[int]]]
"""Per period, for each item: where a repeat that begins there may end."""

_ANY: Ends = MappingProxyType({})


def find_repeats(items: Sequence[Hashable], max_period: int, ends: Ends = _ANY) -> tuple[Repeat, ...]:
    """The repeats, in order and disjoint, that leave the fewest entries: one per repeat and per other item.

    Every repeat has two rounds or more. The periods that are in `ends` have the repeats that are listed there
    and no others. Among equal covers the earliest items go into repeats, of the smallest period and then of
    the most rounds. Dynamic programming from the end of the list: time and space grow with the number of
    items times the number of periods that occur.
    """
    reaches = _reaches(items, max_period)
    entries = [0] * (len(items) + 1)  # fewest entries that cover the items from here to the end
    chosen: list[Repeat | None] = [None] * len(items)
    best_ends = {period: [0] * (len(items) + 1) for period in reaches}
    for start in range(len(items) - 1, -1, -1):
        best, entries[start] = None, entries[start + 1] + 1
        for period, reach in reaches.items():
            if period in ends:
                end = min(ends[period][start], key=lambda end: (entries[end], -end), default=None)
            else:
                end = _best_end(start, period, reach, best_ends[period], entries)
            if end is None:
                continue
            better = 1 + entries[end] < entries[start]
            if better or (best is None and 1 + entries[end] == entries[start]):
                best = Repeat(start, period, (end - start) // period)
                entries[start] = 1 + entries[end]
        chosen[start] = best
    return _walk(chosen)


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


def _best_end(
    start: int, period: int, reach: list[int], best_ends: list[int], entries: list[int]
) -> int | None:
    """Where a repeat from `start` had best end, the later of equals; None if there is none.

    `best_ends[t]` answers the same for a repeat from item `t`; it is known one period further on.
    """
    if reach[start] < period:
        return None
    second = start + period
    nearest = second + period
    if reach[second] < period:
        best_ends[start] = nearest
    else:
        further = best_ends[second]
        best_ends[start] = further if entries[further] <= entries[nearest] else nearest
    return best_ends[start]


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
