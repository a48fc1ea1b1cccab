"""Where layers begin in a call, and the part of it that holds two of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...backends.intervals import Intervals, Span
from ...backends.spans import end_of
from ..pictures.timelines import spans_of


def layers_of(intervals: Intervals, rows: Sequence[Mapping[str, Any]]) -> tuple[Span, ...]:
    """Iterations of loops, and calls of kernels that are called again, in the order of time.

    `rows` are the `layers` in the JSON of `kl time --per-layer`: they say how long an iteration is, and the
    intervals when the calls that run them begin. A kernel that runs once has no layers.
    """
    found = sorted(_iterations(intervals, rows), key=lambda one: one.start)
    times = Counter(one.name for one in found)
    return tuple(one for one in found if times[one.name] > 1)


def two_layers(intervals: Intervals, layers: Sequence[Span]) -> tuple[int, int] | None:
    """The cycles of two layers in the middle of the kernel that has most; None without layers.

    A layer that begins a call has its launch before it, which is part of what it takes.
    """
    if not layers:
        return None
    [(most, _)] = Counter(one.name for one in layers).most_common(1)
    alike = [one for one in layers if one.name == most]
    first = alike[(len(alike) - 1) // 2]
    behind = next(one for one in layers if one.start >= end_of(first))
    return _launched(intervals, first), end_of(behind)


def _iterations(intervals: Intervals, rows: Sequence[Mapping[str, Any]]) -> Iterator[Span]:
    """Those of each kernel follow one another in its calls."""
    calls = _calls(intervals)
    for kernel in dict.fromkeys(row["kernel"] for row in rows):
        own = [row for row in rows if row["kernel"] == kernel]
        lengths = (row["cycles"] for row in own for _ in range(row["first"], row["last"] + 1))
        for call in calls:
            now = call.start
            while call.name == kernel and now < end_of(call) and (cycles := next(lengths, 0)):
                yield Span(now, cycles, kernel)
                now += cycles


def _calls(intervals: Intervals) -> list[Span]:
    """Every call of a kernel, one by one."""
    spans = spans_of(intervals.tracks, "kernel")
    every = (
        Span(one.start + at * one.period, one.cycles, one.name) for one in spans for at in range(one.count)
    )
    return sorted(every, key=lambda one: one.start)


def _launched(intervals: Intervals, layer: Span) -> int:
    """Where the launch of a layer begins; without one, the layer."""
    calls = _calls(intervals)
    if layer.start not in {one.start for one in calls}:
        return layer.start
    return max((end_of(one) for one in calls if end_of(one) <= layer.start), default=0)
