"""What is installed: what `kl` adds to xDSL, and the targets and frontends of `kl` and of other packages.

Our dialects and passes are found by every xDSL tool through the entry point `xdsl.universe`. Everything is
imported on first use, so that a tool which needs none of it starts as quickly as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import IO, Any, ClassVar, TypeVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Dialect, Operation
from xdsl.passes import ModulePass
from xdsl.universe import XDSL_UNIVERSE, Universe
from xdsl.utils.target import Target as Writer

from ..backends import DEFAULT_TARGET
from ..backends.targets import TARGETS, AnyTarget, Target
from ..frontends import FRONTENDS, Frontend, SavedProgram, Text
from ..passes import PASSES, load_pass
from .diagnostics import Diagnostic, report
from .values import HELP_MARK, InputError

STDIN = "-"
"""The path that stands for standard input."""
T = TypeVar("T", AnyTarget, Frontend)
AvailablePasses = Mapping[str, Callable[[], type[ModulePass]]]


def _dialect(name: str) -> Dialect:
    return getattr(import_module(f"..dialects.{name}", __package__), name.upper())


DIALECTS: dict[str, Callable[[], Dialect]] = {
    name: partial(_dialect, name) for name in ("nn", "collective", "kernel", "dataflow", "rdu")
}


@dataclass(frozen=True)
class ProgramWriter(Writer):
    """`kl-opt … -t kl-program`: a module at the level that its target takes, as a saved program."""

    name: ClassVar[str] = "kl-program"

    program: str = "program"
    """Name of the program in reports."""
    target: str = DEFAULT_TARGET
    """Whose program it is."""

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        """Raises: PassFailedException for a module at another level, InputError for an unknown target."""
        target = find_target(self.target)
        output.write(target.dump(target.compile(module, self.program)))


KL_UNIVERSE = Universe(
    all_dialects=DIALECTS,
    all_passes={name: partial(load_pass, name) for name in PASSES},
    all_targets={ProgramWriter.name: lambda: ProgramWriter},
)


@cache
def multiverse() -> Universe:
    """What xDSL, `kl` and every other installed package bring; xDSL's own would end at the first broken one.

    A package that takes a name which is there already is left out, with a warning as for what is broken.
    """
    known = Universe()
    for entry, universe in _loaded("xdsl.universe", Universe):
        kinds = [(vars(known)[kind], names) for kind, names in vars(universe).items()]
        if taken := [name for there, names in kinds for name in names if name in there]:
            _warn(entry, f"there is a '{taken[0]}' already")
            continue
        for there, names in kinds:
            there.update(names)
    return known


def available_passes() -> AvailablePasses:
    """The passes of xDSL, of `kl` and of every other installed package."""
    return multiverse().all_passes


def make_context() -> Context:
    """A context that knows the dialects of xDSL, of `kl` and of every other installed package."""
    ctx = Context()
    for name, dialect in multiverse().all_dialects.items():
        ctx.register_dialect(name, dialect)
    return ctx


@cache
def other_operations() -> tuple[type[Operation], ...]:
    """The operations of every other installed package, for the model language."""
    ours = DIALECTS.keys() | XDSL_UNIVERSE.all_dialects.keys()
    dialects = multiverse().all_dialects.items()
    return tuple(op for name, load in dialects if name not in ours for op in load().operations)


def find_target(name: str | None) -> AnyTarget:
    """The target of a name; the default one for None.

    Raises: InputError for an unknown name.
    """
    if (ours := TARGETS.get(DEFAULT_TARGET if name is None else name)) is not None:
        return ours()
    found = {target.name: target for target in targets()}
    if name not in found:
        raise InputError(f"unknown target '{name}'{HELP_MARK}known are {', '.join(found)}")
    return found[name]


def targets() -> Iterator[AnyTarget]:
    """Our targets, then those of other packages, which are imported when they are asked for."""
    yield from (load() for load in TARGETS.values())
    yield from _found("kl.targets", Target, tuple(TARGETS))


def frontends(*, programs: bool = True) -> Iterator[Frontend]:
    """Our frontends, then those of other packages, which are imported when they are asked for.

    Without `programs`, that of saved programs is left out.
    """
    yield from (*FRONTENDS, PROGRAMS) if programs else FRONTENDS
    yield from _found("kl.frontends", Frontend, (*(one.name for one in FRONTENDS), PROGRAMS.name))


def find_frontend(path: str, data: bytes, *, programs: bool = True) -> Frontend:
    """The first frontend that recognises what a file holds; else the one that its suffix names.

    Raises: InputError where there is none.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    known: list[Frontend] = []
    for frontend in frontends(programs=programs):
        if text is not None and frontend.recognises(text):
            return frontend
        known.append(frontend)
    suffix = ".mlir" if path == STDIN else Path(path).suffix
    for frontend in known:
        if suffix in frontend.suffixes:
            return frontend
    kinds = [f"{one.description} ({', '.join(one.suffixes)})" for one in known]
    way_out = f"known are {', '.join(kinds[:-1])} and {kinds[-1]}"
    raise InputError(f"{path}: unknown kind of file{HELP_MARK}{way_out}")


@cache
def _found(group: str, kind: type[T], taken: tuple[str, ...]) -> tuple[T, ...]:
    """What other packages bring by entry points, in the order of its names; a warning for what is wrong."""
    found: dict[str, T] = {}
    for entry, loaded in _loaded(group, kind):
        if loaded.name in (*taken, *found):
            _warn(entry, f"there is a {kind.__name__.lower()} '{loaded.name}' already")
        elif loaded.name != entry.name:
            _warn(entry, f"it calls itself '{loaded.name}'")
        else:
            found[loaded.name] = loaded
    return tuple(found.values())


def _loaded(group: str, kind: type[Any]) -> Iterator[tuple[EntryPoint, Any]]:
    """The entry points of a group and what they name, ours and xDSL's first; a warning for what is wrong."""
    entries = entry_points(group=group)
    for entry in sorted(entries, key=lambda entry: (entry.name not in ("kl", "xdsl"), entry.name)):
        try:
            loaded = entry.load()
        except (Exception, SystemExit) as error:  # whatever another package does when it is imported
            _warn(entry, f"{type(error).__name__}: {error}")
            continue
        if isinstance(loaded, kind):
            yield entry, loaded
        else:
            _warn(entry, f"it is no {kind.__name__}")


def _warn(entry: EntryPoint, reason: str) -> None:
    package = f" of the package {entry.dist.name}" if entry.dist is not None else ""
    message = f"{entry.group} '{entry.name}'{package} is left out: {reason}"
    report(Diagnostic(message, severity="warning"), {}, "kl")


def _is_program(text: str) -> bool:
    return any(target.recognises(text) for target in targets())


def _read_program(ctx: Context, text: Text) -> SavedProgram:
    """The program of whichever target recognises it; the default target says what is wrong with others."""
    shown = text.data.decode("utf-8", "replace")
    target = next((one for one in targets() if one.recognises(shown)), find_target(None))
    return SavedProgram(target.name, target.load(text.data))


PROGRAMS = Frontend("program", (".json",), "saved programs", _is_program, _read_program)
"""Saved programs of all targets."""
