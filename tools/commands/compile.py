"""`kl compile`: print the IR at a level, or the map of the memory, or save the program."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..compilation import Compiler
from ..diagnostics import HELP_MARK, Diagnostic, InputError
from ..driver import LEVEL_NAMES, level_of, levels_between, pipeline
from ..inputs import PROGRAM, ModuleInput, ProgramInput
from ..memory_map import memory_document, print_memory
from ..tables import print_json
from .options import JSON_VERSION


def run(arguments: argparse.Namespace) -> int:
    """Compile to `--to`; with `--json` the text is part of the document unless `-o` takes it."""
    compiler = Compiler.of(arguments)
    given = compiler.read()
    target = _target(arguments, given)
    document = _compile(compiler, given, target)
    if arguments.output is not None:
        Path(arguments.output).write_text(document.pop("text"), encoding="utf-8")
    program = compiler.emit(given) if arguments.memory else None
    if arguments.json:
        print_json(document if program is None else {**document, "memory": memory_document(program)})
    elif program is not None:
        print_memory(program)
    elif arguments.output is None:
        sys.stdout.write(document["text"])
    return 0


def _target(arguments: argparse.Namespace, given: ModuleInput | ProgramInput) -> str:
    """The level to stop at; a program has its memory map where it is.

    Raises: InputError for a map of the memory at a level where it is not planned.
    """
    if arguments.pipeline is not None and arguments.to not in (LEVEL_NAMES[-1], PROGRAM):
        raise InputError(f"--pipeline says where to stop{HELP_MARK}leave out --to, or give --to program")
    if not arguments.memory:
        return arguments.to
    if arguments.to not in (LEVEL_NAMES[-1], PROGRAM):
        raise InputError(
            f"memory is planned below the level {arguments.to}{HELP_MARK}leave out --to, or give --to rdu"
        )
    return PROGRAM if isinstance(given, ProgramInput) else arguments.to


def _compile(compiler: Compiler, given: ModuleInput | ProgramInput, target: str) -> dict[str, Any]:
    """The document that `--json` prints, with the text."""
    start = PROGRAM if isinstance(given, ProgramInput) else given.level
    order = [*LEVEL_NAMES, PROGRAM]
    if order.index(start) > order.index(target):
        raise InputError(f"{given.path} is at the level {start} already, below {target}")
    choice, passes, given_pipeline = compiler.choice(), list[dict[str, Any]](), compiler.arguments.pipeline
    remarks: tuple[Diagnostic, ...] = ()
    lowest = LEVEL_NAMES[-1] if target == PROGRAM else target
    levels = levels_between(start, lowest) if isinstance(given, ModuleInput) else []
    if isinstance(given, ModuleInput):
        remarks = compiler.lower(
            given,
            lowest,
            choice,
            lambda name, seconds, _: passes.append({"pass": name, "seconds": seconds}),
        )
    return {
        "version": JSON_VERSION,
        "input": given.path,
        "input_level": start,
        "level": target if given_pipeline is None else _reached(given, target),
        "pipeline": given_pipeline or ",".join(pipeline(level, choice) for level in levels),
        "passes": passes,
        "remarks": [_remark(remark) for remark in remarks],
        "text": _text(compiler, given, target),
    }


def _reached(given: ModuleInput | ProgramInput, target: str) -> str:
    """The level to which a pipeline of the user has led."""
    return level_of(given.module) if isinstance(given, ModuleInput) and target != PROGRAM else target


def _text(compiler: Compiler, given: ModuleInput | ProgramInput, target: str) -> str:
    if target == PROGRAM:
        from ...backends.sn40l.serialize import dump_program

        return dump_program(compiler.emit(given))
    assert isinstance(given, ModuleInput), "a program is below all other levels"
    return f"{given.module!s}\n"


def _remark(remark: Diagnostic) -> dict[str, Any]:
    place = remark.position
    return {
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "message": remark.message,
    }
