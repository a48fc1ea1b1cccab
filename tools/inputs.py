"""What tools are given to work on: a file, an example, a text or a published model, in whatever language."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from ..backends.targets import AnyTarget, TargetError
from ..backends.verification import Provenance
from ..dialects.module_machine import machine_attribute
from ..dialects.vocabulary import IrLevel
from ..frontends import SavedProgram, Text, load_model
from .driver import check_module, fill_locations, level_of
from .examples import find_input
from .languages import find_frontend
from .options import PublishedOptions
from .sources import Files, check_plain, find_files, imported, report_notes
from .streams import standard_input
from .universe import find_target, other_operations
from .values import HELP_MARK, STDIN, InputError, Number, shown_path


@dataclass(frozen=True)
class Published:
    """What a published model has besides its text."""

    checkpoint: str | None
    """Where its weights are; None for a config alone."""
    unread: tuple[str, ...]
    """The tensors there that the text is known not to read, or not wholly."""
    patterns: tuple[str, ...]
    """Those of `--ignore` that match no key of the config."""


@dataclass(frozen=True)
class Source:
    """The text that lines of locations are counted in."""

    place: str
    """What locations call it: a path, `stdin`, the text of a published model."""
    text: str


@dataclass(frozen=True)
class ModuleInput:
    """IR, with the name of its model, the level that it was given at, and the target to compile it for."""

    path: str
    name: str
    level: IrLevel
    module: ModuleOp
    target: AnyTarget
    published: Published | None = None
    """The published model that it is, if it is one."""
    source: Source | None = None
    """What it was read from."""

    @property
    def provenance(self) -> Provenance:
        """IR is what it is: who edits it means it."""
        return Provenance()


@dataclass(frozen=True)
class ProgramInput:
    """A saved program, and the target that it is for."""

    path: str
    program: Any
    target: AnyTarget
    level: Literal["program"] = "program"
    """Below all levels of the IR; tells it from a module."""

    @property
    def provenance(self) -> Provenance:
        """What is known of where it came from."""
        tell = self.target.provenance
        return Provenance() if tell is None else tell(self.program)


Input = ModuleInput | ProgramInput


def copied(given: Input) -> Input:
    """An input whose module may be changed; a program never is."""
    return given if given.level == "program" else replace(given, module=given.module.clone())


def read_input(
    ctx: Context,
    path: str,
    parameters: Mapping[str, Number],
    target: str | None = None,
    language: str | None = None,
    published: PublishedOptions | None = None,
    *,
    elsewhere: bool = False,
    text: str | None = None,
    lenient: bool = False,
    check: bool = True,
) -> Input:
    """Read a file, an example by its name, or the standard input for `-`, in whatever language it is.

    Weights of a published model come from `elsewhere` if it is set, and patterns of `--ignore` are for those.
    A `text` is what the path stands for, which is then but its name. If it is `lenient`, what has no
    parameters and is not published is left as it is. A saved program goes through all checks, if any.

    Raises: ParseError, VerifyException, TargetError, SourceError or InputError where its content is wrong,
        OSError.
    """
    if text is None and language is None and (files := find_files(path)) is not None:
        return _read_published(files, parameters, target, published or PublishedOptions(), elsewhere)
    if not lenient:
        check_plain(path, published)
    if text is None:
        path, data = _read_plain(path)
    else:
        data = text.encode("utf-8", "surrogateescape")
    frontend = find_frontend(path, data, language)
    if lenient and not frontend.has_parameters:
        parameters = {}
    if parameters and not frontend.has_parameters:
        raise InputError(f"--param changes parameters of a model file (.kl), {path} has none")
    with naming(path):
        read = frontend.read(ctx, Text(path, data, parameters, other_operations, check))
    if isinstance(read, SavedProgram):
        if target not in (None, read.target):
            raise InputError(f"{path} is a program for {read.target} already, not for {target}")
        return ProgramInput(path, read.program, find_target(read.target))
    check_module(read)
    fill_locations(read)
    name = "stdin" if path == STDIN else Path(path).stem
    source = Source(path, data.decode("utf-8", "replace"))
    return ModuleInput(path, name, level_of(read), read, _target_of(path, read, target), source=source)


def _target_of(path: str, module: ModuleOp, asked: str | None) -> AnyTarget:
    """The target that is asked for, or that of the machine which a module names.

    Raises: InputError where both are there and do not agree.
    """
    attribute = machine_attribute(module)
    if attribute is None or asked in (None, attribute.TARGET):
        return find_target(asked if attribute is None else attribute.TARGET)
    target = find_target(asked)
    if level_of(module) == "nn":
        return target
    raise InputError(
        f"{path} has kernels for a machine of the class {attribute.TARGET}, not {asked}{HELP_MARK}"
        "start from the model, or from IR at the nn level"
    )


def _read_plain(path: str) -> tuple[str, bytes]:
    """The path of a file, of an example or of the standard input as it is shown, and what is in it.

    Raises: InputError, OSError.
    """
    path = find_input(path)
    data = standard_input() if path == STDIN else Path(path).read_bytes()
    if path == STDIN and not data.strip():
        raise InputError(f"the standard input is empty{HELP_MARK}give it a model, IR or a program")
    return shown_path(path), data


def _read_published(
    files: Files,
    parameters: Mapping[str, Number],
    target: str | None,
    published: PublishedOptions,
    elsewhere: bool,
) -> ModuleInput:
    """A published model, through its text.

    Raises: SourceError or InputError for what cannot be read, OSError.
    """
    found = imported(files, parameters, published, elsewhere=elsewhere)
    module = load_model(found.text, found.place, {}, other_operations)
    check_module(module)
    fill_locations(module)
    report_notes(found.notes)
    checkpoint = None if files.checkpoint is None else str(files.checkpoint)
    whole = Published(checkpoint, found.unread, found.patterns)
    source = Source(found.place, found.text)
    return ModuleInput(shown_path(files.path), found.name, "nn", module, find_target(target), whole, source)


@contextmanager
def naming(path: str) -> Generator[None]:
    """Name the file in what a target says of no place."""
    try:
        yield
    except TargetError as error:
        if error.location:
            raise
        raise TargetError(f"{path}: {error.message}", way_out=error.way_out) from error
