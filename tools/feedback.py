"""Feedback: what a later pass finds too much is an objection to an earlier choice, which is taken back.

Most limits of the machine are known late: routes when units have places, units when tiles have sizes. The
choices that lead there come first: how much a kernel holds, which calls become a loop, how many weights stay
in SRAM. So where a pass finds that a kernel needs more units or links than there are, the module is lowered
once more with one of these choices taken back a step, until it fits, and a remark says what and why. A choice
that the user has made is never taken back: then the objection is the error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation
from xdsl.utils.exceptions import DiagnosticException

from ..backends.targets import AnyTarget, Choice
from ..dialects import kernel
from ..dialects.rdu_machine import machine_of
from ..dialects.vocabulary import GRANULARITIES, Granularity, IrLevel
from ..passes.diagnostics import NoRoom
from .diagnostics import Diagnostic, describe, failing_operation, first_clause, position_of
from .driver import level_of, levels_between, remarks_of
from .lowering import default_passes, run_pipeline
from .observer import LOOKS_AWAY, Observer
from .pipelines import Edit, Passes

RETAINED = (7 / 8, 2 / 3, 1 / 2, 1 / 4, 0)
"""Shares of the PMUs that weights have, which they have at most in the first, second… try with fewer."""
OF_A_KERNEL = ("pcus", "pmus", "links")
"""Resources that a kernel needs; of others, the memories, no choice of ours saves any."""
HOLDS: dict[Granularity, str] = {"block": "half a layer", "op": "about an operator"}


@dataclass(frozen=True)
class Retreat:
    """A choice with one part of it taken back."""

    part: str
    """The field of the choice."""
    choice: Choice
    what: str
    """What holds instead, in words."""


@dataclass(frozen=True)
class LoopsFound:
    """What an objection to a kernel says about the loops of a schedule."""

    members: tuple[str, ...] = ()
    """Kernels in the loop that the objection is about, those that are known; none where it is no loop."""
    others: int = 0
    """So many other loops there are."""


@dataclass(frozen=True)
class Kept:
    """What resident weights have where an objection is found."""

    pmus: int = 0
    """They have so many PMUs."""
    free: int = 0
    """So many are left."""
    tries: int = 0
    """How often they have been given fewer."""

    def fewer(self, objection: NoRoom) -> int:
        """PMUs that they get instead: as many less as are missing elsewhere, and ever less if that fails.

        Links are taken to carry less in proportion to the places over which flows spread.
        """
        missing = objection.excess
        if objection.resource == "links":
            missing = self.free * missing / objection.available
        share = RETAINED[min(self.tries, len(RETAINED) - 1)]
        return max(0, int(min(self.pmus - missing, self.pmus * share)))


def retreats(
    choice: Choice, demanded: frozenset[str], loops: LoopsFound, fewer: int | None = None
) -> Iterator[Retreat]:
    """The ways to take back a choice by one step, the one that costs least first.

    `demanded` are the fields that the user has chosen; a loop that is asked for may go while another is left.
    Resident weights get `fewer` PMUs, if there are some.
    """
    if choice.resident and fewer is not None:
        what = f"weights get {fewer} PMUs at most" if fewer else "no weight stays in SRAM"
        yield Retreat("resident", replace(choice, retained=fewer), what)
    new = [name for name in loops.members if name not in choice.unlooped]
    if new and choice.loop and not choice.is_whole and (loops.others or "loop" not in demanded):
        names = " and ".join(f"@{name}" for name in new)
        yield Retreat("loop", replace(choice, unlooped=(*choice.unlooped, *new)), f"{names} is not looped")
    finer = GRANULARITIES[: GRANULARITIES.index(choice.fusion)]
    if finer and "fusion" not in demanded:
        fusion = finer[-1]
        what = f"a kernel holds {HOLDS[fusion]}"
        yield Retreat("fusion", replace(choice, fusion=fusion, unlooped=()), what)


@dataclass(frozen=True)
class Lowered:
    """How a module was lowered."""

    pipeline: Passes
    """What was run in the end."""
    remarks: tuple[Diagnostic, ...]
    """What the passes have to say, and what was taken back."""
    passes: tuple[tuple[str, float], ...]
    """The passes and the seconds that each took."""
    choice: Choice = Choice()
    """The one that it was lowered with in the end; the usual one where the pipeline was given."""
    taken_back: tuple[Diagnostic, ...] = ()
    """Those of the remarks that say what was taken back, and why."""


def run_noted(
    ctx: Context,
    module: ModuleOp,
    passes: Passes,
    target: AnyTarget,
    wanted: IrLevel | None,
    *,
    verify: bool = True,
    observer: Observer = LOOKS_AWAY,
) -> Lowered:
    """Run passes on a module in place, and note what they say at the end of each phase.

    Raises: InputError, DiagnosticException as `run_pipeline` does.
    """
    took, remarks = list[tuple[str, float]](), dict[Diagnostic, None]()
    run_pipeline(
        ctx,
        module,
        passes,
        target,
        wanted,
        verify=verify,
        show=lambda name, seconds, _: took.append((name, seconds)),
        ended=lambda: remarks.update(dict.fromkeys(remarks_of(module))),
        observer=observer,
    )
    return Lowered(passes, tuple(remarks), tuple(took))


@dataclass
class Feedback:
    """Lowers a module, and takes choices back where a pass objects to what they lead to."""

    ctx: Context
    target: AnyTarget
    demanded: frozenset[str]
    """Fields of the choice that the user has made."""
    edits: tuple[Edit, ...] = ()
    """Of each pipeline; the choices that are taken back are others."""
    observer: Observer = LOOKS_AWAY
    """Of all attempts; it sees the one that fits last."""

    def lower(self, module: ModuleOp, start: IrLevel, end: IrLevel, choice: Choice) -> Lowered:
        """Lower a module in place from a level to another.

        Raises: DiagnosticException where a pass fails, and the first objection if nothing can be taken back.
        """
        original, tries = module.clone(), 0
        taken: dict[str, Diagnostic] = {}
        first: DiagnosticException | None = None
        while True:
            try:
                lowered = self._attempt(module, start, end, choice)
                back = tuple(taken.values())
                return replace(lowered, remarks=(*lowered.remarks, *back), taken_back=back)
            except DiagnosticException as error:
                first = first or error
                kept = self._kept(module, tries)
                retreat = self._retreat(error, start, end, original, choice, kept)
                if retreat is None:
                    raise first from first.__cause__
                taken[retreat.part] = _remark(retreat, error)
                tries += retreat.part == "resident"
                if retreat.choice.retained == 0 and retreat.part == "resident":  # now as without --resident
                    first = None
                if retreat.part == "fusion":  # loops are tried anew
                    taken.pop("loop", None)
                choice = retreat.choice
                _restore(module, original)

    def _attempt(self, module: ModuleOp, start: IrLevel, end: IrLevel, choice: Choice) -> Lowered:
        passes = default_passes(self.target, start, end, choice, self.edits)
        # Checking after every pass as well would double the time; it is done where the user brings some.
        lowered = run_noted(
            self.ctx, module, passes, self.target, end, verify=bool(self.edits), observer=self.observer
        )
        return replace(lowered, choice=choice)

    def _kept(self, module: ModuleOp, tries: int) -> Kept:
        """What the weights have that stay in a module as a pass has left it."""
        from ..passes.units.resident_weights import resident_pmus  # with units, which not all targets have

        pmus = resident_pmus(module)
        return Kept(pmus, machine_of(module).pmus - pmus, tries)

    def _retreat(
        self,
        error: DiagnosticException,
        start: IrLevel,
        end: IrLevel,
        original: ModuleOp,
        choice: Choice,
        kept: Kept,
    ) -> Retreat | None:
        """The next choice that runs other passes; None where the error is no objection to any."""
        objection = error.__cause__ if isinstance(error.__cause__, NoRoom) else error
        if not isinstance(objection, NoRoom) or objection.resource not in OF_A_KERNEL:
            return None
        demanded, makes_kernels = self.demanded, "kernel" in levels_between(start, end)
        if not makes_kernels:  # the input has its kernels already
            demanded |= {"fusion", "loop"}
        named = failing_operation(objection)
        may_go = named is not None and makes_kernels and not choice.is_whole
        loops = self._loops(named, original, choice) if may_go and named is not None else None
        fewer = kept.fewer(objection) if kept.pmus else None
        found = retreats(choice, demanded, loops or LoopsFound(), fewer)
        passes = partial(default_passes, self.target, start, end, edits=self.edits)
        before = passes(choice)
        return next((one for one in found if passes(one.choice) != before), None)

    def _loops(self, named: Operation, original: ModuleOp, choice: Choice) -> LoopsFound:
        """The kernels that a loop was made of: without loops they stand where it says it comes from."""
        try:
            whole, unlooped = (self._kernels(original, one) for one in (choice, replace(choice, loop=False)))
        except DiagnosticException:  # a pass that the user has put there takes no kernels without loops
            return LoopsFound()
        plain = {_name(func): func for func in unlooped.ops if isinstance(func, kernel.FuncOp)}
        loops = {_name(op) for op in whole.ops if isinstance(op, kernel.FuncOp)} - {*plain}
        if _name(named) not in loops:
            return LoopsFound()
        place = position_of(named)
        members = tuple(name for name, func in plain.items() if position_of(func) == place)
        return LoopsFound(members, len(loops) - 1)

    def _kernels(self, original: ModuleOp, choice: Choice) -> ModuleOp:
        module = original.clone()
        self._attempt(module, level_of(module), "kernel", choice)
        return module


def _name(op: Operation) -> str:
    name = op.properties.get("sym_name")
    return name.data if isinstance(name, StringAttr) else ""


def _restore(module: ModuleOp, original: ModuleOp) -> None:
    """Make a module what it was."""
    copy = original.clone()
    module.detach_region(module.body)
    module.add_region(copy.detach_region(copy.body))
    module.attributes = dict(copy.attributes)


def _remark(retreat: Retreat, error: DiagnosticException) -> Diagnostic:
    objection = describe(error)
    assert objection is not None, "it is about the input"
    message = f"{retreat.what}, as otherwise {first_clause(objection.message)}"
    return replace(objection, message=message, severity="remark", help=None)
