"""The memory that the calls of a round touch: which of their operands name memory that another one writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from xdsl.ir import SSAValue

from ...dialects.kernel import Root, StackOp, root_of

Use: TypeAlias = tuple[int, int]
"""A call of a round, and one of its operands."""

Meeting: TypeAlias = tuple[Use, Use]
"""Two operands that touch the same memory in a round, at least one of them to write it."""

Part: TypeAlias = "tuple[Root, int | None]"
"""Memory, and the slice of it; None for all of it."""


@dataclass(frozen=True)
class Touch:
    """A call's use of a `memref`."""

    operand: int
    value: SSAValue
    index: int | None
    """The slice of the value; None for all of it."""
    writes: bool


def meetings(rounds: Iterable[Sequence[Sequence[Touch]]]) -> set[Meeting]:
    """What meets in any of the rounds, from what each call of each round does to memory."""
    found = set[Meeting]()
    for round in rounds:
        touched: dict[Root, dict[int | None, dict[Use, bool]]] = {}
        for call, touches in enumerate(round):
            for touch in touches:
                use = (call, touch.operand)
                for root, part in _parts(touch.value, touch.index):
                    known = touched.setdefault(root, {})
                    found.update((other, use) for other in _met(known, part, touch.writes) if other != use)
                    uses = known.setdefault(part, {})
                    uses[use] = touch.writes or uses.get(use, False)
    return found


def _met(known: dict[int | None, dict[Use, bool]], part: int | None, writes: bool) -> Iterator[Use]:
    """The earlier uses of a part of some memory, or of all of it, that a use depends on."""
    for place in known if part is None else known.keys() & {part, None}:
        yield from (use for use, is_written in known[place].items() if writes or is_written)


def _parts(value: SSAValue, index: int | None) -> Iterator[Part]:
    """The memory that a `memref` operand names."""
    if not isinstance(value.owner, StackOp):
        yield root_of(value), index
        return
    parts = value.owner.parts
    for part in parts if index is None else (parts[index],):
        yield root_of(part), None
