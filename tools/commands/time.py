"""`kl time`: how long one step takes, and where the time goes."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from ...backends.sn40l.executor import time_step
from ...backends.sn40l.program import Program
from ...backends.sn40l.report import KernelReport, Report
from ..compilation import Compiler
from ..engine_errors import engine_errors
from ..execution import check_position, context_length, position_inputs
from ..progress import progress
from ..tables import bytes_text, print_json, print_table, share_text, time_text
from .options import JSON_VERSION


def run(arguments: argparse.Namespace) -> int:
    """Time one step and print the report."""
    compiler = Compiler.of(arguments)
    program = compiler.program(compiler.read(), compiler.choice())
    position = timed_position(program, arguments.position)
    report = time_program(program, position, arguments.orchestration)
    if arguments.json:
        print_json(document(arguments.input, position, report))
    else:
        _print(report, position)
    return 0


def timed_position(program: Program, wanted: int | None) -> int:
    """The position to time: the one that is asked for, else the last in the context.

    Raises: InputError for a position outside the context.
    """
    if wanted is None:
        return (context_length(program) or 1) - 1
    check_position(program, wanted)
    return wanted


def time_program(program: Program, position: int, orchestration: str) -> Report:
    """Time one step at a position.

    Raises: InputError where the program cannot run to its end.
    """
    with progress(f"timing {program.name}") as advance, engine_errors():
        return time_step(program, position_inputs(program, position), orchestration, advance)


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
    return (
        f"{report.program}: one step at position {position}, {sockets}, {report.orchestration}-orchestrated"
    )


def roofline(report: Report) -> str:
    """The roofline in tokens/s and what it is made of."""
    machine, hbm, step = report.machine, report.traffic.hbm, report.roofline_cycles
    reason = f"{report.flops:.3g} FLOPs a step at peak"
    if machine.hbm_roof_cycles(hbm) == step:
        reason = f"{bytes_text(hbm)} of HBM traffic a step at {bytes_text(machine.hbm_bandwidth)}/s"
    elif machine.compute_roof_cycles(report.flops) != step:
        sent, ddr = report.traffic.link_sent, report.traffic.ddr
        links = sent * machine.ddr_bandwidth > ddr * machine.p2p_bandwidth
        what = f"{bytes_text(sent)} sent" if links else f"{bytes_text(ddr)} of DDR traffic"
        reason = f"{what} a step"
    return f"{report.roofline_tokens_per_second:.1f} tokens/s, {reason}"


def _print(report: Report, position: int) -> None:
    print(headline(report, position), end="\n\n")
    print(f"tokens/s      {report.tokens_per_second:.1f}")
    print(f"step          {time_text(report.seconds)}, {report.cycles} cycles")
    print(f"kernel calls  {kernel_calls_per_token(report)} per token")
    print(f"roofline      reached to {share_text(report.roofline_share)}: {roofline(report)}", end="\n\n")
    rows = [_ledger_row(*entry, report) for entry in asdict(report.ledger).items()]
    print_table(["where the time goes", "cycles", "time", "share"], rows)
    print()
    print_table(
        ["kernel", "calls", "cycles each", "time", "share", "HBM bandwidth"],
        [_kernel_row(kernel, report) for kernel in report.kernels()],
    )


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
