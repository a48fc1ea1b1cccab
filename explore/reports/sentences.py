"""What a report says in sentences."""

from __future__ import annotations

from .analysis import Report
from .formatting import amount_text, plural, share_text
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
    share = min(summary.evaluations / summary.points, 1.0)
    seen = "" if share < SMALLEST_SHARE else f": the evaluations are {share_text(share)} of them"
    return f"{count}, {plural(summary.points, 'point')}{seen}."


def status_words(summary: Summary) -> str:
    """How the evaluations ended."""
    ended = [f"{count:,} {status}" for status, count in summary.statuses.items() if count]
    text = f"Of {plural(summary.evaluations, 'evaluation')}, {summary.feasible:,} gave a feasible point."
    again = f" {summary.repeated:,} more repeated points, and count nowhere." if summary.repeated else ""
    return f"{text} By their status: {', '.join(ended)}.{again}"


def front_words(report: Report) -> str:
    """How large the front is, or which point is best, and how many points have the same values."""
    count, equal = plural(len(report.front), "point"), sum(len(point.equal) for point in report.front)
    others = f" {plural(equal, 'more point')} with equal values: `equal` says how many." if equal else ""
    if len(report.summary.objectives) == 1:
        return f"With one objective the front is what has the best value: {count}.{others}"
    return f"{count} that no other feasible point dominates.{others}"


def reference_words(report: Report) -> str:
    """What the hypervolume is measured from; for one objective nothing."""
    objectives, volumes = report.summary.objectives, report.volumes
    if volumes is None or len(objectives) == 1:
        return ""
    limits = ["capacity" if known else "a little beyond the worst" for known in volumes.reference.is_capacity]
    parts = [
        f"{objective.name} {amount_text(value, objective.unit)} ({limit})"
        for objective, value, limit in zip(objectives, volumes.reference.values, limits, strict=True)
    ]
    text = f"The hypervolume is what lies between the front and the reference point: {', '.join(parts)}."
    if volumes.is_exact:
        return text
    return (
        f"{text} With more than {EXACT_OBJECTIVES} objectives it is estimated from {SAMPLES:,} random points."
    )
