"""What `--experts` says, and how a step is timed that command lines describe."""

from __future__ import annotations

from dataclasses import replace

from ..backends.routing import Routing, parse_routing, routing_of
from ..backends.targets import AnyTarget, TimeOptions
from .options import TimingOptions
from .values import HELP_MARK, InputError, opened_path

WAY_OUT = f"{HELP_MARK}give uniform, uniform:SEED, worst, best, or a file: [8, 31, …] or [[0, 7, …], …]"


def routing(text: str | None, target: AnyTarget) -> Routing | None:
    """How many experts a step reads; None where nothing is said.

    Raises: InputError for a seed or a file that says nothing of the kind, and for a target that does not ask.
    """
    if text is None:
        return None
    if not target.has_experts:
        raise InputError(f"the target {target.name} times no choice of experts{HELP_MARK}leave out --experts")
    try:
        return routing_of(text) or replace(parse_routing(_read(text)), source=text)
    except ValueError as error:
        raise InputError(f"--experts {text}: {error}{WAY_OUT}") from None


def _read(path: str) -> str:
    """Raises: ValueError for a file that cannot be read."""
    try:
        with open(opened_path(path), encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise ValueError(f"no word for how experts are chosen, and no file: {error.strerror}") from None


def time_options(timing: TimingOptions, target: AnyTarget) -> TimeOptions:
    """What a command line says of the step that is timed.

    Raises: InputError as `routing` does.
    """
    return TimeOptions(timing.position, timing.orchestration, routing=routing(timing.experts, target))
