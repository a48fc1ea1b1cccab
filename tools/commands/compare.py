"""`kl compare`: the same model unfused, fused, looped, over steps, with resident weights, side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...backends.tables import share_text, time_text
from ...backends.targets import Choice, TimeOptions, Timing
from ..options import (
    JSON_VERSION,
    CompilerOptions,
    MachineOptions,
    MappingOptions,
    ModelOptions,
    Positive,
    TimingOptions,
    json_option,
    option,
    spill_option,
)
from ..terminal import print_json, print_table
from ..values import InputError
from .time import document, headline, roofline_text, time_program

if TYPE_CHECKING:
    from ..compilation import Compiler, ModuleInput

HELP = "time the model unfused, fused, looped, over steps, and with resident weights"

SHARED = (
    "steps",
    "sockets",
    "orchestration",
    "kernel_calls_per_token",
    "tokens_per_second",
    "roofline_tokens_per_second",
    "roofline_share",
    "roofline_without_residence_tokens_per_second",
    "cycles",
    "seconds",
    "bytes",
    "ledger_cycles",
)
"""What the document of a variant has of that of `kl time`, as far as the target says it."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a command line of `kl compare` says."""

    model: ModelOptions
    json: bool = json_option()
    machine: MachineOptions
    spill: bool = spill_option()
    timing: TimingOptions
    steps_per_call: Positive | None = option(
        "decode steps of a call in the variant that loops over them (default: 8)"
    )


@dataclass(frozen=True)
class Timed:
    """A variant and what one call of it takes."""

    variant: str
    choice: Choice
    timing: Timing


def run(command: Command) -> int:
    """Compile and time all variants."""
    from ..compilation import Compiler
    from ..driver import VARIANTS

    mapping = MappingOptions(command.spill, steps_per_call=command.steps_per_call)
    options = CompilerOptions(model=command.model, machine=command.machine, mapping=mapping)
    compiler = Compiler.of(options)
    given = compiler.read()
    if given.level != "nn":
        raise InputError(f"{given.path} has its kernels already; compare a model, or IR at the nn level")
    timed = [_time(compiler, given, command, name, choice) for name, choice in VARIANTS.items()]
    # Where steps cannot be looped, a remark has said why.
    timed = [one for one in timed if one.timing.steps > 1 or one.choice.steps_per_call == 1]
    if command.json:
        print_json([_document(given.path, one) for one in timed])
    else:
        _print(timed)
    return 0


def _time(compiler: Compiler, given: ModuleInput, command: Command, variant: str, choice: Choice) -> Timed:
    """Each variant is lowered from a copy of the module."""
    chosen = replace(choice, spill=command.spill)
    if choice.steps_per_call > 1 and command.steps_per_call is not None:
        chosen = replace(chosen, steps_per_call=command.steps_per_call)
    program = compiler.program(replace(given, module=given.module.clone()), chosen)
    position = command.timing.position
    if position is not None:
        position = max(0, position - program.steps + 1)  # the last of its steps is there
    options = TimeOptions(position, command.timing.orchestration)
    return Timed(variant, choice, time_program(given.target, program, options))


def _document(path: str, timed: Timed) -> dict[str, Any]:
    whole, choice = document(path, timed.timing), timed.choice
    return {
        "version": JSON_VERSION,
        "input": path,
        "variant": timed.variant,
        "fusion": choice.fusion,
        "loop": choice.loop,
        "resident": choice.resident,
        "position": timed.timing.position,
        **{name: whole[name] for name in SHARED if name in whole},
    }


def _print(timed: list[Timed]) -> None:
    first = timed[0].timing
    print(headline(first), end="\n\n")
    columns = ["variant", "calls/token", "time/step", "tokens/s", "speedup"]
    columns += [*(("roofline", "reached") if first.roofline else ()), *first.columns]
    print_table(columns, [_row(one, first) for one in timed])
    if first.parts:
        print()
        entries = [name.replace("_", " ") for name in first.parts]
        print_table(["time goes to", *entries], [_parts(one) for one in timed])
    for one in timed:
        if one.variant in ("looped", "resident") and one.timing.roofline is not None:
            print(f"\nroofline, {one.variant}: {roofline_text(one.timing)}", end="")
    if first.legend:
        print(f"\n{first.legend}")


def _row(timed: Timed, first: Timing) -> list[str]:
    timing, roofline = timed.timing, timed.timing.roofline
    step = timing.seconds / timing.steps
    return [
        timed.variant,
        f"{timing.kernel_calls_per_token}",
        time_text(step),
        f"{timing.tokens_per_second:.1f}",
        f"{first.seconds / first.steps / step:.2f}x" if step else "",
        *((f"{roofline.tokens_per_second:.1f}", share_text(roofline.share)) if roofline else ()),
        *timing.columns.values(),
    ]


def _parts(timed: Timed) -> list[str]:
    return [timed.variant, *map(share_text, timed.timing.parts.values())]
