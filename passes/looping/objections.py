"""What speaks against a loop that is right: that its stacks have no place in memory."""

from __future__ import annotations

from collections.abc import Collection

from xdsl.ir import SSAValue

from ...dialects.nn import size_bytes_of
from ..memory.layout import gap_in_stack
from .call_arguments import Gathered, describe
from .kernel_memory import Root, root_of
from .run_scan import Run


def stack_trouble(run: Run, stacked: Collection[Root]) -> str | None:
    """Why the weights and states that a loop gathers cannot stand one behind another in memory.

    `stacked` holds those that stand in stacks already.
    """
    found = set(stacked)
    for parts in gathered_parts(run):
        gap = gap_in_stack(size_bytes_of(parts[0]))
        if gap is not None:
            return (
                f"{describe(parts[0])} and the like have {gap}, and cannot stand at a constant stride; "
                "declare one stacked weight"
            )
        for part in parts:
            if root_of(part) in found:
                return f"{describe(part)} would stand in two stacks; it has one place in memory"
        found |= set(map(root_of, parts))
    return None


def gathered_parts(run: Run) -> list[tuple[SSAValue, ...]]:
    """The stacks that a loop gathers, each once."""
    arguments = dict.fromkeys(argument for row in run.arguments for argument in row)
    return [argument.parts for argument in arguments if isinstance(argument, Gathered)]
