"""Operations of which a block has thousands that only a name and a number tell apart.

Verifying each of them would be most of the time that schedules without loops take. What is verified of the
number is that it lies between two bounds, so of operations that are alike, those with the least and the
greatest are verified.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator
from typing import ClassVar

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr
from xdsl.ir import Attribute, Operation
from xdsl.irdl import IRDLOperation


class AlikeOp(IRDLOperation, ABC):
    """An operation whose like may be verified in its place."""

    VARIES: ClassVar[tuple[str, ...]] = ()
    """The properties that may be others in operations that are alike."""

    @property
    @abstractmethod
    def number(self) -> int:
        """What has bounds which the rest of the operation decides; of no meaning where it is wrong."""

    def spelling(self) -> Hashable:
        """All else that is verified; of an operation that is like no other, itself."""
        if self.regions or self.successors or self.next_op is None:
            return self
        values = (_kind(value) if name in self.VARIES else value for name, value in self.properties.items())
        operands, results = self.operand_types, self.result_types
        # Types are compared by identity: hashing them takes longer than making the operation's other keys.
        return type(self), len(operands), *self.properties, *values, *map(id, (*operands, *results))


def _kind(value: Attribute) -> Hashable:
    return type(value), value.elt_type if isinstance(value, DenseArrayBase) else getattr(value, "type", None)


def number_of(attribute: Attribute | None) -> int:
    """The number that an attribute is; 0 of one that is none."""
    return attribute.value.data if isinstance(attribute, IntegerAttr) else 0


def verify_alike(op: Operation) -> None:
    """Verify an operation and those inside, but of operations of a block that are alike no more than two.

    Raises: VerifyException.
    """
    for block in (block for region in op.regions for block in region.blocks):
        for inner in representatives(block.ops):
            verify_alike(inner)
    op.verify(verify_nested_ops=False)


def representatives(ops: Iterable[Operation]) -> Iterator[Operation]:
    """Those of the operations of a block that are right only if all are, in their order."""
    ops, groups = list(ops), dict[Hashable, list[AlikeOp]]()
    for op in ops:
        if isinstance(op, AlikeOp):
            groups.setdefault(op.spelling(), []).append(op)
    others: set[Operation] = set()
    for group in (group for group in groups.values() if len(group) > 2):
        numbers = [op.number for op in group]
        ends = numbers.index(min(numbers)), numbers.index(max(numbers))
        others.update(op for place, op in enumerate(group) if place not in ends)
    return (op for op in ops if op not in others)
