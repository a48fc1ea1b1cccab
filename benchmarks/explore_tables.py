"""The tables of the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from explore_data import Key, of_tool
from explore_runs import TARGETS, Curve
from explore_statistics import Ratio, Runs, holm, paired_test, ratio, runs_to
from rich.console import Console
from rich.table import Table

LAST = TARGETS[-1]

EARLY = 60
"""All tools have been run for so many evaluations."""

LATE = 150
"""The explorer has been run for so many, or to the last target."""

OURS = "explorer"

Curves = Mapping[Key, Curve]


def print_problem(console: Console, curves: Curves, problem: str, tools: Sequence[str]) -> None:
    """The mean ratio after some evaluations, expected running times, and how many times ours they are."""
    columns = [f"ERT {target:.2f}" for target in TARGETS]
    table = Table("tool", "runs", f"at {EARLY}", *columns, "reached", "ratio to ours", title=problem)
    ours = list(of_tool(curves, OURS, problem).values())
    for tool in tools:
        theirs = list(of_tool(curves, tool, problem).values())
        if theirs:
            table.add_row(tool, *_row(theirs), _ratio_text(_ratio([(ours, theirs)])) if ours else "")
    console.print(table)


def _row(curves: Sequence[Curve]) -> list[str]:
    runs = [runs_to(curves, target) for target in TARGETS]
    early = np.mean([curve.ratio(EARLY) for curve in curves])
    return [f"{len(curves)}", f"{early:.3f}", *map(_time_text, runs), f"{runs[-1].reached.mean():.0%}"]


def _time_text(runs: Runs) -> str:
    """An expected running time; without a success only a bound is known."""
    sign = "" if runs.reached.any() else "> "
    return f"{sign}{runs.least_running_time:,.0f}"


def _ratio(pairs: Sequence[tuple[Sequence[Curve], Sequence[Curve]]], target: float = LAST) -> Ratio:
    runs = [(runs_to(ours, target), runs_to(theirs, target)) for ours, theirs in pairs]
    return ratio(runs, np.random.default_rng(0))


def _ratio_text(found: Ratio) -> str:
    return f"{found.value:.1f} [{found.low:.1f}, {found.high:.1f}]"


def print_pooled(
    console: Console, curves: Curves, problems: Sequence[str], tools: Sequence[str], target: float
) -> None:
    """Ratios over all problems that a tool has been run on, with tests of the pairs of runs."""
    title = f"all problems: evaluations to {target:.2f}; 0: not reached by us on one of them"
    columns = [f"at {count}" for count in (EARLY, LATE)]
    table = Table("tool", "problems", *columns, "ratio to ours", "pairs", "Wilcoxon, Holm", title=title)
    rows: list[tuple[str, int, Ratio, int]] = []
    tests: list[float] = []
    for tool in tools:
        both = [(of_tool(curves, OURS, name), of_tool(curves, tool, name)) for name in problems]
        both = [(ours, theirs) for ours, theirs in both if ours and theirs]
        pairs = [(ours[seed], theirs[seed]) for ours, theirs in both for seed in sorted(ours.keys() & theirs)]
        if tool == OURS or not pairs:
            continue
        found = _ratio([(list(ours.values()), list(theirs.values())) for ours, theirs in both], target)
        rows.append((tool, len(both), found, len(pairs)))
        tests.append(paired_test([a for a, _ in pairs], [b for _, b in pairs], target))
    table.add_row(OURS, f"{len(problems)}", *_shares(curves, problems, OURS))
    for (tool, count, found, size), p in zip(rows, holm(tests), strict=True):
        shares = _shares(curves, problems, tool)
        table.add_row(tool, f"{count}", *shares, _ratio_text(found), f"{size}", f"{p:.1e}")
    console.print(table)


def _shares(curves: Curves, problems: Sequence[str], tool: str) -> list[str]:
    """The mean ratio after some evaluations, over the problems that a tool has been run on."""
    runs = [found for problem in problems if (found := of_tool(curves, tool, problem).values())]
    means = [np.mean([np.mean([c.ratio(count) for c in found]) for found in runs]) for count in (EARLY, LATE)]
    return [f"{mean:.3f}" for mean in means]


def print_ablations(
    console: Console, curves: Curves, problems: Sequence[str], variants: Mapping[str, str]
) -> None:
    """Expected running times to the last target of what has been left out or changed; smaller is better."""
    table = Table(
        "variant", "", *problems, title=f"ablations: ERT to {LAST:.2f}, and the share of runs reaching it"
    )
    for name, meaning in variants.items():
        cells = [_cell(list(of_tool(curves, name, problem).values())) for problem in problems]
        if any(cells):
            table.add_row(name, meaning, *cells)
    console.print(table)


def _cell(curves: Sequence[Curve]) -> str:
    if not curves:
        return ""
    runs = runs_to(curves, LAST)
    return f"{_time_text(runs)} ({runs.reached.mean():.0%})"
