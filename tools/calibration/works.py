"""The facts of the steps that were measured, by compiling each model kernel by kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xdsl.context import Context
from xdsl.utils.exceptions import DiagnosticException, ParseError

from ...backends.sequence.costs import StepWork
from ...backends.sequence.facts import step_work
from ...backends.targets import AnyTarget, Choice, TargetError
from ...dialects.sequence_machine import SequenceMachine
from ...frontends.source_errors import SourceError
from ..diagnostics import describe
from ..inputs import ModuleInput, read_input
from ..lowering import lower
from ..machines import set_parameters
from ..options import PublishedOptions
from ..sources import find_files, imported
from ..universe import find_target, make_context
from ..values import HELP_MARK, InputError, shown_path
from .constants import Observation
from .tables import Measurement, Model

TARGET = "sequence"


UNFUSED = Choice("op", loop=False)
"""A kernel an operation, as libraries of GPUs have them."""


def step_of(model: Model, context: int, choice: Choice = UNFUSED) -> StepWork:
    """A step with caches of so many positions.

    Raises: InputError, TargetError, SourceError and what lowering raises, where it cannot be compiled.
    """
    ctx, target = make_context(), find_target(TARGET)
    given = _read(ctx, model, {**dict(model.parameters), "batch": model.batch, "context": context})
    _split(given, target, model.sockets)
    lower(ctx, given.module, target.level, choice, target=target)
    return step_work(given.module, given.name)


def _read(ctx: Context, model: Model, parameters: dict[str, int | float]) -> ModuleInput:
    if model.type or model.cache:
        files = find_files(model.source)
        if files is None:
            raise InputError(
                f"{shown_path(model.source)} says itself how it is stored{HELP_MARK}"
                "leave out type and cache, or give a config.json"
            )
        form, caches = model.type or None, model.cache or None
        text = imported(files, parameters, PublishedOptions(), quantize=form, cache_type=caches).text
        given = read_input(ctx, f"{files.name}.kl", {}, TARGET, text=text)
    else:
        given = read_input(ctx, model.source, parameters, TARGET)
    if not isinstance(given, ModuleInput) or given.level != "nn":
        raise InputError(f"{shown_path(model.source)} is no model{HELP_MARK}give its text, or a config.json")
    return given


def _split(given: ModuleInput, target: AnyTarget, sockets: int) -> None:
    set_parameters(target, given.module, {"sockets": sockets})


def observations(
    path: str, measurements: Sequence[Measurement], machine: SequenceMachine
) -> tuple[Observation, ...]:
    """What was measured with what it does, on a machine with the sockets of each.

    Raises: InputError with the row for a model that cannot be compiled.
    """
    works: dict[Model, StepWork] = {}
    for model in dict.fromkeys(one.model for one in measurements):
        its = [one for one in measurements if one.model == model]
        try:
            works[model] = step_of(model, 1 + max(one.position for one in its))
        except (DiagnosticException, InputError, OSError, ParseError, SourceError, TargetError) as error:
            found = describe(error)
            assert found is not None, "all of these are errors of the input"
            way_out = f"{HELP_MARK}{found.help}" if found.help else ""
            where = f"{shown_path(path)}: row {its[0].line}, column model"
            raise InputError(f"{where}: {found.message}{way_out}") from error
    return tuple(_observation(one, works[one.model], machine) for one in measurements)


def _observation(measured: Measurement, work: StepWork, machine: SequenceMachine) -> Observation:
    return Observation(
        f"row {measured.line}",
        work,
        replace(machine, sockets=work.sockets),
        measured.position,
        measured.seconds,
        measured.group,
    )
