"""Which runs of calls in a schedule loops replace, and remarks on why others stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from ...dialects.kernel import FuncOp, Root
from .call_arguments import call_name, describe
from .call_patterns import Cost, Repeat, cost_of, find_repeats
from .calls import Calls
from .legal_runs import Bar, LegalRuns, LoopRules
from .run_scan import Refusal, Run

MOST_COVERS = 60
"""Covers that are looked at where loops want the same weights in stacks. Assumed: a second or so in all."""


@dataclass(frozen=True)
class LoopPlan:
    """The runs to replace, disjoint, and what to tell about the calls that stay."""

    runs: list[Run]
    """In launch order."""
    refusals: list[Refusal]


def plan_loops(calls: Calls, rules: LoopRules) -> LoopPlan:
    """Choose the runs that leave the fewest calls.

    The search first believes that whatever repeats is legal. Each period that it chooses wrongly is then
    known exactly, from every start, and the search begins anew; so few runs are scanned where all are legal.
    """
    legal = LegalRuns(calls, rules)
    differing = list(_differing_calls(calls, find_repeats(calls.names, rules.max_period)))
    cover = CoverSearch(calls, rules.max_period, legal).fewest()
    runs = [legal.run(repeat) for repeat in cover.repeats]
    return LoopPlan(runs, [*differing, *legal.refusals(cover.repeats, cover.given_up)])


@dataclass(frozen=True, order=True)
class Cover:
    """Legal repeats that leave the fewest calls under some bars."""

    cost: Cost
    left: int
    """The more bars the smaller: of equals the one nearest to an answer is looked at first."""
    number: int
    """Counts the covers; of equals the first one is looked at first."""
    repeats: tuple[Repeat, ...] = field(compare=False)
    bars: tuple[Bar, ...] = field(compare=False, default=())
    given_up: tuple[tuple[Repeat, Refusal], ...] = field(compare=False, default=())
    """The repeats that the bars were made against, and what to tell of them."""


@dataclass
class CoverSearch:
    """Best-first search for the repeats that leave the fewest calls, where no two want one weight in a stack.

    Where two do, one of them goes without: either is tried, with a bar.
    """

    calls: Calls
    max_period: int
    legal: LegalRuns
    looked_at: int = 0

    def fewest(self) -> Cover:
        """The best cover; the best that was found where there are more than `MOST_COVERS` to look at."""
        waiting = [self._cover((), ())]
        while True:
            best = heappop(waiting)
            clash = self._clash(best.repeats)
            if clash is None:
                return best
            reason, goes_without = clash
            if self.looked_at >= MOST_COVERS:
                reason += f" (the search ends after {MOST_COVERS} choices of which loops go without)"
                waiting, goes_without = [], goes_without[:1]
            for repeat, bar in goes_without:
                given_up = *best.given_up, (repeat, self.legal.refusal(repeat, reason))
                heappush(waiting, self._cover((*best.bars, bar), given_up))

    def _cover(self, bars: tuple[Bar, ...], given_up: tuple[tuple[Repeat, Refusal], ...]) -> Cover:
        """The best cover under bars, as far as anything is known to be in the way."""
        self.looked_at += 1
        while True:
            repeats = find_repeats(self.calls.names, self.max_period, self.legal.ends_under(bars))
            if not self.legal.refuse_some(repeats, bars):
                cost = cost_of(len(self.calls.names), repeats)
                return Cover(cost, -len(bars), self.looked_at, repeats, bars, given_up)

    def _clash(self, repeats: Sequence[Repeat]) -> tuple[str, list[tuple[Repeat, Bar]]] | None:
        """Where two repeats want one weight in a stack: why one goes without, the later or the earlier."""
        stacked: dict[Root, tuple[Repeat, int]] = {}
        for repeat in repeats:
            gathers = self.legal.gathers(repeat.start, repeat.period)
            wanted = {root: place for root, place in gathers.items() if place[0] < repeat.end}
            for root, (call, part) in wanted.items():
                if root in stacked:
                    earlier, other = stacked[root]
                    reason = f"{describe(part)} would stand in two stacks; it has one place in memory"
                    return reason, [(repeat, Bar(root, call, other)), (earlier, Bar(root, other, call))]
            stacked |= {root: (repeat, call) for root, (call, _) in wanted.items()}
        return None


def _differing_calls(calls: Calls, repeats: Sequence[Repeat]) -> Iterator[Refusal]:
    """Where calls of one pattern would be a longer run but for a call of another kernel between them."""
    entries = list(_cover(len(calls.names), repeats))
    patterns = [tuple(calls.names[e.start : e.start + e.period]) for e in entries]
    last = {pattern: number for number, pattern in enumerate(patterns)}
    for number, (entry, pattern) in enumerate(zip(entries, patterns, strict=True)):
        single = entry.count == 1
        again = _is_variant(calls, patterns[number : number + 3]) if single else last[pattern] > number
        if again and (refusal := _change(calls, entry)) is not None:
            yield refusal


def _change(calls: Calls, entry: Repeat) -> Refusal | None:
    """The first call behind a repeat that does not go on with it."""
    names, period = calls.names, entry.period
    behind = range(entry.end, len(names))
    at = next((at for at in behind if names[at] != names[at - period]), None)
    if at is None:
        return None
    other, wanted = calls.kernels[names[at]], calls.kernels[names[at - period]]
    what = f"run of {calls.pattern(entry.start, period)} is cut by {call_name(calls.all[at])}"
    return Refusal(calls.all[at], f"{what}: {_difference(other, wanted)}")


def _cover(length: int, repeats: Sequence[Repeat]) -> Iterator[Repeat]:
    """The repeats, and every other item as a repeat of one round."""
    at = 0
    for repeat in (*repeats, Repeat(length, 1, 0)):
        yield from (Repeat(single, 1, 1) for single in range(at, repeat.start))
        if repeat.count > 0:
            yield repeat
        at = repeat.end


def _is_variant(calls: Calls, patterns: Sequence[tuple[str, ...]]) -> bool:
    """Whether a call stands between two of another kernel with as many operands: a layer that differs."""
    if len(patterns) < 3 or patterns[0] != patterns[2] or len(patterns[1]) > 1:
        return False
    outer, inner = (calls.kernels[pattern[0]].function_type for pattern in patterns[:2])
    return len(outer.inputs) == len(inner.inputs) and len(outer.outputs) == len(inner.outputs)


def _difference(other: FuncOp, wanted: FuncOp) -> str:
    """How another kernel differs from the one that would go on with a run."""
    given, expected = other.function_type.inputs.data, wanted.function_type.inputs.data
    name = wanted.sym_name.data
    if len(given) != len(expected):
        return f"it takes {len(given)} operands where @{name} takes {len(expected)}"
    for number, (one, two) in enumerate(zip(given, expected, strict=True)):
        if one != two:
            return f"its operand {number} is a {one} where @{name} takes a {two}"
    return f"its body is not that of @{name}"
