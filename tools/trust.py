"""Saved programs that were edited: they run only on trust, and every report says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..backends.targets import Timing
from .values import HELP_MARK, InputError

if TYPE_CHECKING:  # reports say what was edited without waiting for the compiler
    from .inputs import Input


def check_trusted(given: Input, *, trust: bool) -> None:
    """Say of a saved program what ties it to no IR, and hold that it is as it was saved, or trusted.

    Raises: InputError for a program that was edited, and for trust in what is no saved program.
    """
    if given.level != "program":
        if trust:
            raise InputError(
                f"{given.path} is no saved program{HELP_MARK}--trust is for programs, IR may be edited"
            )
        return
    from .diagnostics import Diagnostic, report

    found = given.provenance
    if found.untied:
        report(Diagnostic(f"{given.path}: {found.untied}", severity="note"), {}, "kl")
    if found.edited and not trust:
        raise InputError(
            f"{given.path} was {edited_text(found.edited)}{HELP_MARK}--trust takes it as it is, and every"
            " report says so; `kl verify` says what holds of it"
        )


def edited_text(edited: Sequence[str]) -> str:
    """What of a program was edited, in words."""
    return f"edited since it was compiled: {', '.join(edited)}"


def marked(timing: Timing, given: Input) -> Timing:
    """A timing whose reports say what of its program was edited."""
    edited = given.provenance.edited
    if not edited:
        return timing
    trace = timing.trace
    if trace is not None:
        trace = {**trace, "otherData": {**trace.get("otherData", {}), "edited": [*edited]}}
    return replace(timing, edited=edited, trace=trace)
