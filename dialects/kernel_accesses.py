"""What the operations of kernels do to memory, and which of them cannot stand in one kernel.

In a network everything runs at once. An append gives a token to the reads behind it that walk as it does, and
waits for what reads before it have brought; two appends to one cache are not ordered there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Operation, SSAValue
from xdsl.traits import MemoryEffectKind, get_effects

from .accesses import Access, conflicts
from .nn_attention import AttentionOp
from .nn_cache import CacheAppendOp
from .rings import ring_of


@dataclass(frozen=True)
class Touch:
    """An operation reads or writes a memref."""

    op: Operation
    memory: SSAValue
    access: Access
    """Of one cache, in no loop; a position is the value that gives it."""


def touches(op: Operation) -> Iterator[Touch]:
    """What an operation itself does to its memrefs; one that does not tell its effects writes them."""
    memories = [value for value in op.operands if isinstance(value.type, MemRefType)]
    if not memories or op.regions:
        return
    effects = get_effects(op)
    writes = effects is None or any(effect.kind != MemoryEffectKind.READ for effect in effects)
    access = Access(
        writes,
        position=op.position if isinstance(op, CacheAppendOp) else None,
        waits=op.position if isinstance(op, AttentionOp) else None,
        ring=ring_of(op),
    )
    for memory in dict.fromkeys(memories):
        yield Touch(op, memory, access)


@dataclass(frozen=True)
class Piece:
    """Operations that can stand in one kernel."""

    ops: list[Operation]
    cut: tuple[Touch, Touch] | None = None
    """The use of a memref in the piece before that the first operation, with its own, cannot stand behind."""


def ordered_pieces(ops: Iterable[Operation]) -> list[Piece]:
    """Cut a row of operations as rarely as a network can keep the order in which they touch memory."""
    pieces, before = [Piece([])], list[Touch]()
    for op in ops:
        found = list(touches(op))
        cut = next(((a, b) for b in found for a in before if _conflict(a, b)), None)
        if cut is not None:
            pieces.append(Piece([], cut))
            before = []
        pieces[-1].ops.append(op)
        before += found
    return pieces


def _conflict(earlier: Touch, later: Touch) -> bool:
    return earlier.memory is later.memory and any(conflicts(earlier.access, later.access))
