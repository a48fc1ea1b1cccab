"""Which runs of calls in a schedule loops replace, and remarks on why others stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ...dialects.kernel import FuncOp
from .call_arguments import call_name
from .call_patterns import Repeat, find_repeats
from .run_scan import Calls, Refusal, Run, RunScan


@dataclass(frozen=True)
class LoopRules:
    """Which legal runs become loops."""

    min_count: int
    max_period: int
    excluded: Mapping[str, str]
    """kernels that no loop takes, with the reason"""
    objection: Callable[[Run], str | None]
    """says what else speaks against a legal run, e.g. that its loop does not fit the machine"""


@dataclass
class LoopPlan:
    """The runs to replace, disjoint, and what to tell about the calls that stay."""

    runs: list[Run] = field(default_factory=list[Run])
    """in launch order"""
    refusals: list[Refusal] = field(default_factory=list[Refusal])


def plan_loops(calls: Calls, rules: LoopRules) -> LoopPlan:
    """Choose the runs that leave the fewest calls; in the place of a refused one, try shorter patterns."""
    plan = LoopPlan()
    open_parts = [(0, len(calls.all), rules.max_period)]
    while open_parts:
        begin, end, max_period = open_parts.pop()
        repeats = find_repeats(calls.names[begin:end], max_period)
        if max_period == rules.max_period:  # the whole schedule, and nothing is refused yet
            plan.refusals += _differing_calls(calls, repeats)
        for repeat in repeats:
            moved = Repeat(begin + repeat.start, repeat.period, repeat.count)
            left = _plan_repeat(calls, moved, rules, plan)
            open_parts += [(*part, repeat.period - 1) for part in left if repeat.period > 1]
    plan.runs.sort(key=lambda run: calls.positions[run.calls[0]])
    return plan


def _plan_repeat(calls: Calls, repeat: Repeat, rules: LoopRules, plan: LoopPlan) -> list[tuple[int, int]]:
    """Plan the legal runs of one repeat; returns the parts that stay calls."""
    pattern = range(repeat.start, repeat.start + repeat.period)
    excluded = next((at for at in pattern if calls.names[at] in rules.excluded), None)
    if excluded is not None:
        name = calls.names[excluded]
        message = f"calls of @{name} are not looped: the kernel {rules.excluded[name]}"
        plan.refusals.append(Refusal(calls.all[excluded], message))
        return [(repeat.start, repeat.end)]
    left: list[tuple[int, int]] = []
    at = repeat.start
    while at < repeat.end:
        scan = RunScan(calls, at, repeat.period)
        scan.extend((repeat.end - at) // repeat.period)
        plan.refusals += scan.refusals
        after = at + max(scan.rounds, 1) * repeat.period
        if not (scan.rounds > 1 and _accept(calls, scan.run(), rules, plan)):
            joined = left.pop()[0] if left and left[-1][1] == at else at
            left.append((joined, after))
        at = after
    return left


def _accept(calls: Calls, run: Run, rules: LoopRules, plan: LoopPlan) -> bool:
    """Add a legal run to the plan, or what speaks against it."""
    too_short = f"min-count is {rules.min_count}" if run.count < rules.min_count else None
    objection = too_short or rules.objection(run)
    if objection is None:
        plan.runs.append(run)
        return True
    pattern = calls.pattern(calls.positions[run.calls[0]], run.period)
    unit = "calls" if run.period == 1 else "rounds"
    what = f"{run.count} {unit} of {pattern} are not looped: {objection}"
    plan.refusals.append(Refusal(run.calls[0], what))
    return False


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
