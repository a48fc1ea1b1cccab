"""`kl compare`: a model in all variants side by side, with the level that each stands for and its bounds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ...backends.tables import share_text, time_text
from ...backends.targets import Choice, TimeOptions
from ..command_line import Positive, option
from ..options import (
    JSON_VERSION,
    CompilerOptions,
    MachineOptions,
    MappingOptions,
    ModelOptions,
    TimingOptions,
    edit_options,
    json_option,
    spill_option,
)
from ..pipelines import Edit
from ..terminal import print_json, print_table
from ..values import InputError
from .time import context_text, document, first_call_text, headline, roofline_text

if TYPE_CHECKING:
    from ..variants import Refused, Timed

SHARED = (
    "steps",
    "sockets",
    "orchestration",
    "kernel_calls_per_token",
    "tokens_per_second",
    "roofline_tokens_per_second",
    "roofline_share",
    "attainable_tokens_per_second",
    "attainable_share",
    "context_read",
    "first_step_extra_cycles",
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
    edits: tuple[Edit, ...] = edit_options()
    timing: TimingOptions
    steps_per_call: Positive | None = option(
        "decode steps of a call in the variant that loops over them (default: 8)"
    )


def run(command: Command) -> int:
    """Compile and time all variants; 1 if all of them are refused."""
    from ..compilation import Compiler
    from ..variants import VARIANTS, Timed, Trial, attempt_all, check_variants

    mapping = MappingOptions(command.spill, steps_per_call=command.steps_per_call, edits=command.edits)
    options = CompilerOptions(model=command.model, machine=command.machine, mapping=mapping)
    compiler = Compiler.of(options)
    given = compiler.read()
    if given.level != "nn":
        raise InputError(f"{given.path} has its kernels already; compare a model, or IR at the nn level")
    trial = Trial(compiler, given, lambda program: _options(command.timing, program.steps))
    choices = {name: _choice(command, variant.choice) for name, variant in VARIANTS.items()}
    check_variants(compiler, given, choices.values())
    results = attempt_all(
        partial(trial.attempt, name, choice, VARIANTS[name].level) for name, choice in choices.items()
    )
    works = any(isinstance(one, Timed) for one in results)
    if command.json:
        print_json([_document(given.path, one, results) for one in results])
    elif works:
        _print(results)
    _report(results, "refused" if works else "error")
    return 0 if works else 1


def _choice(command: Command, choice: Choice) -> Choice:
    """What a variant chooses, as the command line says it."""
    steps = command.steps_per_call if choice.steps_per_call > 1 else None
    return replace(choice, spill=command.spill, steps_per_call=steps or choice.steps_per_call)


def _options(timing: TimingOptions, steps: int) -> TimeOptions:
    """The last of the steps of a call is at the position."""
    position = None if timing.position is None else max(0, timing.position - steps + 1)
    return TimeOptions(position, timing.orchestration)


def _report(results: list[Timed | Refused], severity: str) -> None:
    """Print why variants are refused, each reason once, with the names of those that it refuses."""
    from ..diagnostics import Diagnostic, report
    from ..variants import Refused

    names: dict[Diagnostic, list[str]] = {}
    for one in results:
        if isinstance(one, Refused) and not one.shown:
            names.setdefault(one.diagnostic, []).append(one.name)
    for diagnostic, refused in names.items():
        message = f"{', '.join(refused)}: {diagnostic.message}"
        report(replace(diagnostic, message=message, severity=severity), {}, "kl")


def _document(path: str, result: Timed | Refused, results: list[Timed | Refused]) -> dict[str, Any]:
    from ..variants import Refused, fastest

    choice = result.choice
    head = {
        "version": JSON_VERSION,
        "input": path,
        "variant": result.name,
        "level": result.level,
        "fusion": choice.fusion,
        "loop": choice.loop,
        "resident": choice.resident,
    }
    if isinstance(result, Refused):
        return {**head, "refused": result.reason, "diagnostic": asdict(result.diagnostic)}
    whole, slower = document(path, result.timing), _slower(result, results)
    return {
        **head,
        "fastest": result is fastest(results),
        "taken_back": [one.message for one in result.taken_back],
        "unedited": [str(edit) for edit in result.unmet],
        "slower_than": None if slower is None else {"variant": slower[0].name, "times": slower[1]},
        "position": result.timing.position,
        **{name: whole[name] for name in SHARED if name in whole},
    }


def _slower(result: Timed, results: list[Timed | Refused]) -> tuple[Timed, float] | None:
    """The variant that a slower one is built on, and how many times as long it takes."""
    from ..variants import base_of

    base = base_of(result.name, results)
    if base is None or result.step_seconds <= base.step_seconds:
        return None
    return base, result.step_seconds / base.step_seconds


def _print(results: list[Timed | Refused]) -> None:
    from ..variants import Refused, Timed

    timed = [one for one in results if isinstance(one, Timed)]
    first = timed[0].timing
    print(headline(first), end="\n\n")
    columns = ["variant", "level", "calls/token", "time/step", "tokens/s", "speedup"]
    print_table(columns, [_row(one, timed[0], results) for one in timed], texts=(0, 1))
    width = max(len(one.name) for one in timed)
    for one in results:
        if isinstance(one, Refused):
            print(f"{one.name:<{width}}  refused: {one.reason}")
    if first.roofline is not None:
        print()
        columns = ["bounds", "roofline", "share of it", "attainable", "share of it", "above it"]
        print_table([*columns, *first.columns], [_bounds(one) for one in timed])
    if first.parts:
        print()
        print_table(["time goes to", *_headings([*first.parts])], [_parts(one) for one in timed])
    print()
    for line in _notes(timed, results):
        print(line)


def _row(result: Timed, first: Timed, results: list[Timed | Refused]) -> list[str]:
    from ..variants import SEARCHED, fastest

    levels = [] if result.level is None else [f"-O{result.level}"]
    if result is fastest(results):
        levels.append(f"-O{SEARCHED}")
    step = result.step_seconds
    return [
        result.name,
        " ".join(levels),
        f"{result.timing.kernel_calls_per_token}",
        time_text(step),
        f"{result.timing.tokens_per_second:.1f}",
        f"{first.step_seconds / step:.2f}x" if step else "",
    ]


def _bounds(timed: Timed) -> list[str]:
    """What a variant could reach, its share of that, and by how much a step takes longer than attainable."""
    timing, cells = timed.timing, list[str]()
    for bound in (timing.roofline, timing.attainable):
        cells += ["", ""] if bound is None else [f"{bound.tokens_per_second:.1f}", share_text(bound.share)]
    rest = "" if timing.attainable is None else time_text(timed.step_seconds * (1 - timing.attainable.share))
    return [timed.name, *cells, rest, *timing.columns.values()]


def _headings(names: list[str]) -> list[str]:
    """Names of parts as headings; the first word is not said again where the part before has it, too."""
    words = [name.split("_") for name in names]
    return [
        " ".join(one[1:] if before and one[1:] and one[0] == before[0] else one)
        for before, one in zip([[], *words], words, strict=False)
    ]


def _parts(timed: Timed) -> list[str]:
    return [timed.name, *map(share_text, timed.timing.parts.values())]


def _notes(timed: list[Timed], results: list[Timed | Refused]) -> list[str]:
    """What the tables do not say: what is slower or less than it should be, what bounds are, what is read."""
    from ..variants import DEFAULT_LEVEL, SEARCHED

    first, lines = timed[0].timing, list[str]()
    for one in timed:
        lines += [f"{one.name}: {remark.message}" for remark in one.taken_back]
        lines += [f"{one.name}: {edit}: its pipeline has no such pass" for edit in one.unmet]
        if (slower := _slower(one, results)) is not None:
            base, times = slower
            lines.append(f"{one.name} takes {times:.3f} times as long as {base.name}, on which it is built")
    lines.append(
        f"-O{DEFAULT_LEVEL} is the default, -O{SEARCHED} the fastest; "
        "kl run and kl compile make several steps a call with --steps-per-call alone"
    )
    for one in timed:
        if (
            one.name in ("looped", "resident", "single+resident", "stepped+resident")
            and one.timing.roofline is not None
        ):
            lines.append(f"roofline, {one.name}: {roofline_text(one.timing)}")
    if first.attainable is not None:
        lines.append(f"attainable: {first.attainable.reason}; above it: time of a step over that")
    lines += [first.legend] if first.legend else []
    lines += [f"context: {context_text(first)}"] if first.context_read is not None else []
    single = [one for one in timed if one.timing.first_step_extra_seconds]
    if single:
        names = ", ".join(one.name for one in single)
        lines.append(f"first call of {names}: {first_call_text(single[0].timing)}")
    return lines
