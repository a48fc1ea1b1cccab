"""When what is busy in a call: launches, kernels, memories and links, and stages in a part of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..intervals import Intervals, Span, Track, TrackKind, Window
from ..spans import blocks, clipped, compressed, end_of, moved, tiled
from ..targets import TargetError
from .launch import step_cycles
from .program import Execute, Program
from .report import CallReport, Report
from .trace_events import command_name

TRACKS: dict[str, TrackKind] = {
    "launch": "launch",
    "kernels": "kernel",
    "HBM": "hbm",
    "DDR": "ddr",
    "links": "links",
}
"""What can be busy, by name, in the order in which it is told."""


def intervals_of(program: Program, report: Report, window: tuple[int, int] | None) -> Intervals:
    """The intervals of a call that was timed with spans, and with those of stages where there is a window.

    Raises: TargetError for a window that is none of the call.
    """
    shown = None if window is None else _window(report, *window)
    found: dict[str, list[Span]] = {name: [] for name in TRACKS}
    for name, span in _spans([*_items(program, report)]):
        found[name].append(span)
    tracks = (Track(name, TRACKS[name], compressed(spans)) for name, spans in found.items() if spans)
    return Intervals(report.cycles, report.machine.clock_hz, tuple(tracks), shown)


@dataclass(frozen=True)
class _Item:
    """A call with the commands that launch it, or commands that launch none."""

    commands: tuple[tuple[str, int], ...]
    """Names and cycles."""
    call: CallReport | None

    @property
    def cycles(self) -> int:
        run = 0 if self.call is None else self.call.cycles - self.call.ledger.launch
        return sum(cycles for _, cycles in self.commands) + run

    @property
    def likeness(self) -> object:
        """What is the same of items that do the same: runs that are alike were timed once."""
        return self.commands, self.call and (self.call.kernel, id(self.call.busy))

    def spans(self) -> Iterator[tuple[str, Span]]:
        """The name of a track and what it does, as if the item began at cycle 0."""
        now = 0
        for name, cycles in self.commands:
            yield "launch", Span(now, cycles, name)
            now += cycles
        if self.call is None or self.call.busy is None:
            return
        if self.cycles > now:
            yield "kernels", Span(now, self.cycles - now, self.call.kernel)
        busy = self.call.busy
        for name, spans in (("HBM", busy.hbm), ("DDR", busy.ddr), ("links", busy.links)):
            for span in spans:
                yield name, moved(span, now)


def _items(program: Program, report: Report) -> Iterator[_Item]:
    calls, commands = iter(report.calls), list[tuple[str, int]]()
    for command, cycles in zip(program.commands, step_cycles(program, report.orchestration), strict=True):
        commands += [(command_name(command), cycles)] if cycles else []
        if isinstance(command, Execute):
            yield _Item(tuple(commands), next(calls))
            commands = []
    yield _Item(tuple(commands), None)


def _spans(items: list[_Item]) -> Iterator[tuple[str, Span]]:
    """What items do that follow one another; those that come again and again are told once."""
    now = 0
    for block in blocks([item.likeness for item in items]):
        repeated = items[block.first : block.first + block.length]
        period = sum(item.cycles for item in repeated)
        for item in repeated:
            for name, span in item.spans():
                for one in tiled(moved(span, now), period, block.times):
                    yield name, one
            now += item.cycles
        now += (block.times - 1) * period


def _window(report: Report, begin: int, end: int) -> Window:
    """The stages of all kernels that run in a part of the call, be they busy there or not.

    What lies before the call or behind its end is cut off.

    Raises: TargetError for a part that has no cycle of the call.
    """
    asked = f"{begin} to {end}"
    begin, end = max(0, begin), min(end, report.cycles)
    if begin >= end:
        raise TargetError(
            f"cycles {asked} are no part of the call, which has cycles 0 to {report.cycles}",
            way_out=f"give a window from 0:{report.cycles}, the first number below the second",
        )
    found: dict[tuple[str, str], list[Span]] = {}
    for call in report.calls:
        start = call.start_cycle + call.ledger.launch
        if call.busy is None or start >= end or call.start_cycle + call.cycles <= begin:
            continue
        for name, spans in call.busy.stages:
            inside = found.setdefault((call.kernel, name), [])
            near = (span for span in spans if span.start + start < end and end_of(span) + start > begin)
            inside += (part for span in near for part in clipped(moved(span, start), begin, end))
    stages = (Track(name, "stage", compressed(spans), kernel) for (kernel, name), spans in found.items())
    return Window(begin, end, tuple(stages))
