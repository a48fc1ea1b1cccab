"""What follows from the commands of a step: which of them need a region, and how many tokens they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

Use = tuple[int, int, Iterable[str]]
"""The first and the last command of those that need some regions, and the regions' names."""


def lifetimes(uses: Iterable[Use], outputs: Sequence[str], commands: int) -> dict[str, tuple[int, int]]:
    """First and last command that need each region; what the step returns is needed to its end."""
    needed: dict[str, tuple[int, int]] = {}
    for first, last, names in (*uses, *((commands, commands, (name,)) for name in outputs)):
        for name in names:
            before, behind = needed.get(name, (first, last))
            needed[name] = min(first, before), max(last, behind)
    return needed


def tokens_made(output: Sequence[int], steps: int) -> int:
    """Tokens that a call makes: the leading extent of its first output, in all its decode steps.

    `output` is the shape of that; with several steps, these are its first axis.
    """
    return prod(output[: 1 if steps == 1 else 2])
