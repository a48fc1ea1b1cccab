"""What thousands of operations have alike: attributes that are kept, and what is verified of few of them.

A block may have thousands of operations that only a name and a number tell apart. Verifying each of them
would be most of the time that schedules without loops take. What is verified of the number is that it lies
between two bounds, so of operations that are alike, those with the least and the greatest are verified.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator
from functools import lru_cache
from typing import ClassVar

from xdsl.dialects.builtin import BytesAttr, DenseArrayBase, IntegerAttr, IntegerType, i64
from xdsl.ir import Attribute, Block, Operation
from xdsl.irdl import IRDLOperation
from xdsl.utils.exceptions import VerifyException

from .failing import raise_about


@lru_cache(maxsize=4096)
def whole(number: int) -> IntegerAttr[IntegerType]:
    """The attribute of a number, one for all that have it: to make one takes as long as to verify it."""
    return IntegerAttr(number, i64)


@lru_cache(maxsize=4096)
def array(numbers: tuple[int, ...]) -> DenseArrayBase[IntegerType]:
    """The attribute of an array of numbers, likewise."""
    return DenseArrayBase(i64, BytesAttr(i64.pack(numbers)))


@lru_cache(maxsize=4096)
def integers(array: DenseArrayBase[IntegerType]) -> tuple[int, ...]:
    """The numbers of an array."""
    return tuple(map(int, array.get_values()))


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
        if block.is_empty:
            _verify_empty(op, block)
        for inner in representatives(block.ops):
            verify_alike(inner)
    op.verify(verify_nested_ops=False)


def _verify_empty(op: Operation, block: Block) -> None:
    """Raises: VerifyException, about the operation around it, where a block must not be empty."""
    try:
        block.verify()
    except VerifyException as error:
        raise_about(op, error)


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


def walk(root: Operation) -> Iterator[Operation]:
    """An operation and all that are in it, in the order of the text.

    `Operation.walk` makes generators for each operation, though few hold others.
    """
    yield root
    for region in root.regions:
        for block in region.blocks:
            op = block.first_op
            while op is not None:
                behind = op.next_op
                if op.regions:
                    yield from walk(op)
                else:
                    yield op
                op = behind
