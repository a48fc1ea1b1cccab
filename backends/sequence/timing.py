"""The time of a step as tools show it: numbers in words that all targets share, tables, and the trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ..runs import Progress
from ..tables import Table, bytes_text, share_text, time_text
from ..targets import Roofline, TargetError, TimeOptions, Timing
from .costs import Amount, Conditions, Cost, call_cost, step_amount, step_cost, total_amount
from .program import Program
from .work import Kernel

LEGEND = (
    "on a sequence of kernels unfused is launch by launch; fused, looped and single are persistent kernels, "
    "with barriers in the place of launches"
)
"""What the variants of `kl compare` are."""
SLACK = 1e-12
"""Relative error of sums of floats, which the check of the roofline allows for."""


@dataclass(frozen=True)
class KernelTime:
    """All calls of a kernel."""

    kernel: Kernel
    calls: int
    each: Cost
    amount: Amount
    """Of one call."""


def time_program(program: Program, options: TimeOptions, progress: Progress) -> Timing:
    """Time one step; calls of one kernel are timed once.

    Raises: TargetError for a position outside the context.
    """
    work, machine = program.work, program.machine
    conditions = Conditions(timed_position(program, options.position), options.orchestration)
    kernels = [
        KernelTime(
            kernel,
            calls,
            call_cost(machine, kernel, conditions),
            total_amount(machine, kernel.phases, conditions.position),
        )
        for kernel, calls in work.counts
    ]
    progress(1, 1)
    cost, amount = step_cost(machine, work, conditions), step_amount(machine, work, conditions.position)
    return _timing(program, conditions, kernels, cost, amount, trace=options.trace_iterations > 0)


def timed_position(program: Program, position: int | None) -> int:
    """The position of the token that is timed: the last one of the context if nothing is said.

    Raises: TargetError for one outside the context.
    """
    context = program.work.context
    if position is None:
        return max(context - 1, 0)
    if context and position >= context:
        raise TargetError(
            f"position {position} is asked for; the context has room for 0 to {context - 1}",
            way_out="give one of these, or a longer context",
        )
    return position


def _timing(
    program: Program,
    conditions: Conditions,
    kernels: list[KernelTime],
    cost: Cost,
    amount: Amount,
    *,
    trace: bool,
) -> Timing:
    work, machine, seconds = program.work, program.machine, cost.seconds
    roof, attainable = roofline(program, amount, seconds), attainable_roofline(program, amount, seconds)
    launched = "as a graph" if conditions.orchestration == "hardware" else "on a stream"
    sockets = f"{machine.sockets} socket{'s' if machine.sockets > 1 else ''}"
    return Timing(
        work.name,
        conditions.position,
        seconds,
        tokens=work.tokens,
        kernel_calls=len(work.calls),
        conditions=f"{sockets}, launched {launched}",
        parts={name: part / (seconds or 1) for name, part in asdict(cost).items()},
        roofline=roof,
        attainable=attainable,
        tables=(_ledger(cost), _kernel_table(kernels, seconds)),
        document=_document(program, conditions, kernels, cost, amount, roof, attainable),
        legend=LEGEND,
        trace=trace_document(program, conditions) if trace else None,
    )


def bounds(program: Program, amount: Amount) -> dict[str, tuple[float, str]]:
    """The least times of a step by what sets them, each with its words; not rounded."""
    machine, moved = program.machine, f"{bytes_text(amount.bytes)} of memory traffic a step"
    return {
        "memory": (
            amount.memory,
            f"{moved} at {bytes_text(machine.memory_bandwidth)}/s",
        ),
        "compute": (amount.compute, "FLOPs of a step at the peaks of their types"),
        "links": (amount.links, f"what is sent a step at {bytes_text(machine.link_bandwidth)}/s"),
    }


def roofline(program: Program, amount: Amount, seconds: float) -> Roofline | None:
    """The largest of the least times; None for a step that moves and computes nothing.

    A step that is faster is a bug, and ends the program.
    """
    least, reason = max(bounds(program, amount).values())
    assert seconds >= least * (1 - SLACK), f"{seconds} s are below the roofline of {least} s"
    return _roofline(program, least, reason, seconds)


def attainable_roofline(program: Program, amount: Amount, seconds: float) -> Roofline | None:
    """The same with the bandwidth that streams reach."""
    machine, least = program.machine, {name: one[0] for name, one in bounds(program, amount).items()}
    reached = max(machine.memory_permille, machine.persistent_permille, machine.cache_permille)
    least["memory"] = least["memory"] * 1000 / reached
    name = max(least, key=lambda one: least[one])
    reason = bounds(program, amount)[name][1]
    if name == "memory":
        reason = f"streams reach {share_text(reached / 1000)} of the bandwidth of memory"
    return _roofline(program, least[name], reason, seconds)


def _roofline(program: Program, least: float, reason: str, seconds: float) -> Roofline | None:
    return Roofline(program.work.tokens / least, least / seconds, reason) if least and seconds else None


def _ledger(cost: Cost) -> Table:
    whole, entries = cost.seconds or 1.0, asdict(cost)
    rows = [
        [name.replace("_", " "), time_text(part), share_text(part / whole)] for name, part in entries.items()
    ]
    return Table(("where the time goes", "time", "share"), rows, shares=[p / whole for p in entries.values()])


def _kernel_table(kernels: list[KernelTime], whole: float) -> Table:
    columns = ("kernel", "calls", "barriers", "each", "time", "share", "bandwidth")
    shares = [one.calls * one.each.seconds / (whole or 1) for one in kernels]
    rows = [_kernel_row(one, share) for one, share in zip(kernels, shares, strict=True)]
    return Table(columns, rows, shares=shares)


def _kernel_row(one: KernelTime, share: float) -> list[str]:
    each = one.each.seconds
    return [
        one.kernel.name,
        f"{one.calls}",
        f"{one.kernel.barriers}",
        time_text(each),
        time_text(one.calls * each),
        share_text(share),
        f"{bytes_text(one.amount.bytes / each if each else 0)}/s",
    ]


def _document(
    program: Program,
    conditions: Conditions,
    kernels: list[KernelTime],
    cost: Cost,
    amount: Amount,
    roof: Roofline | None,
    attainable: Roofline | None,
) -> dict[str, Any]:
    """What `kl time --json` has besides what all targets have."""
    return {
        "orchestration": conditions.orchestration,
        "sockets": program.machine.sockets,
        "memory_bandwidth_bytes_per_second": program.machine.memory_bandwidth,
        "roofline_tokens_per_second": None if roof is None else roof.tokens_per_second,
        "roofline_share": None if roof is None else roof.share,
        "attainable_tokens_per_second": None if attainable is None else attainable.tokens_per_second,
        "attainable_share": None if attainable is None else attainable.share,
        "memory_bytes": amount.bytes,
        "ledger_seconds": asdict(cost),
        "kernel_times": [
            {
                "kernel": one.kernel.name,
                "calls": one.calls,
                "barriers": one.kernel.barriers,
                "seconds": one.calls * one.each.seconds,
                "memory_bytes": one.calls * one.amount.bytes,
                "ledger_seconds": asdict(one.each.times(one.calls)),
            }
            for one in kernels
        ],
    }


def trace_document(program: Program, conditions: Conditions) -> dict[str, Any]:
    """The calls of a step, one behind another, in the Trace Event Format; times in microseconds."""
    head = {"ph": "M", "name": "process_name", "pid": 0, "tid": 0}
    sockets = program.machine.sockets
    name = "socket 0" if sockets == 1 else f"sockets 0 to {sockets - 1} (all alike)"
    return {
        "displayTimeUnit": "ns",
        "otherData": {
            "program": program.name,
            "sockets": sockets,
            "orchestration": conditions.orchestration,
        },
        "traceEvents": [{**head, "args": {"name": name}}, *_events(program, conditions)],
    }


def _events(program: Program, conditions: Conditions) -> Iterator[dict[str, Any]]:
    work, now = program.work, program.machine.serving_ns / 1000
    costs = [call_cost(program.machine, kernel, conditions) for kernel in work.kernels]
    for number in work.calls:
        cost, name = costs[number], work.kernels[number].name
        for what, start, size, thread in (
            ("launch", now, cost.launch * 1e6, 1),
            (name, now + cost.launch * 1e6, (cost.seconds - cost.launch) * 1e6, 2),
        ):
            parts = {key: part * 1e6 for key, part in asdict(cost).items() if part}
            event = {"ph": "X", "name": what, "ts": start, "dur": size, "pid": 0, "tid": thread}
            yield {**event, "args": {} if thread == 1 else {"microseconds": parts}}
        now += cost.seconds * 1e6
