"""Running passes, the levels of the IR, and what is checked of a module."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnknownLoc
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException, PassFailedException

from ..dialects.alike import verify_alike, walk
from ..dialects.failing import raise_about
from ..dialects.vocabulary import IR_LEVELS, IrLevel
from ..passes.diagnostics import remarks_on
from .bounds import bounded
from .diagnostics import Diagnostic, PassError, position_of
from .dominance import check_dominance
from .observer import LOOKS_AWAY, VERIFICATION, Observer
from .pass_text import find_pass, make, parse_specs
from .universe import AvailablePasses


@dataclass(frozen=True)
class Level:
    """A level of the IR: operations of its dialects are legal there, but for some, and all that compute.

    Those of other packages are legal where ours are: whatever their dialect, `nn` computes at all levels.
    """

    name: IrLevel
    dialects: frozenset[str]
    illegal: frozenset[str] = frozenset()

    def allows(self, op: Operation) -> bool:
        """Whether an operation may be left at this level."""
        return op.name not in self.illegal and (op.name.partition(".")[0] in self.dialects or _computes(op))


def _computes(op: Operation) -> bool:
    from ..dialects.operation import ComputeOp  # kl-opt starts without our dialects

    return isinstance(op, ComputeOp)


LEVELS = (
    Level("nn", frozenset({"builtin", "func", "nn", "collective"})),
    Level("kernel", frozenset({"builtin", "kernel", "nn", "collective"}), frozenset({"nn.call"})),
    Level(
        "dataflow",
        frozenset({"builtin", "dataflow", "kernel", "nn", "collective"}),
        frozenset({"nn.call", "kernel.func"}),
    ),
    # Networks stay as they are, now planned; bodies of their stages stay nn operations.
    Level(
        "rdu",
        frozenset({"builtin", "rdu", "dataflow", "nn", "collective"}),
        frozenset({"nn.call", "nn.weight", "nn.state", "nn.get_global"}),
    ),
)
"""All levels, from the model to the machine."""


def level_of(module: ModuleOp) -> IrLevel:
    """The level at which compilation of a module goes on: that of its least lowered part."""
    names = {op.name for op in module.ops}
    if "func.func" in names:
        return "nn"
    if "kernel.func" in names:
        return "kernel"
    if any(name.startswith("rdu.") for name in names):
        return "rdu"
    if "dataflow.kernel" in names:
        return "dataflow"
    return "kernel" if "kernel.schedule" in names else "nn"


def levels_between(start: IrLevel, end: IrLevel) -> Sequence[IrLevel]:
    """The levels to reach one after the other, without `start`, up to and including `end`."""
    return IR_LEVELS[IR_LEVELS.index(start) + 1 : IR_LEVELS.index(end) + 1]


def check_level(module: ModuleOp, name: IrLevel) -> None:
    """Raises: PassFailedException at the first operation that is not legal at a level."""
    level = LEVELS[IR_LEVELS.index(name)]
    for op in _illegal(module, level):
        message = f"{op.name} is left at the {name} level, which has no such operation"
        raise_about(op, PassFailedException(message))


def _illegal(module: ModuleOp, level: Level) -> Iterator[Operation]:
    return (op for op in walk(module) if not level.allows(op))


ShowPass = Callable[[str, float, ModuleOp], None]
"""Sees a pass's name, the seconds it took and the module it made."""


def parse_passes(available: AvailablePasses, text: str) -> tuple[ModulePass, ...]:
    """The passes of a pipeline in xDSL's notation:
    `outline-kernels{granularity=layer},loop-kernels`.

    Raises: InputError for a malformed text, an unknown pass or a wrong option.
    """
    return tuple(make("pass", find_pass(available, spec.name), spec) for spec in parse_specs(text))


def run_passes(
    ctx: Context,
    module: ModuleOp,
    passes: Iterable[ModulePass],
    *,
    verify: bool = True,
    dominance: bool = True,
    show: ShowPass | None = None,
    observer: Observer = LOOKS_AWAY,
) -> None:
    """Run passes and check the module before the first and after each, its dominance only if asked to;
    `show` sees each one's result, and an observer all that is done.

    Raises: DiagnosticException, a PassError that names the pass once one has begun.
    """
    if verify:
        with observer.timing(VERIFICATION):
            check_module(module, dominance=dominance)
    fill_locations(module)
    observer.begin(module)
    for module_pass in _timed(passes, observer):
        observer.before(module_pass, module)
        start = time.perf_counter()
        where, timed = f"in the pass {module_pass.name}", observer.timing(module_pass)
        with _blaming(where), bounded(module_pass, module), timed:
            module_pass.apply(ctx, module)
        seconds = time.perf_counter() - start
        with _blaming(f"found after the pass {module_pass.name}"), observer.timing(VERIFICATION):
            if verify:
                check_module(module, dominance=dominance)
        fill_locations(module)
        observer.after(module_pass, module)
        if show is not None:
            show(module_pass.name, seconds, module)
    observer.end(module)


def _timed(passes: Iterable[ModulePass], observer: Observer) -> Iterator[ModulePass]:
    """The passes; those of default pipelines check levels before they give the next one."""
    left = iter(passes)
    while True:
        with observer.timing(VERIFICATION):
            module_pass = next(left, None)
        if module_pass is None:
            return
        yield module_pass


@contextmanager
def _blaming(where: str) -> Generator[None]:
    try:
        yield
    except DiagnosticException as error:
        raise PassError(where) from error


def check_module(module: ModuleOp, *, dominance: bool = True) -> None:
    """Verify the module and that every value dominates its uses, which `verify` leaves out.

    Raises: VerifyException.
    """
    verify_alike(module)
    if dominance:
        check_dominance(module)


def fill_locations(module: ModuleOp) -> None:
    """Give every operation that a pass has left without a location that of the operation before
    it."""
    nearest = module.location
    for op in walk(module):
        # A pass that makes an operation without its constructor leaves it without even the attribute.
        location = getattr(op, "location", None)
        if location is None or isinstance(location, UnknownLoc):
            op.location = nearest
        else:
            nearest = location


def remarks_of(module: ModuleOp) -> Iterator[Diagnostic]:
    """What the passes have to say to the user about single operations."""
    for op in walk(module):
        for remark in remarks_on(op):
            yield Diagnostic(remark, position_of(op), "remark")
