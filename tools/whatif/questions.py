"""The questions of a what-if: machine parameters halved and doubled, curves, and models by sockets."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from ...backends.targets import Timing
from ..compilation import Compiler
from ..examples import examples, find_input
from ..options import CompilerOptions, TimingOptions
from ..parameters import Parameter, parameters_of
from ..terminal import progress
from ..universe import find_target
from ..values import HELP_MARK, OPTIMIZATIONS, STDIN, InputError
from .answers import Answer, Curve, Matrix, Refused, Sensitivity, WhatIf
from .evaluation import answer_of, time_points, timing_of
from .points import Point

SOCKETS = (1, 2, 4, 8, 16)
"""Sockets that are asked for, besides those that are given."""
BATCHES = (1, 2, 4, 8, 16, 32, 64)
CONTEXT_EIGHTHS = (1, 2, 4, 8, 16, 32, 64)
"""Contexts that are asked for, in eighths of the one that is given."""

Ask = Callable[[Point], Answer]


def what_if(compiler: CompilerOptions, timing: TimingOptions, jobs: int | None = None) -> WhatIf:
    """Ask all questions about a model, and time their points on several processes, by default on all cores.

    Raises: InputError for what has its kernels already or is no file, and where the processes cannot work;
        what reading a model raises.
    """
    if compiler.model.input == STDIN:
        raise InputError(f"stdin cannot be asked about{HELP_MARK}give a file, each process reads it again")
    plan = Plan.of(Point(compiler, timing), _machine(compiler))
    with progress("timing what might be") as advance:
        answers = time_points(plan.points(), advance, jobs)
    return plan.answered(answers.__getitem__)


def _machine(options: CompilerOptions) -> tuple[Parameter, ...]:
    """The parameters of the machine that a model is compiled for.

    Raises: InputError for what has its kernels already.
    """
    with redirect_stderr(io.StringIO()):
        given = Compiler.of(options).read()
    if given.level != "nn":
        way_out = f"{HELP_MARK}ask about a model, or IR at the nn level"
        raise InputError(f"{given.path} has its kernels already{way_out}")
    return tuple(parameters_of(given.target.machine(given.module)))


@dataclass(frozen=True)
class Plan:
    """All points of a what-if."""

    point: Point
    base: Timing | Refused
    halves: tuple[Halves, ...]
    curves: tuple[Values, ...]
    counts: tuple[int, ...]
    """Of sockets."""
    rows: dict[str, tuple[Point, ...]]
    """For each of these counts, by model."""

    @staticmethod
    def of(point: Point, machine: tuple[Parameter, ...]) -> Plan:
        """The points around one, whose machine has these parameters."""
        base = timing_of(point)
        given = None if isinstance(base, Refused) else base
        # Without a time to compare with, half and twice say nothing.
        halves = () if given is None else tuple(Halves.of(point, one) for one in machine)
        sockets = next((one.value for one in machine if one.name == "sockets"), None)
        counts = _values(SOCKETS, sockets)
        return Plan(point, base, halves, tuple(_curves(point, sockets, given)), counts, _rows(point, counts))

    def points(self) -> Iterator[Point]:
        """What is to be timed."""
        parts: tuple[Halves | Values, ...] = (*self.halves, *self.curves)
        yield from chain.from_iterable(part.points() for part in parts)
        yield from chain.from_iterable(self.rows.values())

    def answered(self, ask: Ask) -> WhatIf:
        """With the answers."""
        level = self.point.compiler.mapping.optimize
        level = find_target(self.point.compiler.machine.kind).default_level if level is None else level
        return WhatIf(
            Path(self.point.compiler.model.input).stem,
            f"{OPTIMIZATIONS[level]} (-O{level})",
            "" if isinstance(self.base, Refused) else self.base.conditions,
            answer_of("", self.base),
            tuple(one.answered(ask) for one in self.halves),
            tuple(one.answered(ask) for one in self.curves),
            Matrix(self.counts, tuple((name, tuple(map(ask, row))) for name, row in self.rows.items())),
        )


@dataclass(frozen=True)
class Halves:
    """Half and twice the value of a machine parameter; no whole half is refused at once."""

    parameter: Parameter
    halved: Point | Refused
    doubled: Point

    @staticmethod
    def of(point: Point, parameter: Parameter) -> Halves:
        """The points of a parameter."""
        half, rest = divmod(parameter.value, 2)
        halved = point.with_machine(parameter.name, half)
        if rest:
            halved = Refused(halved.change, f"half of {parameter.value} is no whole number")
        return Halves(parameter, halved, point.with_machine(parameter.name, 2 * parameter.value))

    def points(self) -> Iterator[Point]:
        """What is to be timed."""
        yield from () if isinstance(self.halved, Refused) else (self.halved,)
        yield self.doubled

    def answered(self, ask: Ask) -> Sensitivity:
        """With the answers."""
        halved = self.halved if isinstance(self.halved, Refused) else ask(self.halved)
        return Sensitivity(self.parameter, halved, ask(self.doubled))


@dataclass(frozen=True)
class Values:
    """Values of one thing, and their points."""

    axis: str
    given: int | None
    by_value: tuple[tuple[int, Point], ...]
    note: str = ""

    def points(self) -> Iterator[Point]:
        """What is to be timed."""
        yield from (point for _, point in self.by_value)

    def answered(self, ask: Ask) -> Curve:
        """With the answers; one reason for which all points are refused stands for them."""
        points = tuple((value, ask(point)) for value, point in self.by_value)
        reasons = {one.reason if isinstance(one, Refused) else "" for _, one in points}
        if len(reasons) == 1 and "" not in reasons:  # as where a model has no such parameter
            return Curve(self.axis, self.given, (), reasons.pop())
        return Curve(self.axis, self.given, points, self.note)


def _curves(point: Point, sockets: int | None, given: Timing | None) -> Iterator[Values]:
    """The curves over sockets, batch and context."""
    batch = None if given is None else given.tokens // given.steps
    context = None if given is None else given.context_read
    yield _values_of("sockets", sockets, _values(SOCKETS, sockets), point.with_machine)
    yield _values_of("batch", batch, _values(BATCHES, batch), point.with_parameter)
    if context is None:
        yield Values(
            "context", None, (), "no cache is read" if given is not None else "its length is not known"
        )
        return
    contexts = [context * eighths // 8 for eighths in CONTEXT_EIGHTHS if context * eighths % 8 == 0]
    yield _values_of("context", context, tuple(contexts), point.with_parameter)


def _values_of(
    axis: str, given: int | None, values: tuple[int, ...], point_of: Callable[[str, int], Point]
) -> Values:
    return Values(axis, given, tuple((value, point_of(axis, value)) for value in values))


def _values(usual: tuple[int, ...], given: int | None) -> tuple[int, ...]:
    """The usual values and the one that is given, in rising order."""
    return tuple(sorted({*usual, *(() if given is None else (given,))}))


def _rows(point: Point, counts: tuple[int, ...]) -> dict[str, tuple[Point, ...]]:
    """The model as given, then the examples, each by numbers of sockets."""
    own = Path(find_input(point.compiler.model.input))
    others = [one for one in examples("model") if not (own.exists() and one.path.samefile(own))]
    name = str(own) if own.stem in (one.name for one in others) else own.stem
    models = {name: point, **{one.name: point.of_model(one.name) for one in others}}
    return {
        name: tuple(row.with_machine("sockets", count) for count in counts) for name, row in models.items()
    }
