"""When launches, kernels, memories, links and stages are busy in a call: plain data for pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

TrackKind = Literal["launch", "kernel", "hbm", "ddr", "links", "stage"]


@dataclass(frozen=True)
class Span:
    """A piece of time in which something is busy; with `count` above 1, so many of them, a period apart."""

    start: int
    """Cycle of the call in which it begins."""
    cycles: int
    name: str = ""
    """What is done: a launch command, a kernel; empty where the track says it."""
    period: int = 0
    """Cycles from one start to the next."""
    count: int = 1

    @property
    def busy_cycles(self) -> int:
        """Of all of them."""
        return self.cycles * self.count


@dataclass(frozen=True)
class Track:
    """What one thing does: spans in the order of their starts, none overlapping another."""

    name: str
    """Unique within its intervals, of a stage within its kernel: made of its operation and what it reads."""
    kind: TrackKind
    spans: tuple[Span, ...]
    kernel: str = ""
    """Of a stage."""


@dataclass(frozen=True)
class Window:
    """A part of a call in which stages are noted, too."""

    begin: int
    """Its first cycle in the call."""
    end: int
    """The cycle behind its last one."""
    stages: tuple[Track, ...]


@dataclass(frozen=True)
class Intervals:
    """A whole call, to the cycle; of one socket, as all do the same."""

    cycles: int
    clock_hz: int
    tracks: tuple[Track, ...]
    """Launches, kernels, and the servers that the call uses."""
    window: Window | None = None


def intervals_json(intervals: Intervals) -> dict[str, Any]:
    """All of it as plain data; what a span or a track does not need to say is left out."""
    window = intervals.window
    return {
        "cycles": intervals.cycles,
        "clock_hz": intervals.clock_hz,
        "tracks": [_track_json(track) for track in intervals.tracks],
        "window": window
        and {
            "begin": window.begin,
            "end": window.end,
            "stages": [_track_json(track) for track in window.stages],
        },
    }


def _track_json(track: Track) -> dict[str, Any]:
    kernel = {"kernel": track.kernel} if track.kernel else {}
    spans = [_span_json(span) for span in track.spans]
    return {"name": track.name, "kind": track.kind, **kernel, "spans": spans}


def _span_json(span: Span) -> dict[str, Any]:
    name = {"name": span.name} if span.name else {}
    repeated = {"period": span.period, "count": span.count} if span.count > 1 else {}
    return {"start": span.start, "cycles": span.cycles, **name, **repeated}
