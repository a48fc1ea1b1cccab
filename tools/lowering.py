"""Lowering: from any level down to another, by a target's default pipeline or by any other.

A pass of a default pipeline leads to a level and takes modules of the level above. So wherever the first pass
of a level stands, the phase before it ends and everything is checked, as it is behind the last pass: the
same for all pipelines. Each end is a level that one can print, edit by hand and go on from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from itertools import product
from typing import Any, ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException, PassFailedException

from ..backends import DEFAULT_TARGET
from ..backends.targets import AnyTarget, Choice
from ..dialects.module_machine import sockets_of
from ..dialects.nn import WeightOp
from ..dialects.vocabulary import (
    EXPERT_SHARDINGS,
    GRANULARITIES,
    IR_LEVELS,
    ExpertSharding,
    Granularity,
    IrLevel,
)
from ..passes.sharding.consistency import check_split
from .diagnostics import PassError
from .driver import ShowPass, check_level, check_module, level_of, levels_between, parse_passes, run_passes
from .observer import LOOKS_AWAY, Observer
from .pipelines import Edit, Passes, edited, join_passes, name_of, split_passes
from .universe import available_passes, find_target
from .values import HELP_MARK, InputError

ALTERNATIVES: Mapping[str, tuple[Any, ...]] = {
    "fusion": GRANULARITIES,
    "loop": (True, False),
    "spill": (True, False),
    "expert_sharding": EXPERT_SHARDINGS,
    "resident": (True, False),
    "steps_per_call": (1, 2),
    "stop_token": (None, 0),
    "single_call": (True, False),
}
"""Values of the fields of a choice that a user makes, which differ in their passes where a field has any."""
SHARD = "shard-tensors"
"""The pass that can give a module's machine another number of sockets."""


def default_passes(
    target: AnyTarget, start: IrLevel, end: IrLevel, choice: Choice, edits: Sequence[Edit] = ()
) -> Passes:
    """A target's passes from a level to another, with edits."""
    phases = (target.pipeline(level, choice) for level in levels_between(start, end))
    return edited([one for phase in phases for one in split_passes(phase)], edits)


@cache
def phases(target: AnyTarget) -> Mapping[str, IrLevel]:
    """The level that a pass leads to, for all passes that some choice brings into a target's pipeline."""
    choices = [Choice(**dict(zip(ALTERNATIVES, one, strict=True))) for one in product(*ALTERNATIVES.values())]
    found: dict[str, IrLevel] = {}
    for level in levels_between(IR_LEVELS[0], target.level):
        for text in dict.fromkeys(target.pipeline(level, choice) for choice in choices):
            for one in split_passes(text):
                found.setdefault(name_of(one), level)
    return found


def has_effect(name: str, passes: Callable[[Choice], Passes], choice: Choice) -> bool:
    """Whether it makes a difference to the passes what a field of a choice is."""
    made = (passes(replace(choice, **{name: value})) for value in ALTERNATIVES[name])
    return any(one != passes(choice) for one in made)


def lower(
    ctx: Context,
    module: ModuleOp,
    level: IrLevel,
    choice: Choice,
    show: ShowPass | None = None,
    target: AnyTarget | None = None,
) -> None:
    """Lower a module in place by the default pipeline of a target, from whatever level it is at.

    Raises: DiagnosticException where a pass fails, or where a check after a level does.
    """
    target = find_target(None) if target is None else target
    passes = default_passes(target, level_of(module), level, choice)
    # Checking after every pass as well would double the time; `kl-opt` does it.
    run_pipeline(ctx, module, passes, target, level, verify=False, show=show)


def run_pipeline(
    ctx: Context,
    module: ModuleOp,
    passes: Passes,
    target: AnyTarget,
    wanted: IrLevel | None,
    *,
    verify: bool = True,
    show: ShowPass | None = None,
    ended: Callable[[], None] = lambda: None,
    observer: Observer = LOOKS_AWAY,
) -> None:
    """Run passes on a module in place, with all checks of levels; `ended` is called behind each phase.

    Raises: InputError for passes that are none, DiagnosticException where one fails or a check does, and
        where the last one leaves the module at another level than is wanted.
    """
    made = parse_passes(available_passes(), join_passes(passes))
    steps = phased(module, made, target, wanted, ended)
    run_passes(ctx, module, steps, verify=verify, show=show, observer=observer)


def phased(
    module: ModuleOp,
    passes: Iterable[ModulePass],
    target: AnyTarget,
    wanted: IrLevel | None = None,
    ended: Callable[[], None] = lambda: None,
) -> Iterator[ModulePass]:
    """The passes, each of which is run before the next one is asked for; between them phases are checked.

    Raises: DiagnosticException where a check fails.
    """
    leads_to, at, ran = phases(target), -1, list[str]()
    splits = level_of(module) == IR_LEVELS[0] and SHARD in leads_to
    for one in expanded(module, passes):
        above = IR_LEVELS.index(leads_to[one.name]) - 1 if one.name in leads_to else -1
        if one.name in leads_to:
            _check_not_below(one.name, leads_to[one.name], level_of(module))
        if above > at:
            at = max(above, IR_LEVELS.index(level_of(module)))
            _check(module, IR_LEVELS[at], ran, splits=splits)
            ended()
        yield one
        ran.append(one.name)
    _check(module, level_of(module), ran, splits=splits)
    ended()
    if wanted is not None:
        check_reached(module, target, wanted)


def _check(module: ModuleOp, level: IrLevel, ran: Sequence[str], *, splits: bool) -> None:
    """Check a module behind some passes, which were to split it if that `splits` a model over sockets."""
    try:
        if ran:  # what is given is verified when it is read
            check_module(module)
        check_level(module, level)
        if level in IR_LEVELS[:2]:
            check_split(module)
        if splits and SHARD not in ran and level != IR_LEVELS[0]:
            _check_split(module)
    except DiagnosticException as error:
        if not ran:
            raise
        raise PassError(f"found after the pass {ran[-1]}") from error


def _check_not_below(name: str, leads_to: IrLevel, level: IrLevel) -> None:
    """Raises: PassFailedException for a pass that leads to a level above that which is reached."""
    if IR_LEVELS.index(level) > IR_LEVELS.index(leads_to):
        message = (
            f"the pass {name} leads to the level {leads_to}, and the module is at the level {level} already"
        )
        raise PassFailedException(f"{message}{HELP_MARK}run it before what leads there")


def _check_split(module: ModuleOp) -> None:
    """Raises: PassFailedException for a machine of several sockets over which nothing is split."""
    sockets = sockets_of(module)
    weights = (op for op in module.ops if isinstance(op, WeightOp))
    if sockets > 1 and not any(op.shard_parts is not None for op in weights):
        message = f"the model is for {sockets} sockets, and not split over them"
        raise PassFailedException(f"{message}{HELP_MARK}run {SHARD} before outline-kernels")


def check_reached(module: ModuleOp, target: AnyTarget, wanted: IrLevel) -> None:
    """Raises: PassFailedException where passes have left a module at another level than is wanted."""
    if (reached := level_of(module)) != wanted:
        missing = join_passes(default_passes(target, reached, wanted, Choice()))
        way_out = f"by default it goes on with {missing}" if missing else "leave out what leads below"
        message = f"the pipeline ends at the level {reached}, {wanted} is wanted"
        raise PassFailedException(f"{message}{HELP_MARK}{way_out}")


def expanded(module: ModuleOp, passes: Iterable[ModulePass]) -> Iterator[ModulePass]:
    """The passes one by one; for `kl-default` those that lead on from where the module is by then."""
    for one in passes:
        if isinstance(one, KlDefaultPass):
            yield from one.steps(module)
        else:
            yield one


@dataclass(frozen=True)
class KlDefaultPass(ModulePass):
    """The default pipeline of a target, from the level that the module is at.

    The tools of `kl` run its passes one by one, so that what shows single passes shows them.
    """

    name: ClassVar[str] = "kl-default"

    to: IrLevel | None = None
    """The level to stop at; the target's if None."""
    target: str = DEFAULT_TARGET
    sockets: int = 0
    """Over how many sockets a model is split; those of the module's machine if 0."""
    fusion: Granularity = "layer"
    loop: bool = True
    spill: bool = False
    expert_sharding: ExpertSharding = "ffn"
    resident: bool = False
    steps_per_call: int = 1
    stop_token: int | None = None
    single_call: bool = False
    retained: int | None = None
    """Memory units that resident weights get at most."""
    unlooped: tuple[str, ...] = field(default=())
    """Names of kernels that no loop takes."""

    def __post_init__(self) -> None:
        for holds, message in self._wrong():
            if holds:
                raise ValueError(message)

    def _wrong(self) -> Iterator[tuple[bool, str]]:
        yield self.steps_per_call < 1, f"steps-per-call is {self.steps_per_call}; give 1 or more"
        yield self.sockets < 0, f"sockets is {self.sockets}; give 1 or more"
        single = self.stop_token is not None and self.steps_per_call == 1
        yield single, "stop-token ends calls of several steps; give steps-per-call, too"
        nothing = self.retained is not None and not self.resident
        yield nothing, "retained is about resident weights; give resident=true, too"
        yield bool(self.unlooped) and not self.loop, "unlooped says what no loop takes; leave out loop=false"

    @property
    def choice(self) -> Choice:
        """What its options choose."""
        return Choice(**{one.name: getattr(self, one.name) for one in fields(Choice)})

    def steps(self, module: ModuleOp) -> Iterator[ModulePass]:
        """Its passes, each of which is run before the next one is asked for.

        Raises: InputError for options that come too late for the module, DiagnosticException of a check.
        """
        target, start = find_target(self.target), level_of(module)
        end = self.to or target.level
        for level in (start, end):
            if IR_LEVELS.index(level) > IR_LEVELS.index(target.level):
                raise InputError(f"{self}: the target {target.name} takes the level {target.level}")
        if IR_LEVELS.index(start) > IR_LEVELS.index(end):
            raise InputError(f"{self}: the module is at the level {start} already, below {end}")
        passes = self._passes(target, start, end)
        yield from phased(module, parse_passes(available_passes(), join_passes(passes)), target, end)

    def _passes(self, target: AnyTarget, start: IrLevel, end: IrLevel) -> Passes:
        usual = Choice()
        for name in ALTERNATIVES:
            if getattr(self, name) == getattr(usual, name):
                continue
            whole = has_effect(name, lambda one: default_passes(target, "nn", target.level, one), self.choice)
            if whole and not has_effect(
                name, lambda one: default_passes(target, start, end, one), self.choice
            ):
                raise InputError(_no_effect(f"{self}: {name.replace('_', '-')}", start, end))
        passes = default_passes(target, start, end, self.choice)
        if self.sockets and SHARD not in map(name_of, passes):
            raise InputError(_no_effect(f"{self}: sockets", start, end))
        return with_sockets(passes, self.sockets) if self.sockets else passes

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """For tools that run it as one pass."""
        run_passes(ctx, op, expanded(op, [self]))


def _no_effect(what: str, start: IrLevel, end: IrLevel) -> str:
    return f"{what} has no effect on the passes from the level {start} to {end}{HELP_MARK}leave it out"


def with_sockets(passes: Sequence[str], sockets: int) -> Passes:
    """The passes that split a model over so many sockets."""
    return tuple(_over(one, sockets) if name_of(one) == SHARD else one for one in passes)


def _over(sharding: str, sockets: int) -> str:
    """The pass that splits a model, over so many sockets."""
    options = sharding.removeprefix(SHARD).strip("{}")
    return f"{SHARD}{{{' '.join(filter(None, (f'sockets={sockets}', options)))}}}"
