"""What `kl time` shows beside the whole step: layers, stages, and a trace as a file."""

from __future__ import annotations

import json
from pathlib import Path

from ..backends.sn40l.detail_report import KernelUse, LayerRow, kernel_uses, layer_rows
from ..backends.sn40l.details import StageUse
from ..backends.sn40l.program import Program
from ..backends.sn40l.report import Report
from ..backends.sn40l.trace_events import trace_document
from .tables import print_table, share_text, time_text


def print_layers(report: Report) -> None:
    """A row for every run of layers that take the same time."""
    columns = ["kernel", "layer", "cycles each", "time each", "HBM busy", "collectives", "HBM idles"]
    print_table(columns, [_layer_row(row, report) for row in layer_rows(report)])


def _layer_row(row: LayerRow, report: Report) -> list[str]:
    time = row.time
    return [
        row.kernel,
        f"{row.first}" if row.count == 1 else f"{row.first}-{row.last}",
        f"{time.cycles}",
        time_text(time.cycles / report.machine.clock_hz),
        _share(time.memory_busy, time.cycles),
        f"{time.collectives}",
        f"{time.idle}",
    ]


def print_stages(report: Report) -> None:
    """A table per kernel, with what holds it up."""
    for number, use in enumerate(kernel_uses(report)):
        if number:
            print()
        name, cycles = use.bottleneck
        print(f"{use.kernel}: busiest is {name}, for {_share(cycles, use.cycles)} of the time")
        if use.stages:
            columns = ["stage", "PCUs", "PMUs", "firings", "II", "busy"]
            columns += ["waits: input", "output", "mostly for"]
            print_table(columns, [_stage_row(stage, use) for stage in use.stages])


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


def write_trace(path: str, program: Program, report: Report, iterations: int) -> None:
    """Write the trace of a step, an event a line.

    Raises: OSError.
    """
    document = trace_document(program, report, iterations)
    events = document.pop("traceEvents")
    head = json.dumps(document)[:-1]
    with Path(path).open("w", encoding="utf-8") as file:
        file.write(f'{head}, "traceEvents": [\n')
        file.writelines(f"{',' if number else ' '}{json.dumps(e)}\n" for number, e in enumerate(events))
        file.write("]}\n")
