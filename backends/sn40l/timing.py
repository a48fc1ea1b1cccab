"""The time of a step as tools show it: numbers in words that all targets share, tables, and the trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from ..lazily import late
from ..tables import Table, bytes_text, share_text, time_text
from ..targets import Roofline, TargetError, TimeOptions, Timing
from .capacity import Capacity, capacity_of
from .errors import target_errors
from .launch import NO_EXPERTS, time_step
from .ledger import StageUse, Wait
from .positions import context_read, position_inputs, timed_position
from .program import Program
from .report import KernelReport, Report
from .roof import limit
from .selections import Experts, selections_of

if TYPE_CHECKING:
    from ..runs import Progress
    from .report_details import KernelUse, LayerRow

_late = partial(late, __package__)
intervals_of = _late("busy_times", "intervals_of")
trace_document = _late("trace_events", "trace_document")
layer_rows, kernel_uses = _late("report_details", "layer_rows"), _late("report_details", "kernel_uses")


def time_program(program: Program, options: TimeOptions, progress: Progress) -> Timing:
    """Time one call.

    Raises: TargetError for a position outside the context, a window outside the call, a choice of experts
        that there is not, and where the program cannot run to its end.
    """
    position = timed_position(program, options.position)
    if options.routing is not None and selections_of(program) is None:
        raise TargetError(NO_EXPERTS, way_out="leave out --experts")
    details = options.layers or options.stages or options.trace_iterations > 0
    with target_errors():
        report = time_step(
            program,
            position_inputs(program, position),
            options.orchestration,
            progress,
            details=details,
            trace_iterations=options.trace_iterations,
            spans=options.intervals,
            stage_spans=options.window is not None,
            routing=options.routing,
        )
    return _timing(program, position, report, options)


def _timing(program: Program, position: int, report: Report, options: TimeOptions) -> Timing:
    sockets = f"{report.machine.sockets} socket{'s' if report.machine.sockets > 1 else ''}"
    layers = {"layers": layers_json(report)} if options.layers else {}
    stages = {"stages": stages_json(report)} if options.stages else {}
    iterations, machine, capacity = options.trace_iterations, report.machine, capacity_of(program)
    return Timing(
        report.program,
        position,
        report.seconds,
        report.steps,
        report.tokens,
        report.kernel_calls,
        report.cycles,
        f"{sockets}, {report.orchestration}-orchestrated",
        {name: part / (report.cycles or 1) for name, part in asdict(report.ledger).items()},
        _roofline(report, report.roofline_tokens_per_second, report.roofline_share),
        {"all from HBM": _rate(report.roofline_without_residence_tokens_per_second)},
        "all from HBM: the roofline in tokens/s if no weight were resident in SRAM",
        tuple(_tables(report, options, capacity)),
        report.to_json() | layers | stages | {"memory": capacity.timed_document(report)},
        trace_document(program, report, iterations) if iterations else None,
        report,
        context_read(program),
        report.first_step_extra_cycles / machine.clock_hz,
        _roofline(report, report.attainable_tokens_per_second, report.attainable_share, attainable=True),
        intervals_of(program, report, options.window) if options.intervals else None,
        tuple(capacity.rows(report)),
    )


def layers_json(report: Report) -> list[dict[str, Any]]:
    """The rows as plain data."""
    return [
        {
            "kernel": row.kernel,
            "first": row.first,
            "last": row.last,
            "start_cycle": row.start_cycle,
            "cycles": row.time.cycles,
            "memory_busy_cycles": row.time.memory_busy,
            "memory_full_rate_cycles": _full_rate(row, report),
            "hbm_bytes": row.time.hbm_bytes,
            "collectives_cycles": row.time.collectives,
            "router_cycles": row.time.router,
            "idle_cycles": row.time.idle,
        }
        for row in layer_rows(report)
    ]


def stages_json(report: Report) -> list[dict[str, Any]]:
    """The kernels as plain data."""
    return [
        {
            "kernel": use.kernel,
            "calls": use.calls,
            "cycles": use.cycles,
            "bottleneck": use.bottleneck[0],
            "bottleneck_share": use.bottleneck[1] / use.cycles if use.cycles else 0,
            "busy_cycles": use.servers,
            "stages": [_stage_json(stage) for stage in use.stages],
        }
        for use in kernel_uses(report)
    ]


def _stage_json(stage: StageUse) -> dict[str, Any]:
    return {
        "stage": stage.stage,
        "location": stage.location,
        "pcus": stage.pcus,
        "pmus": stage.pmus,
        "firings": stage.firings,
        "ii_cycles": stage.ii_cycles,
        "busy_cycles": stage.busy_cycles,
        "utilisation": stage.utilisation,
        "input_wait_cycles": stage.input_wait_cycles,
        "output_wait_cycles": stage.output_wait_cycles,
        "done_cycles": stage.done_cycles,
        "inputs": [_wait_json(wait) for wait in stage.inputs],
        "outputs": [_wait_json(wait) for wait in stage.outputs],
    }


def _wait_json(wait: Wait) -> dict[str, Any]:
    return {"channel": wait.channel, "unit": wait.unit, "wait_cycles": wait.cycles}


def _roofline(
    report: Report, rate: float | None, share: float | None, *, attainable: bool = False
) -> Roofline | None:
    """A roofline with what sets it; None for a program that moves and computes nothing."""
    if rate is None or share is None:
        return None
    return Roofline(rate, share, _reason(report, attainable=attainable))


def _rate(tokens_per_second: float | None) -> str:
    return "" if tokens_per_second is None else f"{tokens_per_second:.1f}"


def _reason(report: Report, *, attainable: bool = False) -> str:
    """What sets the roofline, or what is attainable."""
    machine, traffic = report.machine, report.traffic
    of = "a step" if report.steps == 1 else "a call"
    match limit(machine, traffic, report.flops, report.wide_flops, attainable=attainable):
        case "HBM" if attainable:
            return f"streams reach {share_text(machine.hbm_efficiency_permille / 1000)} of HBM's bandwidth"
        case "HBM":
            return f"{bytes_text(traffic.hbm)} of HBM traffic {of} at {bytes_text(machine.hbm_bandwidth)}/s"
        case "SRAM":
            return f"{bytes_text(traffic.sram_read)} of resident weights {of}"
        case "PCUs":
            return f"{report.flops:.3g} FLOPs {of} at peak"
        case "DDR":
            return f"{bytes_text(traffic.ddr)} of DDR traffic {of}"
        case "links":
            return f"{bytes_text(traffic.link_sent)} sent {of}"


def _tables(report: Report, options: TimeOptions, capacity: Capacity) -> Iterator[Table]:
    """Where the time goes, what lies where if that is a question, the kernels, and the details that are
    asked for."""
    whole, entries = report.cycles or 1, asdict(report.ledger)
    rows = [_ledger_row(*entry, report) for entry in entries.items()]
    shares = [cycles / whole for cycles in entries.values()]
    yield Table(("where the time goes", "cycles", "time", "share"), rows, shares=shares)
    if report.experts is not None:
        yield _experts(report, report.experts)
    if capacity.has_experts or capacity.uses_ddr:
        yield capacity.table
    columns = ("kernel", "calls", "cycles each", "time", "share", "HBM bandwidth")
    shares = [kernel.cycles / whole for kernel in report.kernels]
    yield Table(columns, [_kernel_row(kernel, report) for kernel in report.kernels], shares=shares)
    if options.layers:
        hbm = ("HBM full rate", "below it", "collectives", "router", "HBM idles")
        columns = ("kernel", "layer", "cycles each", "time each", *hbm)
        yield Table(columns, [_layer_row(row, report) for row in layer_rows(report)])
    if options.stages:
        yield from map(_stages, kernel_uses(report))


def _ledger_row(name: str, cycles: int, report: Report) -> list[str]:
    time, share = cycles / report.machine.clock_hz, _share(cycles, report.cycles)
    return [name.replace("_", " "), str(cycles), time_text(time), share]


def _experts(report: Report, experts: Experts) -> Table:
    """What is read for the experts of this call, and in the mean, at best and at worst."""
    what = "of all sockets the one that reads most" if experts.are_split else "of each layer"
    title = f"experts ({experts.rule}): distinct ones {what}, and the memory traffic of the call"
    names = {"used": "used here", "expected": "expected of uniform choices", "best": "best", "worst": "worst"}
    rows = [
        [name, f"{experts.cases[case][0]:.1f}", bytes_text(experts.memory_bytes(report.traffic, case))]
        for case, name in names.items()
    ]
    return Table(("experts", "distinct", "bytes"), rows, title=title)


def _kernel_row(kernel: KernelReport, report: Report) -> list[str]:
    seconds = kernel.cycles / report.machine.clock_hz
    bandwidth = kernel.traffic.hbm / seconds if seconds else 0
    return [
        kernel.kernel,
        str(kernel.calls),
        str(kernel.cycles // kernel.calls),
        time_text(seconds),
        _share(kernel.cycles, report.cycles),
        f"{bytes_text(bandwidth)}/s",
    ]


def _layer_row(row: LayerRow, report: Report) -> list[str]:
    time, full = row.time, _full_rate(row, report)
    return [
        row.kernel,
        f"{row.first}" if row.count == 1 else f"{row.first}-{row.last}",
        f"{time.cycles}",
        time_text(time.cycles / report.machine.clock_hz),
        _share(full, time.cycles),
        _share(time.memory_busy - full, time.cycles),
        f"{time.collectives}",
        f"{time.router}",
        f"{time.idle}",
    ]


def _full_rate(row: LayerRow, report: Report) -> int:
    """Cycles that the bytes of each layer of a row take at HBM's full bandwidth, rounded down."""
    return min(row.time.memory_busy, report.machine.hbm_roof_cycles(row.time.hbm_bytes))


def _stages(use: KernelUse) -> Table:
    """The stages of a kernel, with what holds it up."""
    name, cycles = use.bottleneck
    title = f"{use.kernel}: busiest is {name}, for {_share(cycles, use.cycles)} of the time"
    if not use.stages:
        return Table(title=title)
    columns = ("stage", "PCUs", "PMUs", "firings", "II", "busy", "waits: input", "output", "mostly for")
    return Table(columns, [_stage_row(stage, use) for stage in use.stages], title=title)


def _stage_row(stage: StageUse, use: KernelUse) -> list[str]:
    longest = stage.longest_wait
    return [
        stage.stage,
        f"{stage.pcus}",
        f"{stage.pmus}",
        f"{stage.firings}",
        f"{stage.ii_cycles}",
        share_text(stage.utilisation),
        _share(stage.input_wait_cycles, use.cycles),
        _share(stage.output_wait_cycles, use.cycles),
        longest.unit if longest.cycles else "",
    ]


def _share(cycles: int, whole: int) -> str:
    return share_text(cycles / whole if whole else 0)
