"""All variants of a model, compiled and timed: what `kl compare` prints and `kl show` draws."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from ..backends.targets import Choice, TimeOptions
from .choosing import settled
from .commands.time import document
from .compilation import Compiler
from .diagnostics import Diagnostic, report
from .inputs import Input, ModuleInput
from .options import JSON_VERSION, ComparisonOptions, CompilerOptions, MappingOptions
from .routing import time_options
from .values import HELP_MARK, InputError
from .variants import (
    LOOKS_AWAY,
    VARIANTS,
    Refused,
    Timed,
    Trial,
    Watcher,
    attempt_all,
    base_of,
    check_variants,
    fastest,
    timed_together,
)

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
    "memory_bytes",
    "ledger_cycles",
    "ledger_seconds",
    "threads",
    "is_exact",
    "measured",
)
"""What the document of a variant has of that of `kl time`, as far as the target says it."""


ROUNDING = 1e-9
"""By what share times may differ that are sums of the same parts in another order."""


@dataclass(frozen=True)
class Comparison:
    """A model in all variants, those that are refused among them."""

    given: ModuleInput
    results: list[Timed | Refused]

    @property
    def works(self) -> bool:
        """Whether any variant can be built."""
        return any(isinstance(one, Timed) for one in self.results)

    def documents(self) -> list[dict[str, Any]]:
        """The JSON of `kl compare`, a document for each variant."""
        return [_document(self.given.path, one, self.results) for one in self.results]

    def refusals(self) -> list[Diagnostic]:
        """Why variants are refused, each reason once, with the names of those that it refuses."""
        names: dict[Diagnostic, list[str]] = {}
        for one in self.results:
            if isinstance(one, Refused) and not one.shown:
                names.setdefault(one.diagnostic, []).append(one.name)
        severity = "refused" if self.works else "error"
        return [
            replace(diagnostic, message=f"{', '.join(refused)}: {diagnostic.message}", severity=severity)
            for diagnostic, refused in names.items()
        ]

    def report(self) -> None:
        """Print why variants are refused."""
        for diagnostic in self.refusals():
            report(diagnostic, {}, "kl")


def compared(
    options: ComparisonOptions,
    watcher: Watcher = LOOKS_AWAY,
    given: Input | None = None,
    *,
    only_levels: bool = False,
) -> Comparison:
    """Compile and time all variants of what a command line says; the watcher is told of each.

    What is `given` has been read before, with the machine that the options say. Variants that no level of
    optimisation stands for are left out if there are to be `only_levels`.

    Raises: InputError for an input that has its kernels already, and for edits that no variant has;
        ParseError, VerifyException, OSError.
    """
    compiler = Compiler.of(
        CompilerOptions(model=options.model, machine=options.machine, mapping=_mapping(options))
    )
    given = compiler.read(trust=True) if given is None else given
    if given.level != "nn":
        what = f"{given.path} has its kernels already, which variants differ in"
        raise InputError(f"{what}{HELP_MARK}give a model, or IR at the nn level")
    usual = time_options(options.timing, given.target)

    def options_of(program: Any) -> TimeOptions:
        return _timed(usual, program.steps)

    trial = Trial(compiler, given, options_of, watcher=watcher)
    sharding = settled(compiler, given, usual).said.get("expert_sharding", "ffn")
    choices = {
        name: replace(_choice(options, variant.choice), expert_sharding=sharding)
        for name, variant in VARIANTS.items()
        if not only_levels or variant.level is not None
    }
    check_variants(compiler, given, choices.values())
    results = attempt_all(
        partial(trial.attempt, name, choice, VARIANTS[name].level) for name, choice in choices.items()
    )
    return Comparison(given, timed_together(given, results, options_of))


def _mapping(options: ComparisonOptions) -> MappingOptions:
    """What holds for all variants, and for those of several steps a call."""
    steps, edits = options.steps_per_call, options.edits
    return MappingOptions(options.spill, options.expert_sharding, steps_per_call=steps, edits=edits)


def _choice(options: ComparisonOptions, choice: Choice) -> Choice:
    """What a variant chooses, as the command line says it."""
    steps = options.steps_per_call if choice.steps_per_call > 1 else None
    return replace(choice, spill=options.spill, steps_per_call=steps or choice.steps_per_call)


def _timed(options: TimeOptions, steps: int) -> TimeOptions:
    """What is timed; the last of the steps of a call is at the position."""
    position = None if options.position is None else max(0, options.position - steps + 1)
    return replace(options, position=position)


def _document(path: str, result: Timed | Refused, results: list[Timed | Refused]) -> dict[str, Any]:
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
    whole, slower = document(path, result.timing), slower_than(result, results)
    first = next(one for one in results if isinstance(one, Timed))
    measured = result.ratio(first)
    return {
        **head,
        "fastest": result is fastest(results),
        "taken_back": [one.message for one in result.taken_back],
        "unedited": [str(edit) for edit in result.unmet],
        "slower_than": None if slower is None else {"variant": slower[0].name, "times": slower[1]},
        "position": result.timing.position,
        **{name: whole[name] for name in SHARED if name in whole},
        **({} if measured is None else {"measured_speedup": asdict(measured)}),
    }


def slower_than(result: Timed, results: list[Timed | Refused]) -> tuple[Timed, float] | None:
    """The variant that a slower one is built on, and how many times as long it takes.

    Of variants that were measured side by side one is slower where the interval of their ratio says so.
    """
    base = base_of(result.name, results)
    if base is not None and (ratio := result.ratio(base)) is not None:
        return (base, 1 / ratio.times) if ratio.is_slower else None
    if base is None or result.step_seconds <= base.step_seconds * (1 + ROUNDING):
        return None
    return base, result.step_seconds / base.step_seconds
