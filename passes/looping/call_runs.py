"""Which runs of calls in a schedule loops replace, and remarks on why others stay."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from xdsl.ir import SSAValue

from ...dialects.kernel import FuncOp, Root, root_of
from ...dialects.tensors import size_bytes_of
from ..memory.layout import gap_in_stack
from .call_arguments import Gathered, call_name, describe
from .call_patterns import Repeat, find_repeats, rounds_from
from .calls import Calls
from .run_scan import Refusal, Run, RunScan
from .run_tails import possible_ends, tail_refusal


@dataclass(frozen=True)
class LoopRules:
    """Which legal runs become loops."""

    min_count: int
    max_period: int
    excluded: Mapping[str, str]
    """Kernels that no loop takes, with the reason."""
    objection: Callable[[Run], str | None]
    """Says what else speaks against a legal run: that its loop does not fit the machine."""
    stacked: Collection[Root] = ()
    """Weights and states that have got a place in a stack already."""


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
    repeats = find_repeats(calls.names, rules.max_period)
    differing = list(_differing_calls(calls, repeats))
    while legal.refuse_some(repeats):
        repeats = find_repeats(calls.names, rules.max_period, legal.ends)
    runs = [legal.run(repeat) for repeat in repeats]
    return LoopPlan(runs, [*differing, *legal.refusals(repeats)])


class LegalRuns:
    """Which runs of a schedule may become loops; they are scanned when they are asked for."""

    def __init__(self, calls: Calls, rules: LoopRules):
        self._calls = calls
        self._rules = rules
        self._scans: dict[tuple[int, int], RunScan] = {}
        self._refused: list[tuple[Repeat, Refusal]] = []
        self._cut_tails: dict[tuple[int, int], Refusal] = {}
        """By start and period: why no round follows that is cut short. It is news where a run ends there."""
        self.ends: dict[int, list[list[int]]] = {}
        """Per period that has been refused somewhere, for each call: where runs from there may end."""

    def refuse_some(self, repeats: Sequence[Repeat]) -> bool:
        """Whether some of the repeats cannot be loops; `ends` says more than before then."""
        refused = [repeat.period for repeat in repeats if not self._is_legal(repeat)]
        for period in refused:
            self._know(period)
        return bool(refused) or self._refuse_one(repeats)

    def run(self, repeat: Repeat) -> Run:
        """The run of a repeat that is not refused."""
        scan = self._scan(repeat.start, repeat.period)
        behind = [r for r in scan.refusals if not repeat.tail or self._calls.positions[r.call] >= repeat.end]
        if (cut := self._cut_tails.get((repeat.start, repeat.period))) is not None and not behind:
            behind.append(cut)
        self._refused += [(repeat, refusal) for refusal in behind]
        return scan.run_to(repeat.end)

    def refusals(self, chosen: Sequence[Repeat]) -> list[Refusal]:
        """Why calls stay calls: what is no news once, and nothing about what another loop has taken."""
        told: dict[object, Refusal] = {}
        for repeat, refusal in self._refused:
            if not any(
                run.start <= repeat.start and repeat.end <= run.end for run in chosen if run != repeat
            ):
                told.setdefault(refusal.news, refusal)
        return [*told.values()]

    def _is_legal(self, repeat: Repeat) -> bool:
        """Whether a repeat is a legal run; if not, what is in the way along it is noted."""
        if repeat.period in self.ends:
            return True
        at, ends = repeat.start, list[int]()
        while at + repeat.period <= repeat.end:
            refusals, end = self._longest(at, repeat.period)
            self._refused += [(repeat, refusal) for refusal in refusals]
            ends.append(end)
            at = max(end, at + repeat.period)
        if ends[0] != repeat.end and repeat.tail:
            scan = self._scan(repeat.start, repeat.period)
            why = tail_refusal(scan, repeat.count, repeat.tail) if repeat.count in scan.counts else None
            self._cut_tails |= {(repeat.start, repeat.period): why} if why is not None else {}
        return ends[0] == repeat.end

    def _longest(self, start: int, period: int) -> tuple[list[Refusal], int]:
        """What ends the run from here, and the call behind it: `start` where there is none."""
        excluded = self._excluded(start, period)
        if excluded is not None:
            return [excluded], start
        scan = self._scan(start, period)
        ends = possible_ends(scan)
        if not ends:
            return scan.refusals, start
        run = scan.run_to(ends[-1])
        reason = self._objection(run)
        if reason is None:
            return scan.refusals, ends[-1]
        return [*scan.refusals, self._refusal(run, reason)], start

    def _refuse_one(self, repeats: Sequence[Repeat]) -> bool:
        """Whether a repeat does not fit after all, or two want one weight, each in a stack.

        Then it, the later one, may not end there.
        """
        stacked = set(self._rules.stacked)
        for repeat in repeats:
            run = self._scan(repeat.start, repeat.period).run_to(repeat.end)
            reason = self._rules.objection(run) or stack_trouble(run, stacked)
            if reason is not None:
                self._refused.append((repeat, self._refusal(run, reason)))
                self._know(repeat.period)
                ends = self.ends[repeat.period]
                ends[repeat.start] = [end for end in ends[repeat.start] if end != repeat.end]
                return True
            stacked |= {root_of(part) for parts in gathered_parts(run) for part in parts}
        return False

    def _refusal(self, run: Run, reason: str) -> Refusal:
        pattern = self._calls.pattern(self._calls.positions[run.calls[0]], run.period)
        unit = "calls" if run.period == 1 else "rounds"
        more = f" and {run.tail} more calls" if run.tail else ""
        return Refusal(
            run.calls[0], f"{run.count} {unit} of {pattern}{more} are not looped: {reason}", reason
        )

    def _know(self, period: int) -> None:
        """Find all runs of a period."""
        if period not in self.ends:
            starts = range(len(self._calls.names))
            self.ends[period] = [self._ends_from(start, period) for start in starts]

    def _ends_from(self, start: int, period: int) -> list[int]:
        if rounds_from(self._calls.names, start, period) < 2 or self._excluded(start, period) is not None:
            return []
        scan = self._scan(start, period)
        places = [divmod(end - start, period) for end in possible_ends(scan)]
        allowed = self._allowed(scan, [place for place in places if place[0] >= self._rules.min_count])
        return [start + count * period + tail for count, tail in allowed]

    def _allowed(self, scan: RunScan, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Those of the ends, as rounds and a tail, that nothing else speaks against.

        What has nothing against a run has nothing against one of no more rounds with no longer a tail; so the
        longest tail is asked first, and where it is too much, the least that there is.
        """

        def fits(place: tuple[int, int]) -> bool:
            count, tail = place
            return self._objection(scan.run_to(scan.start + count * scan.period + tail)) is None

        if not places or not (fits(max(places, key=itemgetter(1))) or fits(places[0])):
            return []
        allowed, widest = list[tuple[int, int]](), -1
        for _, group in groupby(reversed(places), key=itemgetter(0)):
            row = [*group][::-1]
            known = sum(tail <= widest for _, tail in row)
            if known < len(row) and fits(row[-1]):
                known = len(row)
            elif known < len(row):
                known = bisect_left(row, True, known, len(row) - 1, key=lambda place: not fits(place))
            widest = max(widest, row[known - 1][1] if known else -1)
            allowed += row[:known]
        return sorted(allowed)

    def _excluded(self, start: int, period: int) -> Refusal | None:
        names, excluded = self._calls.names, self._rules.excluded
        at = next((at for at in range(start, start + period) if names[at] in excluded), None)
        if at is None:
            return None
        message = f"calls of @{names[at]} are not looped: the kernel {excluded[names[at]]}"
        return Refusal(self._calls.all[at], message)

    def _objection(self, run: Run) -> str | None:
        if run.count < self._rules.min_count:
            return f"min-count is {self._rules.min_count}"
        return self._rules.objection(run) or stack_trouble(run, self._rules.stacked)

    def _scan(self, start: int, period: int, most: int | None = None) -> RunScan:
        """How far the rounds from here are legal, `most` of them or as many as there are."""
        scan = self._scans.setdefault((start, period), RunScan(self._calls, start, period))
        scan.extend(rounds_from(self._calls.names, start, period) if most is None else most)
        return scan


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


def stack_trouble(run: Run, stacked: Collection[Root]) -> str | None:
    """Why the weights and states that a loop gathers cannot stand one behind another in memory.

    `stacked` holds those that stand in stacks already.
    """
    found = set(stacked)
    for parts in gathered_parts(run):
        gap = gap_in_stack(size_bytes_of(parts[0]))
        if gap is not None:
            return (
                f"{describe(parts[0])} and the like have {gap}, and cannot stand at a constant stride; "
                "declare one stacked weight"
            )
        for part in parts:
            if root_of(part) in found:
                return f"{describe(part)} would stand in two stacks; it has one place in memory"
        found |= set(map(root_of, parts))
    return None


def gathered_parts(run: Run) -> list[tuple[SSAValue, ...]]:
    """The stacks that a loop gathers, each once."""
    arguments = dict.fromkeys(argument for row in run.arguments for argument in row)
    return [argument.parts for argument in arguments if isinstance(argument, Gathered)]
