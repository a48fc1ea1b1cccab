"""`kl compare`: the same model unfused, fused, looped, over steps, with resident weights, side by side."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, replace
from typing import Any

from ...backends.sn40l.report import Report
from ..compilation import Compiler
from ..diagnostics import InputError
from ..driver import Choice
from ..execution import timed_position
from ..inputs import ModuleInput
from ..tables import print_json, print_table, share_text, time_text
from .options import JSON_VERSION
from .time import headline, kernel_calls_per_token, roofline, time_program

VARIANTS = {
    "unfused": Choice("op", loop=False),
    "fused": Choice("layer", loop=False),
    "looped": Choice("layer", loop=True),
    "stepped": Choice("layer", loop=True, steps_per_call=8),
    "resident": Choice("layer", loop=True, resident=True),
}
"""What is compared: one kernel per operator as on a GPU, one per layer, one for all layers, one for several
whole steps, and one for all layers with weights in the SRAM that is left."""


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
    # Where steps cannot be looped, a remark has said why.
    timed = [one for one in timed if one.report.steps > 1 or VARIANTS[one.variant].steps_per_call == 1]
    if arguments.json:
        print_json([_document(given.path, one) for one in timed])
    else:
        _print(timed)
    return 0


def _time(compiler: Compiler, given: ModuleInput, variant: str, arguments: argparse.Namespace) -> Timed:
    """Each variant is lowered from a copy of the module."""
    copy = replace(given, module=given.module.clone())
    choice = replace(VARIANTS[variant], spill=arguments.spill)
    if choice.steps_per_call > 1 and arguments.steps_per_call is not None:
        choice = replace(choice, steps_per_call=arguments.steps_per_call)
    program = compiler.program(copy, choice)
    wanted = arguments.position
    if wanted is not None:
        wanted = max(0, wanted - program.steps + 1)  # the last of its steps is there
    position = timed_position(program, wanted)
    return Timed(variant, position, time_program(program, position, arguments.orchestration))


def _document(path: str, timed: Timed) -> dict[str, Any]:
    report, choice = timed.report, VARIANTS[timed.variant]
    return {
        "version": JSON_VERSION,
        "input": path,
        "variant": timed.variant,
        "fusion": choice.fusion,
        "loop": choice.loop,
        "resident": choice.resident,
        "position": timed.position,
        "steps": report.steps,
        "sockets": report.machine.sockets,
        "orchestration": report.orchestration,
        "kernel_calls_per_token": kernel_calls_per_token(report),
        "tokens_per_second": report.tokens_per_second,
        "roofline_tokens_per_second": report.roofline_tokens_per_second,
        "roofline_share": report.roofline_share,
        "roofline_without_residence_tokens_per_second": report.roofline_without_residence_tokens_per_second,
        "cycles": report.cycles,
        "seconds": report.seconds,
        "bytes": asdict(report.traffic),
        "ledger_cycles": asdict(report.ledger),
    }


def _print(timed: list[Timed]) -> None:
    first = timed[0].report
    print(headline(first, timed[0].position), end="\n\n")
    columns = ["variant", "calls/token", "time/step", "tokens/s", "speedup", "roofline", "reached"]
    columns.append("all from HBM")
    print_table(columns, [_row(one, first) for one in timed])
    print()
    entries = [name.replace("_", " ") for name in asdict(first.ledger)]
    print_table(["time goes to", *entries], [_ledger(one) for one in timed])
    for one in (one for one in timed if one.variant in ("looped", "resident")):
        print(f"\nroofline, {one.variant}: {roofline(one.report)}", end="")
    print("\nall from HBM: the roofline in tokens/s if no weight were resident in SRAM")


def _row(timed: Timed, first: Report) -> list[str]:
    report = timed.report
    return [
        timed.variant,
        f"{kernel_calls_per_token(report)}",
        time_text(report.seconds / report.steps),
        f"{report.tokens_per_second:.1f}",
        f"{first.cycles * report.steps / report.cycles:.2f}x" if report.cycles else "",
        f"{report.roofline_tokens_per_second:.1f}",
        share_text(report.roofline_share),
        f"{report.roofline_without_residence_tokens_per_second:.1f}",
    ]


def _ledger(timed: Timed) -> list[str]:
    cycles = timed.report.cycles or 1
    return [timed.variant, *(share_text(part / cycles) for part in asdict(timed.report.ledger).values())]
