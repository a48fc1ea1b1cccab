"""The measured steps with what they run, by compiling each model kernel by kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xdsl.context import Context
from xdsl.utils.exceptions import DiagnosticException, ParseError

from ...backends.calibration import MeasuredStep
from ...backends.targets import AnyTarget, Choice, TargetError
from ...frontends.source_errors import SourceError
from ..diagnostics import describe
from ..inputs import ModuleInput, read_input
from ..lowering import lower
from ..machines import set_parameters
from ..options import PublishedOptions
from ..sources import find_files, imported
from ..universe import make_context
from ..values import HELP_MARK, InputError, shown_path
from .tables import Measurement, Model

UNFUSED = Choice("op", loop=False)
"""A kernel an operation, as libraries of GPUs have them."""


def program_of(
    target: AnyTarget, machine: Mapping[str, int], model: Model, context: int, choice: Choice = UNFUSED
) -> Any:
    """A step with caches of so many positions, for a machine with the sockets that share the model.

    Raises: InputError, TargetError, SourceError and what lowering raises, where it cannot be compiled.
    """
    ctx = make_context()
    parameters = {**dict(model.parameters), "batch": model.batch, "context": context}
    given = _read(ctx, model, parameters, target)
    set_parameters(target, given.module, {**machine, "sockets": model.sockets})
    lower(ctx, given.module, target.level, choice, target=target)
    return target.compile(given.module, given.name)


def _read(
    ctx: Context, model: Model, parameters: Mapping[str, int | float], target: AnyTarget
) -> ModuleInput:
    if model.type or model.cache:
        files = find_files(model.source)
        if files is None:
            raise InputError(
                f"{shown_path(model.source)} says itself how it is stored{HELP_MARK}"
                "leave out type and cache, or give a config.json"
            )
        form, caches = model.type or None, model.cache or None
        text = imported(files, parameters, PublishedOptions(), quantize=form, cache_type=caches).text
        given = read_input(ctx, f"{files.name}.kl", {}, target.name, text=text)
    else:
        given = read_input(ctx, model.source, parameters, target.name)
    if not isinstance(given, ModuleInput) or given.level != "nn":
        raise InputError(f"{shown_path(model.source)} is no model{HELP_MARK}give its text, or a config.json")
    return given


def measured_steps(
    path: str, rows: Sequence[Measurement], target: AnyTarget, machine: Mapping[str, int]
) -> tuple[MeasuredStep, ...]:
    """What was measured with what it runs, on a machine with the sockets of each row.

    Raises: InputError with the row for a model that cannot be compiled.
    """
    programs: dict[Model, Any] = {}
    for model in dict.fromkeys(one.model for one in rows):
        its = [one for one in rows if one.model == model]
        context = 1 + max(one.position for one in its)
        try:
            programs[model] = program_of(target, machine, model, context)
        except (DiagnosticException, InputError, OSError, ParseError, SourceError, TargetError) as error:
            found = describe(error)
            assert found is not None, "all of these are errors of the input"
            way_out = f"{HELP_MARK}{found.help}" if found.help else ""
            where = f"{shown_path(path)}: row {its[0].line}, column model"
            raise InputError(f"{where}: {found.message}{way_out}") from error
    return tuple(
        MeasuredStep(f"row {one.line}", programs[one.model], one.position, one.seconds, one.group)
        for one in rows
    )
