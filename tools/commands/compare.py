"""`kl compare`: the same model unfused, fused and looped, side by side."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from typing import Any

from ...backends.sn40l.report import Report
from ..compilation import Compiler
from ..diagnostics import InputError
from ..driver import Choice
from ..inputs import ModuleInput
from ..tables import print_json, print_table, share_text, time_text
from .options import JSON_VERSION
from .time import headline, kernel_calls_per_token, roofline, time_program, timed_position

VARIANTS = {
    "unfused": Choice("op", loop=False),
    "fused": Choice("layer", loop=False),
    "looped": Choice("layer", loop=True),
}
"""What is compared: one kernel per operator as on a GPU, one per layer, one for all layers."""


@dataclass(frozen=True)
class Timed:
    """A variant and what one step of it takes."""

    variant: str
    position: int
    report: Report


def run(arguments: argparse.Namespace) -> int:
    """Compile and time all variants."""
    compiler = Compiler.of(arguments)
    given = compiler.read()
    if not isinstance(given, ModuleInput) or given.level != "nn":
        raise InputError(f"{given.path} has its kernels already; compare a model, or IR at the nn level")
    timed = [_time(compiler, given, variant, arguments) for variant in VARIANTS]
    if arguments.json:
        print_json([_document(given.path, one) for one in timed])
    else:
        _print(timed)
    return 0


def _time(compiler: Compiler, given: ModuleInput, variant: str, arguments: argparse.Namespace) -> Timed:
    """Each variant is lowered from a copy of the module."""
    copy = replace(given, module=given.module.clone())
    program = compiler.program(copy, VARIANTS[variant])
    position = timed_position(program, arguments.position)
    return Timed(variant, position, time_program(program, position, arguments.orchestration))


def _document(path: str, timed: Timed) -> dict[str, Any]:
    report, choice = timed.report, VARIANTS[timed.variant]
    return {
        "version": JSON_VERSION,
        "input": path,
        "variant": timed.variant,
        "fusion": choice.fusion,
        "loop": choice.loop,
        "position": timed.position,
        "sockets": report.machine.sockets,
        "orchestration": report.orchestration,
        "kernel_calls_per_token": kernel_calls_per_token(report),
        "tokens_per_second": report.tokens_per_second,
        "roofline_tokens_per_second": report.roofline_tokens_per_second,
        "roofline_share": report.roofline_share,
        "cycles": report.cycles,
        "seconds": report.seconds,
    }


def _print(timed: list[Timed]) -> None:
    first, last = timed[0].report, timed[-1].report
    print(headline(first, timed[0].position), end="\n\n")
    columns = ["variant", "calls/token", "time", "tokens/s", "speedup", "of roofline", "launching"]
    print_table(columns, [_row(one, first) for one in timed])
    print(f"\nroofline, looped: {roofline(last)}")


def _row(timed: Timed, first: Report) -> list[str]:
    report = timed.report
    return [
        timed.variant,
        f"{kernel_calls_per_token(report)}",
        time_text(report.seconds),
        f"{report.tokens_per_second:.1f}",
        f"{first.cycles / report.cycles:.2f}x" if report.cycles else "",
        share_text(report.roofline_share),
        share_text(report.ledger.launch / report.cycles if report.cycles else 0),
    ]
