"""What a report says in sentences."""

from __future__ import annotations

from .analysis import Report
from .formatting import DEFAULT, number_text, plural, share_text
from .front import EXACT_OBJECTIVES, SAMPLES
from .summary import Summary

SMALLEST_SHARE = 0.001
"""Smaller shares of a space are not worth a word."""


def space_words(summary: Summary) -> str:
    """How large the space is and how much of it was looked at."""
    count = plural(len(summary.parameters), "parameter")
    if summary.points is None:
        return f"{count}; how many points satisfy the constraints is not known."
    if not summary.is_discrete:
        return f"{count}; the real ones apart, {plural(summary.points, 'point')}."
    text = f"{count}, {plural(summary.points, 'point')}"
    share = min(summary.evaluations / summary.points, 1.0)
    return (
        f"{text}." if share < SMALLEST_SHARE else f"{text}: the evaluations are {share_text(share)} of them."
    )


def status_words(summary: Summary) -> str:
    """How the evaluations ended."""
    ended = [f"{count:,} {status}" for status, count in summary.statuses.items() if count]
    text = f"Of {plural(summary.evaluations, 'evaluation')}, {summary.feasible:,} gave a feasible point."
    again = f" {summary.repeated:,} more repeated points, and count nowhere." if summary.repeated else ""
    return f"{text} By their status: {', '.join(ended)}.{again}"


def front_words(report: Report) -> str:
    """How large the front is, or which point is best."""
    count, others = plural(len(report.front), "point"), equal_words(report)
    if len(report.summary.objectives) == 1:
        return f"With one objective the front is what has the best value: {count}.{others}"
    return (
        f"{count} that no other feasible point dominates.{others} A click on a column's head sorts the table."
    )


def equal_words(report: Report) -> str:
    """How many points have the values of one of the front; nothing where none has."""
    count = sum(len(point.equal) for point in report.front)
    return f" {plural(count, 'more point')} with equal values: `equal` says how many." if count else ""


def default_words(report: Report) -> str:
    """What is marked in the table; nothing where the study names no default."""
    if not report.defaults:
        return ""
    first, *others = [one.name for one in report.defaults]
    which = "The default stands there, too" if first == DEFAULT else f"The default is {first}"
    more = f"; beside it stand {', '.join(others)}" if others else ""
    return f"{which}{more}. A dotted line is below values that are the default's."


def _limit_words(is_capacity: bool) -> str:
    return "capacity" if is_capacity else "a little beyond the worst"


def _with_unit(value: float, unit: str) -> str:
    return f"{number_text(value)} {unit}".rstrip()


def reference_words(report: Report) -> str:
    """What the hypervolume is measured from; for one objective nothing."""
    objectives = report.summary.objectives
    if report.volumes is None or len(objectives) == 1:
        return ""
    reference = report.volumes.reference
    parts = [
        f"{objective.name} {_with_unit(value, objective.unit)} ({_limit_words(is_capacity)})"
        for objective, value, is_capacity in zip(
            objectives, reference.values, reference.is_capacity, strict=True
        )
    ]
    text = f"The hypervolume is what lies between the front and the reference point: {', '.join(parts)}."
    if report.volumes.is_exact:
        return text
    return (
        f"{text} With more than {EXACT_OBJECTIVES} objectives it is estimated from {SAMPLES:,} random points."
    )
