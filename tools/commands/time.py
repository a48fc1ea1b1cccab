"""`kl time`: how long one step takes, and where the time goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import IO, Any

from ...backends.intervals import intervals_json
from ...backends.json_text import json_text
from ...backends.tables import share_text, time_text
from ...backends.targets import AnyTarget, TimeOptions, Timing
from ..command_line import Positive, option
from ..options import JSON_VERSION, CompilerOptions, TimingOptions
from ..output import check_is_file, replacing
from ..routing import time_options as step_options
from ..terminal import print_json, print_tables
from ..trust import edited_text
from ..values import HELP_MARK, InputError, window

TRACE_ITERATIONS = 4
"""Of each kernel that a trace begins with, if nothing else is said."""


@dataclass(frozen=True)
class Command:
    """What a command line of `kl time` says."""

    compiler: CompilerOptions
    timing: TimingOptions
    per_layer: bool = option("show each iteration of loops, and each call of other kernels", default=False)
    per_stage: bool = option("show how busy each stage is and what it waits for", default=False)
    trace: str | None = option("write a trace for Perfetto or Chrome", metavar="FILE", writes="file")
    trace_iterations: Positive | None = option(
        "iterations that the trace begins with, besides the last one (default: 4)"
    )
    intervals: bool = option(
        "with --json, tell when launches, kernels, memories and links are busy", default=False
    )
    window: str | None = option(
        "with --intervals, tell when stages are, from cycle A of the call to before cycle B", metavar="A:B"
    )


def run(command: Command) -> int:
    """Time one step and print the report."""
    from ..choosing import time_chosen
    from ..compilation import Compiler

    compiler = Compiler.of(command.compiler)
    given = compiler.read()
    timing = time_chosen(compiler, given, time_options(command, given.target))
    finish(command, given.target, timing)
    if command.compiler.json:
        print_json(document(command.compiler.model.input, timing))
    else:
        print_timing(timing)
    return 0


def finish(command: Command, target: AnyTarget, timing: Timing) -> None:
    """Write the trace that is asked for.

    Raises: InputError for a target that tells no intervals, OSError.
    """
    if command.intervals and timing.intervals is None:
        raise InputError(f"the target {target.name} tells no intervals{HELP_MARK}leave out --intervals")
    if command.trace is not None and timing.trace is not None:
        write_trace(command.trace, timing.trace)


def time_options(command: Command, target: AnyTarget) -> TimeOptions:
    """What is timed, and what is noted of it.

    Raises: InputError for details that the target does not know.
    """
    iterations = _trace_iterations(command)
    part, details = _window(command), command.per_layer or command.per_stage or command.intervals
    if (details or (iterations and not target.has_trace)) and not target.has_details:
        trace = "" if target.has_trace else ", --trace"
        raise InputError(
            f"the target {target.name} knows no details of a step{HELP_MARK}"
            f"leave out --per-layer, --per-stage{trace} and --intervals"
        )
    return replace(
        step_options(command.timing, target),
        layers=command.per_layer,
        stages=command.per_stage,
        trace_iterations=iterations,
        intervals=command.intervals,
        window=part,
    )


def _trace_iterations(command: Command) -> int:
    """How many iterations a trace begins with; 0 where none is wanted.

    Raises: InputError if there is a number without a trace, and for a trace on stdout.
    """
    check_is_file("--trace", command.trace)
    if command.trace is not None:
        return command.trace_iterations or TRACE_ITERATIONS
    if command.trace_iterations is not None:
        raise InputError(
            f"--trace-iterations says how much a trace shows, but none is written{HELP_MARK}"
            "give --trace FILE, too"
        )
    return 0


def _window(command: Command) -> tuple[int, int] | None:
    """The part of the call in which stages are told.

    Raises: InputError for a wrong one, and for intervals that nothing would show.
    """
    if command.window is not None and not command.intervals:
        raise InputError(
            f"--window says where --intervals tells of stages, but none are asked for{HELP_MARK}"
            "give --json --intervals, too"
        )
    if command.intervals and not command.compiler.json:
        raise InputError(f"--intervals is a part of the JSON document{HELP_MARK}give --json, too")
    return None if command.window is None else window(command.window)


def document(path: str, timing: Timing) -> dict[str, Any]:
    """The timing as the JSON document of `kl time`: what the target says, and what all targets have."""
    common = {
        "program": timing.program,
        "steps": timing.steps,
        "tokens_per_step": timing.tokens // timing.steps,
        "kernel_calls": timing.kernel_calls,
        "seconds": timing.seconds,
        "tokens_per_second": timing.tokens_per_second,
    }
    return {
        "version": JSON_VERSION,
        "input": path,
        "edited": [*timing.edited],
        "position": timing.position,
        "context_read": timing.context_read,
        "kernel_calls_per_token": timing.kernel_calls_per_token,
        **timing.document,
        **{name: value for name, value in common.items() if name not in timing.document},
        **({} if timing.intervals is None else {"intervals": intervals_json(timing.intervals)}),
    }


def headline(timing: Timing) -> str:
    """What was timed: program, machine, orchestration and position."""
    what = f"one step at position {timing.position}"
    if timing.steps > 1:
        what = f"{timing.steps} steps in one call, from position {timing.position} on"
    edited = f"; {edited_text(timing.edited)}" if timing.edited else ""
    return f"{timing.program}: {what}{f', {timing.conditions}' if timing.conditions else ''}{edited}"


def roofline_text(timing: Timing) -> str:
    """The roofline in tokens/s and what it is made of."""
    assert timing.roofline is not None, "who asks has looked"
    return f"{timing.roofline.tokens_per_second:.1f} tokens/s, {timing.roofline.reason}"


def context_text(timing: Timing) -> str:
    """What is read of the caches, whatever the position."""
    return (
        f"attention reads all {timing.context_read} positions that it is compiled for; "
        "--position says where the token is written, and what waits for that"
    )


def first_call_text(timing: Timing) -> str:
    """What the first call takes besides."""
    extra = time_text(timing.first_step_extra_seconds)
    return f"takes {extra} more: its only kernel is loaded once, and stays loaded"


def print_timing(timing: Timing, file: IO[str] | None = None) -> None:
    """Print how long a step takes and where the time goes; on stdout if nothing else is said."""
    print(headline(timing), end="\n\n", file=file)
    for name, value in main_rows(timing):
        print(f"{name:<14}{value}", file=file)
    if timing.tables:
        print(file=file)
        print_tables(timing.tables, file)


def main_rows(timing: Timing) -> list[tuple[str, str]]:
    """The main numbers of a step, each with its name."""
    what = "step" if timing.steps == 1 else "call"
    cycles = "" if timing.cycles is None else f", {timing.cycles} cycles"
    rows = [
        ("tokens/s", f"{timing.tokens_per_second:.1f}"),
        (what, f"{time_text(timing.seconds)}{cycles}"),
        ("kernel calls", f"{timing.kernel_calls_per_token} per token"),
    ]
    if timing.roofline is not None:
        rows.append(("roofline", f"reached to {share_text(timing.roofline.share)}: {roofline_text(timing)}"))
    if (bound := timing.attainable) is not None:
        attainable = f"{bound.tokens_per_second:.1f} tokens/s, {bound.reason}"
        rows.append(("attainable", f"reached to {share_text(bound.share)}: {attainable}"))
    if timing.context_read is not None:
        rows.append(("context", context_text(timing)))
    if timing.first_step_extra_seconds:
        rows.append(("first call", first_call_text(timing)))
    return [*rows, *timing.rows]


def write_trace(path: str, trace: Mapping[str, Any]) -> None:
    """Write a trace, an event a line, without spaces: there are many.

    Raises: OSError.
    """
    head = json_text({name: value for name, value in trace.items() if name != "traceEvents"})[:-1]
    with replacing(path) as file:
        file.write(f'{head},"traceEvents": [\n')
        for number, event in enumerate(trace["traceEvents"]):
            file.write(f"{',' if number else ' '}{json_text(event)}\n")
        file.write("]}\n")
