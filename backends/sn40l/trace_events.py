"""A trace as Chrome and Perfetto load it: the Trace Event Format, times in microseconds.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU describes the format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ...dialects.machine import Machine
from ...dialects.vocabulary import STEP
from .kernel import Kernel, Unit
from .launch import step_cycles
from .ledger import DDR, HBM, LINKS, KernelTrace, Ledger, Slice
from .program import Command, Execute, LoadArguments, LoadProgram, Observe, Program
from .report import Report

LAUNCH = 1
"""Thread of the launch commands."""
SERVERS = {HBM: (2, "HBM"), DDR: (3, "DDR"), LINKS: (4, "links")}
"""Threads of the servers; those of units come behind them, kernel by kernel."""

Event = dict[str, Any]


def trace_document(program: Program, report: Report, calls: int) -> dict[str, Any]:
    """The trace of a step whose report has traces: one process for all sockets, as they do the same.

    Every command and every call has its place; the units and channels of a kernel are there in its first
    `calls` calls and in the last one, and in those the iterations that were noted.
    """
    tracks = _Tracks(program)
    timed = [*_in_time(program, report, tracks, calls)]
    timed.sort(key=lambda event: event["ts"])
    sockets = program.machine.sockets
    events = [_named_process(sockets), *tracks.names(), *timed]
    return {
        "displayTimeUnit": "ns",
        "otherData": {
            "program": program.name,
            "sockets": sockets,
            "orchestration": report.orchestration,
            "clock_hz": program.machine.clock_hz,
            "cycles": report.cycles,
            "left_out": [*_left_out(report, calls)],
        },
        "traceEvents": [event | {"pid": 0} for event in events],
    }


def _named_process(sockets: int) -> Event:
    """The event that says of which sockets the process is."""
    name = "socket 0" if sockets == 1 else f"sockets 0 to {sockets - 1} (all alike)"
    return {"ph": "M", "name": "process_name", "tid": 0, "args": {"name": name}}


@dataclass(frozen=True)
class _Tracks:
    """The threads of a process."""

    program: Program

    def first(self, kernel: Kernel) -> int:
        """The thread of a kernel's first unit."""
        before = len(SERVERS) + LAUNCH + 1
        for other in self.program.kernels:
            if other is kernel:
                break
            before += len(other.units)
        return before

    def names(self) -> Iterator[Event]:
        """The events that name them and put them in order."""
        yield from _named(LAUNCH, "launch")
        for thread, name in SERVERS.values():
            yield from _named(thread, name)
        for kernel in self.program.kernels:
            for thread, unit in enumerate(kernel.units, self.first(kernel)):
                yield from _named(thread, f"{kernel.name}: {_label(unit)}")


def _named(thread: int, name: str) -> Iterator[Event]:
    yield {"ph": "M", "name": "thread_name", "tid": thread, "args": {"name": name}}
    yield {"ph": "M", "name": "thread_sort_index", "tid": thread, "args": {"sort_index": thread}}


def _label(unit: Unit) -> str:
    return f"{unit.kind} {unit.name}"


def _in_time(program: Program, report: Report, tracks: _Tracks, calls: int) -> Iterator[Event]:
    """All events that have a time."""
    machine, now = program.machine, 0
    kernels = {kernel.name: kernel for kernel in program.kernels}
    shown = _shown(report, calls)
    reports = iter(enumerate(report.calls))
    for command, cycles in zip(program.commands, step_cycles(program, report.orchestration), strict=True):
        if cycles:
            yield _slice(machine, LAUNCH, command_name(command), now, cycles)
        now += cycles
        if not isinstance(command, Execute):
            continue
        number, call = next(reports)
        length = call.cycles - call.ledger.launch
        if length:
            yield _slice(machine, LAUNCH, f"run {call.kernel}", now, length, _ledger(call.ledger))
        if number in shown and call.details is not None and call.details.trace is not None:
            kernel = kernels[call.kernel]
            yield from _of_kernel(machine, kernel, tracks.first(kernel), call.details.trace, now)
        now += length


def _shown(report: Report, calls: int) -> set[int]:
    """Which calls are shown with their units, by their number in the step."""
    by_kernel: dict[str, list[int]] = {}
    for number, call in enumerate(report.calls):
        by_kernel.setdefault(call.kernel, []).append(number)
    return {number for numbers in by_kernel.values() for number in (*numbers[:calls], numbers[-1])}


def command_name(command: Command) -> str:
    """A launch command in words."""
    match command:
        case LoadProgram(kernel=kernel):
            return f"load program {kernel}"
        case LoadArguments(kernel=kernel):
            return f"load arguments {kernel}"
        case Execute(kernel=kernel):
            return f"execute {kernel}"
        case Observe(label=label):
            return f"observe {label}"


def _ledger(ledger: Ledger) -> dict[str, int]:
    """Where the time of a call goes, without its launch, in cycles."""
    return {name: cycles for name, cycles in asdict(ledger).items() if name != "launch"}


def _of_kernel(
    machine: Machine, kernel: Kernel, first: int, trace: KernelTrace, start: int
) -> Iterator[Event]:
    for one in trace.slices:
        thread = SERVERS[one.track][0] if one.track in SERVERS else first + one.track
        unit = kernel.units[one.unit]
        yield _slice(machine, thread, _label(unit), start + one.start, one.cycles, _number(kernel, unit, one))
    for fill in trace.fills:
        yield {
            "ph": "C",
            "name": f"{kernel.name}: {kernel.channels[fill.channel].name}",
            "tid": 0,
            "ts": _microseconds(machine, start + fill.cycle),
            "args": {"tokens": fill.tokens},
        }


def _number(kernel: Kernel, unit: Unit, one: Slice) -> dict[str, int]:
    """Which firing (`step` in traces) of which iteration, or of which decode step; of a call only which.

    Iterations are counted through the call.
    """
    index, firing = divmod(one.firing, unit.firings_per_pass)
    if unit.passes(kernel) == 1:
        return {"step": firing}
    rounds, iterations = unit.rounds(kernel)
    passes = unit.passes(kernel) // rounds
    if rounds > 1:
        index -= index // passes * (passes - iterations)  # the pass that ends a round is no iteration
    rate = unit.runs(kernel)
    name = "decode_step" if rate == STEP else "iteration" if rate == kernel.tree.innermost else rate
    return {name: index, "step": firing}


def _slice(
    machine: Machine, thread: int, name: str, start: int, cycles: int, args: dict[str, int] | None = None
) -> Event:
    begin = _microseconds(machine, start)
    event: Event = {
        "ph": "X",
        "name": name,
        "tid": thread,
        "ts": begin,
        "dur": round(_microseconds(machine, start + cycles) - begin, 6),
    }
    return event | {"args": args} if args else event


def _microseconds(machine: Machine, cycle: int) -> float:
    """A time to the picosecond, so that ends and beginnings meet."""
    return round(cycle * 1e6 / machine.clock_hz, 6)


def _left_out(report: Report, calls: int) -> Iterator[dict[str, Any]]:
    """The iterations, and the calls, of which units and channels are not shown; numbers are inclusive."""
    for name, of_kernel in report.calls_by_kernel.items():
        if calls < len(of_kernel) - 1:
            yield {"kernel": name, "first_call": calls, "last_call": len(of_kernel) - 2}
        details = of_kernel[0].details
        if details is not None and details.trace is not None and details.trace.left_out is not None:
            first, last = details.trace.left_out
            yield {"kernel": name, "first_iteration": first, "last_iteration": last}
