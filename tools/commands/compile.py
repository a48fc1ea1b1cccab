"""`kl compile`: print the IR at a level, or the map of the memory, or save the program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ...backends.targets import MemoryMap, TimeOptions
from ...dialects.vocabulary import IR_LEVELS, IrLevel
from ..command_line import option
from ..options import JSON_VERSION, CompilerOptions
from ..output import write_file
from ..results.recording import spoil
from ..streams import exact_output
from ..terminal import print_json, print_tables
from ..values import HELP_MARK, InputError

if TYPE_CHECKING:
    from ..compilation import Compiler
    from ..diagnostics import Diagnostic
    from ..inputs import Input
    from ..pipelines import Passes

Level = IrLevel | Literal["program"]
LEVELS: tuple[Level, ...] = (*IR_LEVELS, "program")


@dataclass(frozen=True)
class Command:
    """What a command line of `kl compile` says."""

    compiler: CompilerOptions
    to: Level | None = option(
        "the level to stop at (default: rdu, or what the target takes); a program is JSON"
    )
    memory: bool = option("print the map of the memory, not the IR or the program", default=False)
    print_pipeline: bool = option(
        "print the passes that were run, in the notation of --pipeline, not the IR or the program",
        default=False,
    )
    output: str | None = option("write there instead of to stdout", "-o", "--output", metavar="FILE")


def run(command: Command) -> int:
    """Compile to `--to`; with `--json` the text is part of the document unless `-o` takes it."""
    from ..compilation import Compiler

    compiler = Compiler.of(command.compiler)
    given = compiler.read()
    free = command.compiler.mapping.pipeline is not None and command.to is None and not command.memory
    document = _compile(compiler, given, _level(command, given), free=free)
    output = None if command.output == "-" else command.output
    if output is not None:
        write_file(output, document.pop("text"))
    memory = memory_map(given) if command.memory else None
    if command.compiler.json:
        spoil()  # it says how long each pass took
        print_json(document if memory is None else {**document, "memory": memory.document})
        return 0
    if command.print_pipeline:
        print(document["pipeline"])
    if memory is not None:
        print_tables(memory.tables)
    elif output is None and not command.print_pipeline:
        exact_output().write(document["text"])
    return 0


def _level(command: Command, given: Input) -> Level:
    """The level to stop at; a program has its memory map where it is.

    Raises: InputError for a level that the target does not have, and for a map of the memory where it is not
        planned.
    """
    lowest = given.target.level
    level = lowest if command.to is None else command.to
    if LEVELS.index(lowest) < LEVELS.index(level) < LEVELS.index("program"):
        raise InputError(
            f"the target {given.target.name} takes the level {lowest}, above {level}{HELP_MARK}"
            f"give --to {lowest} or --to program"
        )
    if command.print_pipeline and given.level == "program":
        raise InputError(f"{given.path} is a program already, no pass is left to run")
    if not command.memory:
        return level
    if level not in (lowest, "program"):
        raise InputError(
            f"memory is planned below the level {level}{HELP_MARK}leave out --to, or give --to {lowest}"
        )
    return given.level if given.level == "program" else level


def memory_map(given: Input) -> MemoryMap:
    """The map of the memory of an input that is lowered.

    Raises: InputError where the target has none.
    """
    from ..compilation import emit

    if given.target.memory is None:
        raise InputError(
            f"the target {given.target.name} has no map of its memory{HELP_MARK}leave out --memory"
        )
    return given.target.memory(emit(given))


def _compile(compiler: Compiler, given: Input, level: Level, *, free: bool) -> dict[str, Any]:
    """The document that `--json` prints, with the text; the command line's pipeline may be `free` to end
    anywhere."""
    from ..driver import level_of
    from ..pipelines import join_passes
    from ..variants import chosen

    start = given.level
    if LEVELS.index(start) > LEVELS.index(level):
        raise InputError(f"{given.path} is at the level {start} already, below {level}")
    pipeline: Passes = ()
    passes: tuple[tuple[str, float], ...] = ()
    remarks: tuple[Diagnostic, ...] = ()
    reached = level
    if given.level != "program":
        lowest = given.target.level if level == "program" else level
        lowered = compiler.lower(given, None if free else lowest, chosen(compiler, given, TimeOptions()))
        pipeline, passes, remarks = lowered.pipeline, lowered.passes, lowered.remarks
        reached = level if level == "program" else level_of(given.module)
    return {
        "version": JSON_VERSION,
        "input": given.path,
        "input_level": start,
        "level": reached,
        "pipeline": join_passes(pipeline),
        "passes": [{"pass": name, "seconds": seconds} for name, seconds in passes],
        "remarks": [_remark(remark) for remark in remarks],
        "text": _text(given, level),
    }


def _text(given: Input, level: Level) -> str:
    from ...frontends.exact_printer import text_of
    from ..compilation import emit

    if level == "program":
        return given.target.dump(emit(given))
    assert given.level != "program", "a program is below all other levels"
    return f"{text_of(given.module)}\n"


def _remark(remark: Diagnostic) -> dict[str, Any]:
    place = remark.position
    return {
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "message": remark.message,
    }
