"""Whose failure it is: which pass, pattern or operation was at work, and the package that brings it.

A traceback says it: what works is `self` of its frames, and each frame belongs to a module of some package.
So nothing has to be noted while all is well.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import GreedyRewritePatternApplier, RewritePattern
from xdsl.utils.target import Target as Writer

GROUPS = ("xdsl.universe", "kl.targets", "kl.frontends", "kl.recipes")
"""The entry points by which packages bring something."""
OURS = ("kl.passes.", "kl.dialects.", "kl.backends.", "kl.explore.")
"""Where our compiler does its work; our tools only call what others bring."""


class PluginError(Exception):
    """A package brings what cannot be used; the text says what and why."""


@dataclass(frozen=True)
class Part:
    """A function of another package, with what messages call it: its frame in a traceback names it."""

    name: str
    function: Callable[..., Any]

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Calls the function."""
        return self.function(*arguments, **named)


@dataclass(frozen=True)
class Blame:
    """What of which package has failed; where in its files, and what of another package was at work."""

    part: str
    package: str
    place: str = ""
    during: str = ""


@dataclass(frozen=True)
class _Frame:
    """What a frame of a traceback says."""

    module: str
    place: str
    is_pass: bool = False
    worker: str = ""
    """What works there, in words; empty for plain functions."""
    brought_by: str = ""
    """The module of its class."""


def blamed(error: BaseException) -> Blame | None:
    """What has failed if it is another package's; None where it is ours, or nobody's.

    The innermost frame of a package that brings something decides. xDSL has frames everywhere, so it is
    blamed only for what it has at work while nothing of ours is.
    """
    frames = _frames(error)
    owned = next((frame for frame in reversed(frames) if _brings_something(_top(frame.module))), None)
    if owned is not None:
        own = [frame for frame in frames if _top(frame.brought_by) == _top(owned.module)]
        part, whole = _at_work(own) or f"the module {owned.module}", _at_work(frames)
        return Blame(part, package_of(owned.module), owned.place, "" if part == whole else whole)
    at_work = [frame for frame in frames if frame.worker]
    if not at_work or _top(at_work[-1].brought_by) == "kl":
        return None
    if any(f"{frame.module}.".startswith(OURS) for frame in frames):
        return None
    return Blame(_at_work(frames), package_of(at_work[-1].brought_by))


def at_work(error: BaseException) -> str:
    """What was at work when an exception came: `the pattern Fuse of the pass fuse-all`; empty for nothing."""
    return _at_work(_frames(error))


def package_of(module: str) -> str:
    """The distribution that brings a module, with its version, for messages."""
    name = _distribution(_top(module))
    if name is None:
        return f"the package {_top(module)}"
    try:
        return f"the package {name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return f"the package {name}"


def _at_work(frames: Sequence[_Frame]) -> str:
    """The innermost worker, and the pass that it belongs to."""
    workers = [frame for frame in frames if frame.worker]
    if not workers:
        return ""
    of_pass = next((frame.worker for frame in reversed(workers) if frame.is_pass), None)
    inner = workers[-1].worker
    return inner if of_pass in (None, inner) else f"{inner} of {of_pass}"


def _frames(error: BaseException) -> list[_Frame]:
    while isinstance(error.__context__, Exception) and _fails_to_emit(error):
        error = error.__context__
    return [
        _read(frame.f_globals, frame.f_locals, frame.f_code.co_filename, line) for frame, line in _walk(error)
    ]


def _walk(error: BaseException):
    return list(traceback.walk_tb(error.__traceback__))


def _fails_to_emit(error: BaseException) -> bool:
    """Whether an error came up while xDSL printed another one with the module, which it had left broken."""
    return any(frame.f_code is Operation.emit_error.__code__ for frame, _ in _walk(error))


def _read(names: dict[str, Any], local: dict[str, Any], file: str, line: int) -> _Frame:
    worker = local.get("self", local.get("cls"))
    kind = worker if isinstance(worker, type) else type(worker)
    module, place = str(names.get("__name__", "")), f"{Path(file).name}:{line}"
    return _Frame(
        module, place, isinstance(worker, ModulePass), _name(worker, kind), _brought_by(worker, kind)
    )


def _brought_by(worker: object, kind: type) -> str:
    return str(getattr(worker.function if isinstance(worker, Part) else kind, "__module__", ""))


def _name(worker: object, kind: type) -> str:
    match worker:
        case Part():
            return worker.name
        case ModulePass():
            return f"the pass {worker.name}"
        case RewritePattern() if not isinstance(worker, GreedyRewritePatternApplier):
            return f"the pattern {kind.__name__}"
        case Writer():
            return f"the target {worker.name}"
        case _ if issubclass(kind, Operation) and kind not in (Operation, ModuleOp):
            return f"the operation {getattr(kind, 'name', kind.__name__)}"
        case _:
            return ""


def _top(module: str) -> str:
    return module.partition(".")[0]


@cache
def _brings_something(top: str) -> bool:
    return top not in ("kl", "xdsl", "") and top not in sys.stdlib_module_names and top in _plugins()


@cache
def _plugins() -> dict[str, str]:
    """The distributions of other packages by the modules that their entry points name."""
    entries = (entry for group in GROUPS for entry in metadata.entry_points(group=group))
    return {_top(entry.value.partition(":")[0].strip()): entry.dist.name for entry in entries if entry.dist}


@cache
def _distribution(top: str) -> str | None:
    return _plugins().get(top) or next(iter(metadata.packages_distributions().get(top, ())), None)
