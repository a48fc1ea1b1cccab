"""`kl time`: how long one step takes, and where the time goes."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from ...backends.sn40l.detail_report import layers_json, stages_json
from ...backends.sn40l.executor import time_step
from ...backends.sn40l.launch import Timer
from ...backends.sn40l.program import Program
from ...backends.sn40l.report import KernelReport, Report
from ..compilation import Compiler
from ..diagnostics import HELP_MARK, InputError
from ..engine_errors import engine_errors
from ..execution import position_inputs, timed_position
from ..progress import progress
from ..tables import bytes_text, print_json, print_table, share_text, time_text
from ..time_details import print_layers, print_stages, write_trace
from .options import JSON_VERSION

TRACE_ITERATIONS = 4
"""Of each kernel that a trace begins with, if nothing else is said."""


def run(arguments: argparse.Namespace) -> int:
    """Time one step and print the report."""
    compiler = Compiler.of(arguments)
    program = compiler.program(compiler.read(), compiler.choice())
    position = timed_position(program, arguments.position)
    iterations = _trace_iterations(arguments)
    details = arguments.per_layer or arguments.per_stage or iterations > 0
    timer = Timer(details=details, trace_iterations=iterations)
    report = time_program(program, position, arguments.orchestration, timer)
    if arguments.trace is not None:
        write_trace(arguments.trace, program, report, iterations)
    if arguments.json:
        layers = {"layers": layers_json(report)} if arguments.per_layer else {}
        stages = {"stages": stages_json(report)} if arguments.per_stage else {}
        print_json(document(arguments.input, position, report) | layers | stages)
    else:
        _print(report, position)
        _print_details(arguments, report)
    return 0


def _trace_iterations(arguments: argparse.Namespace) -> int:
    """How many iterations a trace begins with; 0 where none is wanted.

    Raises: InputError if there is a number without a trace.
    """
    if arguments.trace is not None:
        return arguments.trace_iterations or TRACE_ITERATIONS
    if arguments.trace_iterations is not None:
        raise InputError(
            f"--trace-iterations says how much a trace shows, but none is written{HELP_MARK}"
            "give --trace FILE, too"
        )
    return 0


def time_program(program: Program, position: int, orchestration: str, timer: Timer | None = None) -> Report:
    """Time one step at a position.

    Raises: InputError where the program cannot run to its end.
    """
    timer = timer or Timer()
    with progress(f"timing {program.name}") as advance, engine_errors():
        return time_step(program, position_inputs(program, position), orchestration, advance, **asdict(timer))


def kernel_calls_per_token(report: Report) -> float | int:
    """Executions of kernels over the tokens that a step makes."""
    calls = report.kernel_calls / report.tokens
    return int(calls) if calls.is_integer() else calls


def document(path: str, position: int, report: Report) -> dict[str, Any]:
    """The report as the JSON document of `kl time`."""
    return {
        "version": JSON_VERSION,
        "input": path,
        "position": position,
        "kernel_calls_per_token": kernel_calls_per_token(report),
        **report.to_json(),
    }


def headline(report: Report, position: int) -> str:
    """What was timed: program, machine, orchestration and position."""
    sockets = f"{report.machine.sockets} socket{'s' if report.machine.sockets > 1 else ''}"
    what = f"one step at position {position}"
    if report.steps > 1:
        what = f"{report.steps} steps in one call, from position {position} on"
    return f"{report.program}: {what}, {sockets}, {report.orchestration}-orchestrated"


def roofline(report: Report) -> str:
    """The roofline in tokens/s and what it is made of."""
    machine, hbm, step = report.machine, report.traffic.hbm, report.roofline_cycles
    of = "a step" if report.steps == 1 else "a call"
    reason = f"{report.flops:.3g} FLOPs {of} at peak"
    if machine.hbm_roof_cycles(hbm) == step:
        reason = f"{bytes_text(hbm)} of HBM traffic {of} at {bytes_text(machine.hbm_bandwidth)}/s"
    elif report.traffic.sram_read // (machine.pmus * machine.pmu_port_bytes_per_cycle) == step:
        reason = f"{bytes_text(report.traffic.sram_read)} of resident weights {of}"
    elif machine.compute_roof_cycles(report.flops) != step:
        sent, ddr = report.traffic.link_sent, report.traffic.ddr
        links = sent * machine.ddr_bandwidth > ddr * machine.p2p_bandwidth
        what = f"{bytes_text(sent)} sent" if links else f"{bytes_text(ddr)} of DDR traffic"
        reason = f"{what} {of}"
    return f"{report.roofline_tokens_per_second:.1f} tokens/s, {reason}"


def _print(report: Report, position: int) -> None:
    print(headline(report, position), end="\n\n")
    print(f"tokens/s      {report.tokens_per_second:.1f}")
    what = "step" if report.steps == 1 else "call"
    print(f"{what}          {time_text(report.seconds)}, {report.cycles} cycles")
    print(f"kernel calls  {kernel_calls_per_token(report)} per token")
    print(f"roofline      reached to {share_text(report.roofline_share)}: {roofline(report)}", end="\n\n")
    rows = [_ledger_row(*entry, report) for entry in asdict(report.ledger).items()]
    print_table(["where the time goes", "cycles", "time", "share"], rows)
    print()
    print_table(
        ["kernel", "calls", "cycles each", "time", "share", "HBM bandwidth"],
        [_kernel_row(kernel, report) for kernel in report.kernels()],
    )


def _print_details(arguments: argparse.Namespace, report: Report) -> None:
    if arguments.per_layer:
        print()
        print_layers(report)
    if arguments.per_stage:
        print()
        print_stages(report)


def _ledger_row(name: str, cycles: int, report: Report) -> list[str]:
    time, share = cycles / report.machine.clock_hz, _share(cycles, report)
    return [name.replace("_", " "), str(cycles), time_text(time), share]


def _share(cycles: int, report: Report) -> str:
    return share_text(cycles / report.cycles if report.cycles else 0)


def _kernel_row(kernel: KernelReport, report: Report) -> list[str]:
    seconds = kernel.cycles / report.machine.clock_hz
    bandwidth = kernel.traffic.hbm / seconds if seconds else 0
    return [
        kernel.kernel,
        str(kernel.calls),
        str(kernel.cycles // kernel.calls),
        time_text(seconds),
        _share(kernel.cycles, report),
        f"{bytes_text(bandwidth)}/s",
    ]
