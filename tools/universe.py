"""What is installed: what `kl` adds to xDSL, and the targets and frontends of `kl` and of other packages.

Our dialects and passes are found by every xDSL tool through the entry point `xdsl.universe`. Everything is
imported on first use, so that a tool which needs none of it starts as quickly as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, ClassVar, TypeVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Dialect, Operation
from xdsl.passes import ModulePass
from xdsl.universe import XDSL_UNIVERSE, Universe
from xdsl.utils.target import Target as Writer

from ..backends import DEFAULT_TARGET
from ..backends.registry import TARGETS, WRITERS
from ..backends.targets import AnyTarget, Target
from ..frontends import FRONTENDS, Frontend, SavedProgram, Text
from ..passes import PASSES, load_pass
from .plugins import brought_by, left_out, loaded, marked, no_function, warn
from .values import HELP_MARK, InputError

if TYPE_CHECKING:
    from ..frontends.importing.recipe import Recipe

T = TypeVar("T", AnyTarget, Frontend)
AvailablePasses = Mapping[str, Callable[[], type[ModulePass]]]


def _dialect(name: str) -> Dialect:
    return getattr(import_module(f"..dialects.{name}", __package__), name.upper())


DIALECTS: dict[str, Callable[[], Dialect]] = {
    name: partial(_dialect, name)
    for name in ("nn", "collective", "kernel", "dataflow", "rdu", "sequence", "cpu")
}


def _default_pass() -> type[ModulePass]:
    """The pass that stands for default pipelines."""
    return import_module(".lowering", __package__).KlDefaultPass


def _dot_writer() -> type[Writer]:
    """The target that writes graphs."""
    return import_module(".opt.dot", __package__).DotWriter


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
        from .saving import program_text

        target = find_target(self.target)
        output.write(program_text(target, target.compile(module, self.program), module))


KL_UNIVERSE = Universe(
    all_dialects=DIALECTS,
    all_passes={**{name: partial(load_pass, name) for name in PASSES}, "kl-default": _default_pass},
    all_targets={ProgramWriter.name: lambda: ProgramWriter, "dot": _dot_writer, **WRITERS},
)


@cache
def multiverse() -> Universe:
    """What xDSL, `kl` and every other installed package bring; xDSL's own would end at the first broken one.

    A package that takes a name which is there already is left out, with a warning as for what is broken.
    """
    known = Universe()
    for entry, universe in loaded("xdsl.universe", Universe):
        brought, reason = brought_by(entry, universe, known)
        if reason:
            warn(entry, reason)
            continue
        for there, names in zip(vars(known).values(), brought, strict=True):
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
    """The operations of every other installed package, for the model language; a warning for what fails."""
    ours = DIALECTS.keys() | XDSL_UNIVERSE.all_dialects.keys()
    found: list[type[Operation]] = []
    for name, load in multiverse().all_dialects.items():
        if name not in ours:
            with left_out():
                found += load().operations
    return tuple(found)


def foreign_frontends() -> dict[str, Callable[[], type[Any]]]:
    """xDSL frontends of other packages, by name; the universes of xDSL 0.74 have none."""
    known: dict[str, Callable[[], type[Any]]] = getattr(multiverse(), "all_frontends", {})
    return {name: load for name, load in known.items() if name != "mlir"}


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


@cache
def recipes() -> tuple[Recipe, ...]:
    """The recipes of architectures that other packages bring; a warning for what is wrong."""
    from ..frontends.importing.recipe import Recipe
    from ..frontends.importing.recipes import RECIPES

    found: list[Recipe] = []
    known = {name for one in RECIPES for name in (one.name, *one.model_types)}
    for entry, one in loaded("kl.recipes", Recipe):
        names = (one.name, *one.model_types)
        if taken := next((name for name in names if name in known), None):
            warn(entry, f"there is a recipe '{taken}' already")
        else:
            found.append(one)
            known.update(names)
    return tuple(found)


@cache
def _found(group: str, kind: type[T], taken: tuple[str, ...]) -> tuple[T, ...]:
    """What other packages bring by entry points, in the order of its names; a warning for what is wrong."""
    found: dict[str, T] = {}
    for entry, one in loaded(group, kind):
        if one.name in (*taken, *found):
            warn(entry, f"there is a {kind.__name__.lower()} '{one.name}' already")
        elif one.name != entry.name:
            warn(entry, f"it calls itself '{one.name}'")
        elif wrong := no_function(one):
            warn(entry, f"its '{wrong}' is no function")
        else:
            found[one.name] = marked(one)
    return tuple(found.values())


def _is_program(text: str) -> bool:
    return any(target.recognises(text) for target in targets())


def _read_program(ctx: Context, text: Text) -> SavedProgram:
    """The program of whichever target recognises it; the default target says what is wrong with others."""
    shown = text.data.decode("utf-8", "replace")
    target = next((one for one in targets() if one.recognises(shown)), find_target(None))
    unchecked = not text.check and target.verification is not None
    load = target.verification.load if unchecked and target.verification else target.load
    return SavedProgram(target.name, load(text.data))


PROGRAMS = Frontend("program", (".json",), "saved programs", _is_program, _read_program)
"""Saved programs of all targets."""
