"""What a command line says of kernels, memory and passes, and whether that makes sense for an input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from ..backends.targets import Choice
from ..dialects.vocabulary import IR_LEVELS
from .driver import parse_passes
from .lowering import has_effect
from .options import OPTIMIZED, MappingOptions
from .pipelines import Edit, Passes, edited, name_of, unmet
from .universe import available_passes
from .values import HELP_MARK, InputError

OFF = {
    "spill": (False,),
    "resident": (False,),
    "loop": (False,),
    "single_call": (False,),
    "expert_sharding": ("ffn", "auto"),
    "steps_per_call": (1,),
}
"""Values that choose no pass."""


def said(mapping: MappingOptions) -> dict[str, Any]:
    """What a command line says of a choice, without its level, by the field's name."""
    values = {one.name: getattr(mapping, one.name) for one in fields(mapping)}
    return {
        name: values[name] for name in ("spill", "expert_sharding", *OPTIMIZED) if values[name] is not None
    }


def check_mapping(mapping: MappingOptions, path: str, level: str) -> None:
    """Raises: InputError where a choice comes too late for an input at a level."""
    if mapping.pipeline is not None:
        _check_pipeline(mapping, path, level)
    check_names(mapping.edits)
    if mapping.edits and level == "program":
        raise InputError(
            f"{path} is a program already{HELP_MARK}--{mapping.edits[0].where} edits how IR becomes one"
        )
    kernels = [mapping.optimize, *(getattr(mapping, name) for name in OPTIMIZED if name != "resident")]
    if level != "nn" and any(choice is not None for choice in kernels):
        raise InputError(
            f"{path} has its kernels already{HELP_MARK}"
            "-O, --fusion, --loop, --single-call and --steps-per-call choose how a model, or IR at "
            "the nn level, becomes kernels"
        )
    if level != "nn" and mapping.expert_sharding is not None:
        raise InputError(
            f"{path} is split over its sockets already{HELP_MARK}"
            "--expert-sharding says how a model, or IR at the nn level, is"
        )
    if mapping.stop_token is not None and (mapping.steps_per_call or 1) == 1:
        raise InputError(
            f"--stop-token {mapping.stop_token} ends calls of several steps{HELP_MARK}"
            "give --steps-per-call N, too"
        )
    if level in ("rdu", "program") and mapping.spill:
        raise InputError(
            f"{path} has its memory planned already{HELP_MARK}"
            "--spill says how the memory of a model, or of IR above the rdu level, is planned"
        )
    if level not in IR_LEVELS[:2] and mapping.resident is not None:
        raise InputError(
            f"{path} has its units already{HELP_MARK}"
            "--resident chooses how a model, or IR at the nn or kernel level, uses SRAM"
        )


def _check_pipeline(mapping: MappingOptions, path: str, level: str) -> None:
    """Raises: InputError where --pipeline comes too late, or other options say what it says."""
    if level == "program":
        raise InputError(f"{path} is a program already{HELP_MARK}--pipeline says how IR becomes one")
    chosen = (mapping.optimize, mapping.expert_sharding, *(getattr(mapping, name) for name in OPTIMIZED))
    if mapping.spill or any(choice is not None for choice in chosen):
        raise InputError(
            f"--pipeline says all that is done{HELP_MARK}"
            "give -O, --fusion, --loop, --single-call, --steps-per-call, --resident, --spill and"
            " --expert-sharding as passes"
        )
    parse_passes(available_passes(), mapping.pipeline or "")


def check_names(edits: Sequence[Edit]) -> None:
    """Raises: InputError for edits that name no pass, or that put there what is no pipeline."""
    available = available_passes()
    for edit in edits:
        if edit.anchor not in available:
            parse_passes(available, edit.anchor)  # it says which names are close
        parse_passes(available, edit.passes)


def check_edits(edits: Sequence[Edit], passes: Passes) -> None:
    """Raises: InputError for an edit whose pass is not in a pipeline."""
    for edit in unmet(passes, edits):
        names = ", ".join(map(name_of, passes)) or "none"
        raise InputError(f"{edit}: the pipeline has no such pass{HELP_MARK}its passes are {names}")


def check_effects(mapping: MappingOptions, passes: Callable[..., Passes], choice: Choice) -> None:
    """Raises: InputError for an option that chooses nothing but passes that an edit takes out."""
    out = [edit for edit in mapping.edits if edit.where == "without"]
    for name, value in said(mapping).items() if out else ():
        if value in OFF.get(name, ()):
            continue
        if has_effect(name, passes, choice) and not has_effect(
            name, lambda one: edited(passes(one), mapping.edits), choice
        ):
            taken = ", ".join(map(str, out))
            raise InputError(
                f"--{name.replace('_', '-')} has no effect with {taken}{HELP_MARK}leave out one of them"
            )
