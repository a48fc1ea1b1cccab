"""What `kl` is given: a model, IR at any level, or a saved program."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from .diagnostics import HELP_MARK, InputError
from .driver import level_of
from .engine_errors import engine_errors
from .located_parser import LocatedParser, decode
from .options import Number
from .pipeline import check_module, fill_locations
from .universe import other_operations

if TYPE_CHECKING:
    from ..backends.sn40l.program import Program

STDIN = "-"
"""The path of the standard input."""

PROGRAM = "program"
"""The level of a saved program, below all levels of the IR."""


@dataclass(frozen=True)
class ModuleInput:
    """IR, with the name of its model and the level that it was given at."""

    path: str
    name: str
    level: str
    module: ModuleOp


@dataclass(frozen=True)
class ProgramInput:
    """A saved program."""

    path: str
    program: Program


def read_input(ctx: Context, path: str, parameters: Mapping[str, Number]) -> ModuleInput | ProgramInput:
    """Read a file; its suffix says what it holds. `-` is IR on the standard input.

    Raises: ParseError, VerifyException or InputError where its content is wrong, OSError.
    """
    suffix = ".mlir" if path == STDIN else Path(path).suffix
    if parameters and suffix != ".kl":
        raise InputError(f"--param changes parameters of a model file (.kl), {path} has none")
    match suffix:
        case ".kl":
            from ..frontends import load_model

            module = load_model(decode(Path(path).read_bytes(), path), path, parameters, other_operations)
            return ModuleInput(path, Path(path).stem, "nn", module)
        case ".mlir":
            data = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
            name = "stdin" if path == STDIN else Path(path).stem
            module = LocatedParser(ctx, decode(data, path), path).parse_module()
            check_module(module)
            fill_locations(module)
            return ModuleInput(path, name, level_of(module), module)
        case ".json":
            return ProgramInput(path, _read_program(path))
        case _:
            way_out = "known are models (.kl), IR (.mlir) and saved programs (.json)"
            raise InputError(f"{path}: unknown kind of file{HELP_MARK}{way_out}")


def _read_program(path: str) -> Program:
    from ..backends.sn40l.check import check_program
    from ..backends.sn40l.serialize import load_program

    with engine_errors(path):
        program = load_program(path)
        check_program(program)
    return program
