"""A model on several machines, in the variants that levels of optimisation stand for: one table of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..backends.tables import Table, share_text, time_text
from ..backends.targets import AnyTarget, Roofline
from .comparison import Comparison, compared
from .machine_files import Claim, find_machine
from .options import ComparisonOptions
from .universe import find_target
from .values import HELP_MARK, InputError
from .variants import Refused, Timed

UNFUSED, LOOPED = "unfused", "looped"
"""The variants that machines are held against: launch by launch, and one call for all layers."""


@dataclass(frozen=True)
class OnMachine:
    """The variants of a model on one machine."""

    machine: str
    comparison: Comparison

    def timed(self, variant: str) -> Timed | None:
        """A variant, where it is not refused."""
        found = (one for one in self.comparison.results if one.name == variant and isinstance(one, Timed))
        return next(found, None)


@dataclass(frozen=True)
class Machines:
    """A model on several machines; all are held against the last one."""

    machines: tuple[OnMachine, ...]

    @property
    def works(self) -> bool:
        """Whether any variant can be built on any machine."""
        return any(one.comparison.works for one in self.machines)

    def documents(self) -> list[dict[str, Any]]:
        """The JSON, a document for each variant on each machine."""
        return [
            {"machine": one.machine, **document}
            for one in self.machines
            for document in one.comparison.documents()
        ]

    def table(self) -> Table:
        """A row for each variant on each machine."""
        last = self.machines[-1]
        names = [name for name in (UNFUSED, LOOPED) if last.timed(name) is not None]
        columns = [
            "machine",
            "variant",
            "calls/token",
            "time/step",
            "tokens/s",
            "of roofline",
            "of attainable",
        ]
        bases = [base for name in names if (base := last.timed(name)) is not None]
        columns += [f"over {name} {last.machine}" for name in names]
        rows = [[one.machine, *_row(timed, bases)] for one in self.machines for timed in _timed(one)]
        return Table(columns, rows, texts=(0, 1))

    def notes(self) -> Iterator[str]:
        """What is refused, what variants are on machines of another class, and what is published."""
        for one in self.machines:
            for refused in one.comparison.results:
                if isinstance(refused, Refused):
                    yield f"{one.machine}: {refused.name} is refused: {refused.reason}"
        yield from dict.fromkeys(filter(None, map(_legend, self.machines)))
        last = self.machines[-1]
        for one in self.machines:
            if (claim := find_machine(one.machine).claims.get(last.machine)) is not None:
                yield from _held(one, last, claim)


def _held(one: OnMachine, last: OnMachine, claim: Claim) -> Iterator[str]:
    """What is published, and what it becomes here, also against a persistent kernel."""
    mine = one.timed(LOOPED)
    times = [
        f"{base.step_seconds / mine.step_seconds:.2f}x over {words}"
        for name, words in ((UNFUSED, "launch by launch"), (LOOPED, "a persistent kernel"))
        if mine is not None and (base := last.timed(name)) is not None
    ]
    if times:
        yield (
            f"published of {one.machine}, looped, over {last.machine}: up to {claim.times}x "
            f"({claim.source}); here {', '.join(times)}"
        )


def _legend(one: OnMachine) -> str:
    """What variants are on a machine, where its target says that and nothing of further columns."""
    legends = (timed.timing.legend for timed in _timed(one) if not timed.timing.columns)
    return next(legends, "")


def _timed(one: OnMachine) -> Iterator[Timed]:
    return (result for result in one.comparison.results if isinstance(result, Timed))


def _row(result: Timed, bases: Sequence[Timed]) -> list[str]:
    timing = result.timing
    return [
        result.name,
        f"{timing.kernel_calls_per_token}",
        time_text(result.step_seconds),
        f"{timing.tokens_per_second:.1f}",
        *(_share(bound) for bound in (timing.roofline, timing.attainable)),
        *(f"{base.step_seconds / result.step_seconds:.2f}x" for base in bases),
    ]


def _share(bound: Roofline | None) -> str:
    return "" if bound is None else share_text(bound.share)


def compared_machines(options: ComparisonOptions) -> Machines:
    """Compile and time a model on all machines that a command line names.

    Raises: InputError for options that say the machine in another way, or name one twice; and as `compared`.
    """
    assert options.machines is not None, "who asks has looked"
    names = [name.strip() for name in options.machines.split(",")]
    if "" in names:
        raise InputError(f"--machines '{options.machines}' has an empty name{HELP_MARK}write A,B,C")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"--machines has {twice[0]} twice{HELP_MARK}name it once")
    if options.machine.machine is not None or options.machine.target is not None:
        way_out = "leave out --machine and --target"
        raise InputError(f"--machines says which machines and of which class{HELP_MARK}{way_out}")
    _check_modelled(names)
    return Machines(tuple(OnMachine(name, _on(options, name)) for name in names))


def _check_modelled(names: Sequence[str]) -> None:
    """Raises: InputError for a computer whose time is measured: it is in no table with modelled ones."""
    for name in names:
        target = _target_of(name)
        if target is not None and target.time_together is not None:
            what = f"the time of {name} is measured on this computer, that of machines is modelled"
            way_out = f"leave it out: `kl compare MODEL --target {target.name}` measures the variants"
            raise InputError(f"{what}; one table does not hold both{HELP_MARK}{way_out}")


def _target_of(name: str) -> AnyTarget | None:
    """The target of this name, or that of the machine of this name; None where the machine names none."""
    try:
        return find_target(name)
    except InputError:
        kind = find_machine(name).kind
        return None if kind is None else find_target(kind)


def _on(options: ComparisonOptions, name: str) -> Comparison:
    machine = replace(options.machine, machine=name)
    return compared(replace(options, machine=machine), only_levels=True)
