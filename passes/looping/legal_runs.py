"""The runs of a schedule that may become loops, scanned when they are asked for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import itemgetter

from xdsl.ir import SSAValue

from ...dialects.kernel import Root, root_of
from ...dialects.tensors import size_bytes_of
from ..memory.layout import gap_in_stack
from .call_arguments import Gathered, describe
from .call_patterns import Ends, Repeat, rounds_from
from .calls import Calls
from .horizons import write_horizons
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
class Bar:
    """No loop that takes a call and not the other one puts a weight or state into a stack.

    It has one place in memory: where the loops of two calls want it, one of them goes without.
    """

    root: Root
    taken: int
    other: int

    def meets(self, start: int, end: int) -> bool:
        """Whether a run takes the one call and not the other."""
        return start <= self.taken < end and not start <= self.other < end


class LegalRuns:
    """Which runs of a schedule may become loops; they are scanned when they are asked for."""

    def __init__(self, calls: Calls, rules: LoopRules):
        self._calls = calls
        self._rules = rules
        self._scans: dict[tuple[int, int], RunScan] = {}
        self._refused: list[tuple[Repeat, Refusal]] = []
        self._cut_tails: dict[tuple[int, int], Refusal] = {}
        """By start and period: why no round follows that is cut short. It is news where a run ends there."""
        self._horizons = write_horizons(calls)
        self._widest = max((end - start for start, end in enumerate(self._horizons)), default=0)
        """Calls of the longest run that the horizons leave."""
        self.ends: dict[int, list[list[int]]] = {}
        """Per period that has been refused somewhere, for each call: where runs from there may end."""
        self.gathers = cache(self._gathers)

    def refuse_some(self, repeats: Sequence[Repeat], bars: Collection[Bar]) -> bool:
        """Whether some of the repeats cannot be loops; `ends` says more than before then."""
        illegal = [r for r in repeats if not self._is_legal(r) or self._is_barred(r, r.end, bars)]
        misfits = [] if illegal else [repeat for repeat in repeats if not self._fits(repeat)]
        refused = [*illegal, *misfits]
        for repeat in refused:
            self._know(repeat.period)
        for repeat in misfits:
            ends = self.ends[repeat.period]
            ends[repeat.start] = self._allowed(repeat, ends[repeat.start])
        if refused and self._calls.effort.is_over:
            self._end_search(repeats, refused)
        return bool(refused)

    def _end_search(self, repeats: Sequence[Repeat], refused: Sequence[Repeat]) -> None:
        """Of periods that are not known, or that have misfits, only the runs remain that are chosen now."""
        kept, doubtful = [r for r in repeats if r not in refused], {r.period for r in refused}
        for period in range(1, self._rules.max_period + 1):
            if period in doubtful or period not in self.ends:
                self.ends[period] = self._no_ends()
                for repeat in kept:
                    if repeat.period == period:
                        self.ends[period][repeat.start] = [repeat.end]
        at = min(repeat.start for repeat in refused)
        whole, reason = Repeat(at, 1, len(self._calls.all) - at), self._calls.effort.reason
        self._refused.append((whole, Refusal(self._calls.all[at], reason)))

    def _no_ends(self) -> list[list[int]]:
        return [[] for _ in self._calls.all]

    def ends_under(self, bars: Collection[Bar]) -> Ends:
        """`ends` without those that bars are against."""
        if not bars:
            return self.ends
        return {
            period: [
                [end for end in ends if not self._is_barred(Repeat(start, period, 2), end, bars)]
                for start, ends in enumerate(row)
            ]
            for period, row in self.ends.items()
        }

    def _is_barred(self, repeat: Repeat, end: int, bars: Iterable[Bar]) -> bool:
        """Whether a bar is against the rounds of a repeat up to an end."""
        meeting = (bar.root for bar in bars if bar.meets(repeat.start, end))
        return any(
            root in gathers and gathers[root][0] < end
            for root in meeting
            for gathers in [self.gathers(repeat.start, repeat.period)]
        )

    def _gathers(self, start: int, period: int) -> dict[Root, tuple[int, SSAValue]]:
        """What the longest run from here puts into stacks, with the first call that is given it."""
        scan, found = self._scan(start, period), dict[Root, tuple[int, SSAValue]]()
        rows = scan.run_to(possible_ends(scan)[-1]).arguments
        for phase, row in enumerate(rows):
            for argument in row:
                if isinstance(argument, Gathered):
                    for call, part in enumerate(argument.parts):
                        place = start + call * period + phase, part
                        found[root_of(part)] = min(found.get(root_of(part), place), place, key=itemgetter(0))
        return found

    def run(self, repeat: Repeat) -> Run:
        """The run of a repeat that is not refused."""
        scan = self._scan(repeat.start, repeat.period)
        behind = [r for r in scan.refusals if not repeat.tail or self._calls.positions[r.call] >= repeat.end]
        if (cut := self._cut_tails.get((repeat.start, repeat.period))) is not None and not behind:
            behind.append(cut)
        self._refused += [(repeat, refusal) for refusal in behind]
        return scan.run_to(repeat.end)

    def refusals(
        self, chosen: Sequence[Repeat], more: Iterable[tuple[Repeat, Refusal]] = ()
    ) -> list[Refusal]:
        """Why calls stay calls: what is no news once, and nothing about what another loop has taken.

        `more` is what else has been refused.
        """
        told: dict[object, Refusal] = {}
        for repeat, refusal in (*self._refused, *more):
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

    def _fits(self, repeat: Repeat) -> bool:
        """Whether nothing else speaks against a legal repeat; if something does, that is noted."""
        reason = self._objection(self._run(repeat))
        if reason is not None:
            self._refused.append((repeat, self.refusal(repeat, reason)))
        return reason is None

    def _run(self, repeat: Repeat) -> Run:
        return self._scan(repeat.start, repeat.period).run_to(repeat.end)

    def refusal(self, repeat: Repeat, reason: str) -> Refusal:
        """The refusal of a legal repeat for a reason."""
        return self._refusal(self._run(repeat), reason)

    def _refusal(self, run: Run, reason: str) -> Refusal:
        pattern = self._calls.pattern(self._calls.positions[run.calls[0]], run.period)
        unit = "calls" if run.period == 1 else "rounds"
        more = f" and {run.tail} more calls" if run.tail else ""
        return Refusal(
            run.calls[0], f"{run.count} {unit} of {pattern}{more} are not looped: {reason}", reason
        )

    def _know(self, period: int) -> None:
        """Find all legal runs of a period; periods for which the horizons leave no room have none."""
        starts = range(len(self._calls.names))
        if period not in self.ends:
            self.ends[period] = [self._ends_from(start, period) for start in starts]
        for longer in range(self._widest // 2 + 1, self._rules.max_period + 1):
            self.ends.setdefault(longer, self._no_ends())

    def _ends_from(self, start: int, period: int) -> list[int]:
        if self._horizons[start] < start + 2 * period or self._calls.effort.is_over:
            return []
        if rounds_from(self._calls.names, start, period) < 2 or self._excluded(start, period) is not None:
            return []
        least = start + self._rules.min_count * period
        return [end for end in possible_ends(self._scan(start, period)) if end >= least]

    def _allowed(self, refused: Repeat, ends: Sequence[int]) -> list[int]:
        """Those of the ends of runs from where one is refused that nothing else speaks against.

        What has nothing against a run has nothing against one of no more rounds with no longer a tail; so the
        longest tail is asked first, and where it is too much, the least that there is.
        """
        start, period = refused.start, refused.period
        places = [divmod(end - start, period) for end in ends if end != refused.end]

        def fits(place: tuple[int, int]) -> bool:
            return self._objection(self._run(Repeat(start, period, *place))) is None

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
        return sorted(start + count * period + tail for count, tail in allowed)

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

    def _scan(self, start: int, period: int) -> RunScan:
        """How far the rounds from here are legal."""
        scan = self._scans.setdefault((start, period), RunScan(self._calls, start, period))
        scan.extend(rounds_from(self._calls.names, start, period))
        return scan


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
