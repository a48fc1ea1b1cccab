"""`kl compile`: print the IR at a level, or the maps of the memory and the chip, or save the program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from ...backends.targets import MemoryMap, TimeOptions
from ...dialects.vocabulary import IR_LEVELS, IrLevel
from ..command_line import option
from ..options import JSON_VERSION, CompilerOptions
from ..output import STDOUT, write_file
from ..results.recording import spoil
from ..streams import exact_output
from ..terminal import print_json, print_tables
from ..trust import edited_text
from ..values import HELP_MARK, InputError

if TYPE_CHECKING:
    from ...backends.tables import Table
    from ..compilation import Compiler
    from ..diagnostics import Diagnostic
    from ..inputs import Input
    from ..observer import Observer
    from ..opt.snapshots import Snapshots
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
    floorplan: bool = option(
        "print what lies where on the chip and how busy its links are, not the IR or the program: "
        "a row for each kernel, all cells and links with --json",
        default=False,
    )
    ir_after_all: bool = option(
        "with --json: the IR before the first pass and after each, with the model's line of each line",
        default=False,
    )
    print_pipeline: bool = option(
        "print the passes that were run, in the notation of --pipeline, not the IR or the program",
        default=False,
    )
    output: str | None = option(
        "write there instead of to stdout", "-o", "--output", metavar="FILE", writes="IR"
    )

    @property
    def planned(self) -> str | None:
        """What it shows that passes plan below all levels but the lowest, in words, if it does."""
        return "memory is" if self.memory else "places are" if self.floorplan else None


@dataclass(frozen=True)
class _Plan:
    """What is shown of a plan."""

    document: Mapping[str, Any]
    tables: Sequence[Table]


def run(command: Command) -> int:
    """Compile to `--to`; with `--json` the text is part of the document unless `-o` takes it."""
    from ..compilation import Compiler

    compiler = Compiler.of(command.compiler)
    given = compiler.read()
    free = command.compiler.mapping.pipeline is not None and command.to is None and not command.planned
    snapshots = _snapshots(command, given)
    document = _compile(compiler, given, _level(command, given), snapshots, free=free)
    if snapshots is not None:
        document["ir_after_all"] = [one.document() for one in snapshots.taken]
    plans = dict(_plans(command, given))
    output = None if command.output == STDOUT else command.output
    if output is not None:
        write_file(output, document.pop("text"))
    if command.compiler.json:
        spoil()  # it says how long each pass took
        print_json({**document, **{name: plan.document for name, plan in plans.items()}})
        return 0
    if command.print_pipeline:
        print(document["pipeline"])
    if plans and given.provenance.edited:
        print(edited_text(given.provenance.edited))
    if plans:
        print_tables([table for plan in plans.values() for table in plan.tables])
    elif output is None and not command.print_pipeline:
        exact_output().write(document["text"])
    return 0


def _snapshots(command: Command, given: Input) -> Snapshots | None:
    """What keeps the IR after all passes, if that is asked for.

    Raises: InputError where there is none, or no place to print it.
    """
    if not command.ir_after_all:
        return None
    if not command.compiler.json:
        raise InputError(
            f"--ir-after-all is a part of the JSON document{HELP_MARK}"
            "give --json, too; kl-opt prints texts with --print-ir-after-all"
        )
    if given.level == "program":
        raise InputError(f"{given.path} is a program already, no pass is left to run")
    from ..opt.snapshots import Snapshots

    return Snapshots()


def _plans(command: Command, given: Input) -> Iterator[tuple[str, _Plan]]:
    """What is asked for of the plans of an input that is lowered, by the name that it has in the document.

    Raises: InputError where there is no such plan.
    """
    from ..floorplans import floorplan_of, floorplan_table

    if command.memory:
        memory = memory_map(given)
        yield "memory", _Plan(memory.document, (*memory.tables, *memory.summary))
    if command.floorplan:
        plan = floorplan_of(given)
        yield "floorplan", _Plan(asdict(plan), [floorplan_table(plan)])


def _level(command: Command, given: Input) -> Level:
    """The level to stop at; a program has its memory map where it is.

    Raises: InputError for a level that the target does not have, and for a plan where there is none yet.
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
    if command.planned is None:
        return level
    if level not in (lowest, "program"):
        raise InputError(
            f"{command.planned} planned below the level {level}{HELP_MARK}"
            f"leave out --to, or give --to {lowest}"
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


def _compile(
    compiler: Compiler, given: Input, level: Level, observer: Observer | None, *, free: bool
) -> dict[str, Any]:
    """The document that `--json` prints, with the text; the command line's pipeline may be `free` to end
    anywhere."""
    from ..choosing import choose
    from ..driver import level_of
    from ..observer import LOOKS_AWAY
    from ..pipelines import join_passes

    start = given.level
    if LEVELS.index(start) > LEVELS.index(level):
        raise InputError(f"{given.path} is at the level {start} already, below {level}")
    pipeline: Passes = ()
    passes: tuple[tuple[str, float], ...] = ()
    remarks: tuple[Diagnostic, ...] = ()
    reached = level
    if given.level != "program":
        lowest = given.target.level if level == "program" else level
        choice = choose(compiler, given, TimeOptions())
        lowered = compiler.lower(given, None if free else lowest, choice, observer=observer or LOOKS_AWAY)
        pipeline, passes, remarks = lowered.pipeline, lowered.passes, lowered.remarks
        reached = level if level == "program" else level_of(given.module)
    return {
        "version": JSON_VERSION,
        "input": given.path,
        "input_level": start,
        "edited": [*given.provenance.edited],
        "level": reached,
        "pipeline": join_passes(pipeline),
        "passes": [{"pass": name, "seconds": seconds} for name, seconds in passes],
        "remarks": [_remark(remark) for remark in remarks],
        "text": _text(given, level),
    }


def _text(given: Input, level: Level) -> str:
    from ...frontends.exact_printer import text_of
    from ..compilation import saved_text

    if level == "program":
        return saved_text(given)
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
