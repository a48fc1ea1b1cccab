"""What other packages bring, taken in with care: one that is broken stops nothing that does not need it.

A package can fail when it is imported, when what it brings is asked for, and whenever that is called. The
first leaves it out. The second is an error that names it, if something needs it. `blame` sees the third.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from xdsl.ir import Dialect
from xdsl.passes import ModulePass
from xdsl.universe import Universe

from ..backends.targets import AnyTarget
from ..frontends import Frontend
from .blame import Part, PluginError, package_of
from .diagnostics import Diagnostic, report

T = TypeVar("T", bound="AnyTarget | Frontend")
KINDS = {
    "all_dialects": "dialect",
    "all_passes": "pass",
    "all_targets": "target",
    "all_frontends": "frontend",
}
"""What messages call what a universe has."""


def loaded(group: str, kind: type[Any]) -> Iterator[tuple[EntryPoint, Any]]:
    """The entry points of a group and what they name, ours and xDSL's first; a warning for what is wrong."""
    entries = entry_points(group=group)
    for entry in sorted(entries, key=lambda entry: (entry.name not in ("kl", "xdsl"), entry.name)):
        try:
            found = entry.load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever another package does when it is imported, it may exit too
            warn(entry, _said(error))
            continue
        if isinstance(found, kind):
            yield entry, found
        else:
            warn(entry, f"it is no {kind.__name__}")


def brought_by(entry: EntryPoint, universe: Universe, known: Universe) -> tuple[list[dict[str, Any]], str]:
    """What a universe adds to a known one, kind by kind; and why it cannot, if so."""
    brought: list[dict[str, Any]] = []
    for kind, there in vars(known).items():
        names = getattr(universe, kind, {})
        if not isinstance(names, Mapping):
            return [], f"its {kind} are no dictionary"
        if taken := [name for name in names if name in there]:
            return [], f"there is a '{taken[0]}' already"
        if wrong := [name for name, load in names.items() if not (isinstance(name, str) and callable(load))]:
            return [], f"its {KINDS[kind]} '{wrong[0]}' is no function"
        if entry.name in ("kl", "xdsl"):
            brought.append({**names})
        else:
            brought.append(
                {name: _Loader(KINDS[kind], name, _package(entry), load) for name, load in names.items()}
            )
    return brought, ""


@dataclass(frozen=True)
class _Loader:
    """A function of another package that gives a dialect, a pass or a target once it is asked for."""

    kind: str
    name: str
    package: str
    function: Callable[..., Any]

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        """Python's `signature` gives that of the function."""
        return self.function

    def __call__(self, *arguments: Any) -> Any:
        """Raises: PluginError where it fails or gives something else."""
        try:
            found = self.function(*arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if arguments:  # a function that writes IR, of the older kind of targets: it is at work
                raise
            raise self._error(f"cannot be loaded: {_said(error)}") from error
        if reason := _wrong(self.kind, self.name, found):
            raise self._error(reason)
        return found

    def _error(self, reason: str) -> PluginError:
        return PluginError(f"the {self.kind} '{self.name}' of {self.package} {reason}")


def _wrong(kind: str, name: str, found: object) -> str:
    """What is wrong with what a function gave."""
    match kind:
        case "dialect":
            wrong, own = not isinstance(found, Dialect), getattr(found, "name", name)
        case "pass":
            wrong = not (isinstance(found, type) and issubclass(found, ModulePass))
            own = getattr(found, "name", name)
        case _:
            wrong, own = False, name
    if wrong:
        return f"is no {kind}"
    return "" if own == name else f"calls itself '{own}'"


def brings(load: Callable[..., Any]) -> str:
    """The package whose universe has such a function, with its version."""
    function = getattr(load, "func", load)  # those of ours are partial
    whole = load.package if isinstance(load, _Loader) else package_of(function.__module__)
    return whole.removeprefix("the package ")


def no_function(found: AnyTarget | Frontend) -> str | None:
    """The first field of a target or a frontend that should be a function and is none."""
    return next((name for name, value in _functions(found) if not callable(value)), None)


def marked(found: T) -> T:
    """A target or a frontend of another package whose functions say in a traceback whose they are.

    Where it is only asked whether a text is its own, what it raises costs a warning.
    """
    name = f"the {type(found).__name__.lower()} '{found.name}'"
    parts: dict[str, Any] = {field: Part(name, function) for field, function in _functions(found)}
    parts["recognises"] = _Recognises(parts["recognises"])
    return replace(found, **parts)


def _functions(found: AnyTarget | Frontend) -> Iterator[tuple[str, Any]]:
    for one in fields(found):
        value = getattr(found, one.name)
        if str(one.type).startswith("Callable") and not (value is None and one.default is None):
            yield one.name, value


@dataclass(frozen=True)
class _Recognises:
    part: Part

    def __call__(self, text: str) -> bool:
        with left_out(f"{self.part.name} cannot say whether a text is its own"):
            return bool(self.part(text))
        return False


_warned = set[str]()


@contextmanager
def left_out(what: str = "") -> Generator[None]:
    """Go on without what a package cannot do, with a warning, once."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # another package's code may end in anything
        _warn(f"{what}: {_said(error)}" if what else str(error))


def warn(entry: EntryPoint, reason: str) -> None:
    """Say that an entry point is left out, and why."""
    package = f" of the package {entry.dist.name}" if entry.dist is not None else ""
    _warn(f"{entry.group} '{entry.name}'{package} is left out: {reason}")


def _warn(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        report(Diagnostic(message, severity="warning"), {}, "kl")


def _package(entry: EntryPoint) -> str:
    if entry.dist is None:
        return f"the package {entry.module}"
    return f"the package {entry.dist.name} {entry.dist.version}"


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
